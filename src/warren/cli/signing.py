"""Signing through the daemon: show what it would sign, ask, and have it signed and sent.

Decides nothing of trust. What is confirmed is the digest of the very lines that were shown."""

import msgspec

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local.network import SignRequest, SignResult
from warren.protocol.local.rights import SIGN

_ROUNDS = 3  # what is to be signed may change while a person reads; then it is shown anew


def sign(parsed: Parsed, request: SignRequest) -> int:
    """Do an act; exit code 0 when the server has it."""
    done = signed(parsed, request)
    if parsed.is_on("json"):
        output.say_json(done)
    else:
        output.note(printable(f"signed and sent for {done.network} (server: {done.server})"))
    return output.DONE


def signed(parsed: Parsed, request: SignRequest) -> SignResult:
    """Show, ask, and return what was signed; WarrenError where a person does not want it."""
    client = local_client(parsed)
    shown = client.post(SIGN, request, SignResult)
    for _ in range(_ROUNDS):
        output.note(printable(f"{shown.network}: the {shown.signer}'s key on this machine signs:"))
        for line in shown.lines:
            output.note(f"  {printable(line)}")
        if shown.code:
            output.note(f"the machine itself has to show these words: {shown.code}")
        if not output.is_confirmed("sign this?", is_yes=parsed.is_on("yes")):
            raise WarrenError(Code.INVALID_ARGUMENT, "it was not confirmed", "add --yes")
        shown = client.post(SIGN, msgspec.structs.replace(request, confirm=shown.digest), SignResult)
        if shown.is_done:
            return shown
        output.note("what is to be signed has changed meanwhile:")
    raise WarrenError(Code.BUSY, "the network changes faster than it can be confirmed", "try again")
