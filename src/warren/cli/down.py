"""`warren down`, `warren leave` and `warren host undo`: off for now, out of a network for good, or a killed daemon's
leftovers gone."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.cli.places import is_folder, places
from warren.client import process
from warren.client.local import LocalClient
from warren.client.process import wait_until_ended
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local.down import DownResult, LeaveRequest, LeaveResult, Undone
from warren.protocol.local.rights import DOWN, LEAVE


def down(parsed: Parsed) -> int:
    """Be off; returns once the daemon's process has ended. Where none runs it is off already: exit code 0."""
    client = local_client(parsed)
    if not client.is_there():
        return _without_socket(parsed, client)
    if not client.is_answering():
        return _clean_up(parsed, client)
    try:
        result = client.post(DOWN, None, DownResult)
    except WarrenError as error:
        if error.code is not Code.DAEMON_UNREACHABLE:
            raise
        return _gone(parsed, client, error)
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


def _without_socket(parsed: Parsed, client: LocalClient) -> int:
    """Off already, or something took the socket's file from a daemon that lives: that one is ended by a signal."""
    state = places(parsed).state
    pid = process.holder(state) if process.may_undo() else 0
    if pid == 0:
        return _off_already(parsed, f"no daemon at {client.path}")
    if not process.end_holder(state):
        raise WarrenError(Code.INTERNAL, f"the daemon (process {pid}) does not end", "see STATE/daemon.log")
    undone = process.undo(client.path, state, off=True)
    if parsed.is_on("json"):
        output.say_json(DownResult(networks=(), pid=pid, warnings=undone.warnings))
        return output.DONE
    output.say(f"off; the daemon (process {pid}) had lost its socket. `warren up` brings it back")
    _say_undone(parsed, undone, is_expected=False)
    return output.DONE


def _gone(parsed: Parsed, client: LocalClient, error: WarrenError) -> int:
    """The daemon went away while it was asked: another `down` was quicker (it takes its socket with it), or it was
    killed. Raises the error where it is still there."""
    ended = client.asked_pid == 0 or wait_until_ended(client.asked_pid)
    if ended and not client.is_there():
        return _off_already(parsed, "another `warren down` was quicker")
    if client.asked_pid != 0 and ended:
        return _clean_up(parsed, client)
    raise error


def _off_already(parsed: Parsed, because: str) -> int:
    if parsed.is_on("json"):
        output.say_json(DownResult(networks=(), pid=0, warnings=()))
    else:
        output.note(f"already off: {because}")
    return output.DONE


def undo(parsed: Parsed) -> int:
    """Undo what a killed daemon left on this host; what is wanted stays wanted. Harmless where nothing was left."""
    place = places(parsed)
    _say_undone(parsed, process.undo(place.socket, place.state, off=False))
    return output.DONE


def _clean_up(parsed: Parsed, client: LocalClient) -> int:
    """Be off where the daemon was killed: by its journal, as root; others get a WarrenError that says how."""
    if not client.is_there():
        return _off_already(parsed, "another `warren down` was quicker")
    state = places(parsed).state
    if not process.may_undo() or not is_folder(state):
        raise _killed(client)
    undone = process.undo(client.path, state, off=True)
    if parsed.is_on("json"):
        output.say_json(DownResult(networks=(), pid=0, warnings=undone.warnings))
        return output.DONE
    output.say("off; the daemon had been killed. `warren up` brings it back")
    _say_undone(parsed, undone)
    return output.DONE


def _say_undone(parsed: Parsed, undone: Undone, *, is_expected: bool = True) -> None:
    if parsed.is_on("json"):
        output.say_json(undone)
        return
    for one in undone.undone:
        output.say(printable(f"undone: {one}"))
    if not undone.undone and is_expected:
        output.note("nothing of a daemon was left on this host")
    for warning in undone.warnings:
        output.note(printable(f"! {warning}"))


def _killed(client: LocalClient) -> WarrenError:
    return WarrenError(
        Code.DAEMON_UNREACHABLE,
        f"no daemon answers on {client.path}; the last one seems to have been killed",
        "undo what it left: warren host undo as root, or warren up, then warren down",
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
    if result.kept_as:
        output.note(printable(f"what is left of it is kept as {result.kept_as}"))
    if not result.told_server:
        output.note(
            "! the server could not be told: it still lists this machine, and nobody else gets its name, until an "
            f"admin ends that: warren member kick {output.pasted(result.name or 'NAME')}"
        )
    return output.DONE
