"""`warren rekey`: another WireGuard key for this machine, at once instead of after a month."""

from warren.cli import output
from warren.cli.daemon_call import local_client, timeout_s
from warren.cli.grammar import Parsed
from warren.model.names import printable
from warren.protocol.local.rekey import RekeyRequest, RekeyResult
from warren.protocol.local.rights import REKEY

_DAEMONS_PART = 0.9  # of the time: it says why it took longer before the client gives up on it


def rekey(parsed: Parsed) -> int:
    """Change the key and wait until it is in use."""
    request = RekeyRequest(network=parsed.text("network"), timeout_s=_DAEMONS_PART * timeout_s(parsed))
    result = local_client(parsed).post(REKEY, request, RekeyResult)
    if parsed.is_on("json"):
        output.say_json(result)
    else:
        output.note(printable(f"{result.network}: another WireGuard key is in use ({result.after[:10]}…)"))
    return output.DONE
