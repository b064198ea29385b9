"""`warren policy`: who may reach whom. `check` needs no server but knows more with one; `show` and `set` act on one."""

import sys
from pathlib import Path

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.errors import Code, WarrenError
from warren.limits import DOCUMENT_MAX_BYTES
from warren.model.names import printable
from warren.policy.language import check as problems_of
from warren.protocol.rest.policies import Policy, PolicyProblem, PolicySet


def show(parsed: Parsed) -> int:
    """Print the policy in force."""
    client = rest_client(parsed)
    found = client.get("networks", network_name(parsed, client), "policy", kind=Policy)
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    for line in found.text.splitlines():
        output.say(printable(line))
    _tell(found)
    return output.DONE


def set_policy(parsed: Parsed) -> int:
    """Replace the policy by a file's."""
    client = rest_client(parsed)
    text = _read(parsed.argument("file"))
    network = network_name(parsed, client)
    found = client.put("networks", network, "policy", body=PolicySet(text=text), kind=Policy)
    if parsed.is_on("json"):
        output.say_json(found)
    else:
        _tell(found)
    acted_on(client, f"set the policy of {network}")
    return output.DONE


def check(parsed: Parsed) -> int:
    """Say what is wrong in a file; exit code 0 where every rule can match. Who is in the network a server knows."""
    text = _read(parsed.argument("file"))
    if parsed.text("server") or parsed.text("network"):
        client = rest_client(parsed)
        body = PolicySet(text=text, check=True)
        found = client.put("networks", network_name(parsed, client), "policy", body=body, kind=Policy)
    else:
        problems = problems_of(text.encode())
        told = tuple(PolicyProblem(line=one.line, column=one.column, text=one.text) for one in problems)
        found = Policy(text=text, problems=told)
    if parsed.is_on("json"):
        output.say_json(found)
    else:
        _tell(found)
    return output.FAILED if found.problems else output.DONE


def _tell(found: Policy) -> None:
    for one in (*found.problems, *found.warnings):
        output.say(printable(f"! line {one.line}, column {one.column}: {one.text}"))


def _read(where: str) -> str:
    try:
        if where == "-":
            return sys.stdin.read(DOCUMENT_MAX_BYTES + 1)
        with Path(where).open(encoding="utf-8") as file:
            return file.read(DOCUMENT_MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"the policy cannot be read from {printable(where)}: {reason}",
            "name a file of JSON that this user may read, or - for standard input",
        ) from error
