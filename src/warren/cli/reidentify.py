"""`warren reidentify`: a machine that was cloned becomes one of its own."""

from warren.cli import output
from warren.cli.daemon_call import local_client, timeout_s
from warren.cli.grammar import Parsed
from warren.cli.secret import read_secret
from warren.cli.up import describe
from warren.errors import Code, WarrenError
from warren.model.names import parse_host_label, printable
from warren.protocol.local.reidentify import ReidentifyRequest, ReidentifyResult
from warren.protocol.local.rights import REIDENTIFY


def reidentify(parsed: Parsed) -> int:
    """Forget this machine's identity in a network and join anew with the key; asks first, unless --yes."""
    key, hostname, network = parsed.text("auth-key"), parsed.text("hostname"), parsed.text("network")
    request = ReidentifyRequest(
        network=network,
        auth_key=None if key is None else read_secret(key, "auth key"),
        hostname=None if hostname is None else parse_host_label(hostname),
        timeout_s=timeout_s(parsed),
    )
    question = (
        f"become another machine in {printable(network or 'the network')}? This one's keys, name and addresses are "
        "forgotten here; the machine that it is a copy of keeps them."
    )
    if not output.is_confirmed(question, is_yes=parsed.is_on("yes")):
        raise WarrenError(Code.INVALID_ARGUMENT, "it was not confirmed", "add --yes")
    result = local_client(parsed).post(REIDENTIFY, request, ReidentifyResult)
    if parsed.is_on("json"):
        output.say_json(result)
    elif result.joined is not None:
        output.say(describe(result.joined))
    else:
        output.say(printable(f"forgot this machine's identity in {result.network}"))
        output.note("join anew with a key: warren up --server URL --auth-key KEY")
    return output.DONE
