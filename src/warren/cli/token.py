"""`warren token`: what programs show a server in a person's name."""

import time

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.server_call import acted_on, rest_client
from warren.cli.units import show_duration
from warren.limits import TOKEN_LIFETIME_MAX_S
from warren.protocol.rest.tokens import Token, TokenCreate, TokenCreated, Tokens

_LIFETIME_S = 90 * 86400
_SCOPES = ("read", "manage", "admin")


def create(parsed: Parsed) -> int:
    """Make a token and print it, alone, on standard output."""
    wanted = _request_of(parsed)
    client = rest_client(parsed)
    made = client.post("tokens", body=wanted, kind=TokenCreated, query=_of(parsed))
    if parsed.is_on("json"):
        output.say_json(made)
        return output.DONE
    output.say(made.secret)
    acted_on(client, f"a token to {wanted.scope} for {show_duration(wanted.expires_s)}")
    return output.DONE


def _request_of(parsed: Parsed) -> TokenCreate:
    given, scope = parsed.duration_s("expires"), parsed.text("scope") or "manage"
    lifetime_s = _LIFETIME_S if given is None else int(given)
    if not 60 <= lifetime_s <= TOKEN_LIFETIME_MAX_S:
        raise UsageError(f"--expires takes from 1m to {TOKEN_LIFETIME_MAX_S // 86400}d")
    if scope not in _SCOPES:
        raise UsageError(f"--scope takes {', '.join(_SCOPES)}, not '{scope}'")
    return TokenCreate(name=parsed.text("name") or "", scope=scope, expires_s=lifetime_s)  # type: ignore[arg-type]


def list_tokens(parsed: Parsed) -> int:
    """Print the tokens of a person."""
    pages = rest_client(parsed).pages("tokens", kind=Tokens, query=_of(parsed))
    found = tuple(one for page in pages for one in page.tokens)
    if parsed.is_on("json"):
        output.say_json(Tokens(tokens=found))
        return output.DONE
    now = time.time()
    rows = [(one.id, one.name, one.scope, _state(one, now)) for one in found]
    output.table(("ID", "NAME", "MAY", "STATE"), rows)
    return output.DONE


def revoke(parsed: Parsed) -> int:
    """End a token."""
    client = rest_client(parsed)
    ended = client.delete("tokens", parsed.argument("id"), kind=Token, query=_of(parsed))
    if parsed.is_on("json"):
        output.say_json(ended)
    acted_on(client, f"revoked {parsed.argument('id')}")
    return output.DONE


def _of(parsed: Parsed) -> dict[str, str]:
    user = parsed.text("user")
    return {} if user is None else {"user": user}


def _state(token: Token, now: float) -> str:
    return f"live for {show_duration(int(token.expires_at - now))}" if token.state == "live" else token.state
