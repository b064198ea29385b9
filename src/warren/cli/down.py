"""`warren down` and `warren leave`: off for now, or out of a network for good."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.client.local import LocalClient
from warren.client.process import has_died, wait_until_ended
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local.down import DownResult, LeaveRequest, LeaveResult
from warren.protocol.local.rights import DOWN, LEAVE


def down(parsed: Parsed) -> int:
    """Be off; returns once the daemon's process has ended. Where none runs it is off already: exit code 0."""
    client = local_client(parsed)
    if not client.is_there():
        output.note(f"already off: no daemon at {client.path}")
        return output.DONE
    if not client.is_answering():
        raise _killed(client)
    try:
        result = client.post(DOWN, None, DownResult)
    except WarrenError as error:
        if error.code is Code.DAEMON_UNREACHABLE and has_died(client):
            raise _killed(client) from error
        raise
    if not wait_until_ended(result.pid):
        raise WarrenError(Code.INTERNAL, f"the daemon (process {result.pid}) does not end", "see STATE/daemon.log")
    if parsed.is_on("json"):
        output.say_json(result)
    else:
        names = ", ".join(printable(name) for name in result.networks)
        output.say(f"off{': ' + names if names else ''}; `warren up` brings it back")
        for warning in result.warnings:
            output.note(printable(f"! {warning}"))
    return output.DONE


def _killed(client: LocalClient) -> WarrenError:
    return WarrenError(
        Code.DAEMON_UNREACHABLE,
        f"no daemon answers on {client.path}; the last one seems to have been killed",
        "undo what it left: warren up, then warren down",
    )


def leave(parsed: Parsed) -> int:
    """Leave one network; asks first, unless --yes."""
    network = parsed.argument("network") or parsed.text("network")
    question = f"leave {printable(network or 'the network')} for good? This node's keys and name in it are forgotten."
    if not output.is_confirmed(question, is_yes=parsed.is_on("yes")):
        raise WarrenError(Code.INVALID_ARGUMENT, "leaving was not confirmed", "add --yes")
    result = local_client(parsed).post(LEAVE, LeaveRequest(network=network), LeaveResult)
    if parsed.is_on("json"):
        output.say_json(result)
        return output.DONE
    output.say(printable(f"left {result.network}"))
    if not result.told_server:
        output.note("! the server could not be told and still lists this node: `warren member kick` there ends it")
    return output.DONE
