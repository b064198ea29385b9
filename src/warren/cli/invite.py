"""`warren invite`: a link by which others join, signed by this machine.

Decides the link: `URL/i/ID#KEY`. What follows `#` is never sent to a server by a browser."""

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.signing import sign, signed
from warren.cli.units import show_duration
from warren.errors import Code, WarrenError
from warren.limits import KEY_LIFETIME_MAX_S
from warren.protocol.local.network import SignRequest

_LIFETIME_S = 86400


def create(parsed: Parsed) -> int:
    """Make an invite and print its link, alone, on standard output."""
    given = parsed.duration_s("expires")
    lifetime_s = _LIFETIME_S if given is None else int(given)
    if not 1 <= lifetime_s <= KEY_LIFETIME_MAX_S:
        raise UsageError(f"--expires takes from 1s to {KEY_LIFETIME_MAX_S // 86400}d")
    request = SignRequest(
        act="invite",
        network=parsed.text("network"),
        name=parsed.text("hostname") or "",
        uses=parsed.number("uses", 1, 20_000) or 1,
        expires_s=lifetime_s,
        tags=parsed.texts("tag") or (),
    )
    made = signed(parsed, request)
    if parsed.is_on("json"):
        output.say_json(made)
        return output.DONE
    output.say(f"{made.server}/i/{made.secret.split('.')[1]}#{made.secret}")
    output.note(f"good for {show_duration(lifetime_s)}: warren up --invite LINK")
    return output.DONE


def revoke(parsed: Parsed) -> int:
    """End an invite, and the memberships that it gave."""
    request = SignRequest(act="revoke-invite", network=parsed.text("network"), who=(parsed.argument("id"),))
    return sign(parsed, request)


def parse_invite(link: str) -> tuple[str, str]:
    """The server's URL and the key in a link; WarrenError INVALID_KEY."""
    url, found, rest = link.partition("/i/")
    key = rest.partition("#")[2]
    if not found or not key:
        raise WarrenError(Code.INVALID_KEY, "this is not an invite", "it looks like https://…/i/…#wk.…; copy all of it")
    return url, key
