"""`warren network root change`, `warren network recovery`: another root key, by the old one or by admins together.

Decides nothing of trust: the daemon shows what it signs, and a person compares words."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.cli.signing import sign
from warren.limits import RECOVERY_KEYS_MAX
from warren.model.names import printable
from warren.protocol.local.network import RecoveryRequest, RecoveryResult, SignRequest
from warren.protocol.local.rights import RECOVERY


def change(parsed: Parsed) -> int:
    """Replace the root key by one made on this machine."""
    done = sign(parsed, SignRequest(act="root-change", network=_meant(parsed)))
    output.note("the new root key is on this machine: keep a copy offline with `warren network root export`")
    return done


def set_recovery(parsed: Parsed) -> int:
    """Say who may recover the network; most of them together unless told."""
    admins = parsed.words("admins")
    quorum = parsed.number("quorum", 1, RECOVERY_KEYS_MAX) or len(admins) // 2 + 1
    request = SignRequest(
        act="recovery-set", network=parsed.text("network"), who=admins, quorum=quorum if admins else 0
    )
    return sign(parsed, request)


def start(parsed: Parsed) -> int:
    """Propose a root key made on this machine."""
    done = sign(parsed, SignRequest(act="recovery-start", network=_meant(parsed)))
    output.note("the new root key is on this machine; it counts once enough admins sign: warren network recovery sign")
    return done


def second(parsed: Parsed) -> int:
    """Sign what another admin proposed."""
    return sign(parsed, SignRequest(act="recovery-sign", network=parsed.text("network"), name=parsed.argument("key")))


def status(parsed: Parsed) -> int:
    """Show how it stands."""
    shown = local_client(parsed).post(RECOVERY, RecoveryRequest(network=_meant(parsed)), RecoveryResult)
    if parsed.is_on("json"):
        output.say_json(shown)
        return output.DONE
    where = "on this machine" if shown.is_here else "not on this machine"
    often = f", changed {shown.changes} times" if shown.changes else ""
    output.say(f"{'root key':<13} {shown.root[:10]} ({where}){often}")
    who = f"{shown.quorum} of {', '.join(shown.admins)}" if shown.quorum else "nobody; warren network recovery set"
    output.say(printable(f"{'recovery by':<13} {who}"))
    if shown.without_vote:
        gone = ", ".join(shown.without_vote)
        output.say(printable(f"{'no vote':<13} {gone}: ended since; warren network recovery set with others"))
    for one in shown.proposals:
        output.say(printable(f"{'proposed':<13} {one.root[:10]}: {one.words}"))
        output.say(printable(f"{'':<13} signed by {', '.join(one.votes)}; it takes {one.quorum}"))
    return output.DONE


def _meant(parsed: Parsed) -> str | None:
    return parsed.argument("name") or parsed.text("network")
