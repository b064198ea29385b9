"""`warren audit`: who changed who may do what, as the server kept it."""

import itertools

import msgspec

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.moments import show_moment
from warren.cli.server_call import network_name, rest_client
from warren.client.rest import RestClient
from warren.limits import PAGE, PAGE_MAX
from warren.protocol.rest.audit import AuditEntry, AuditPage

_SHOWN_MAX = 100_000  # entries of one command; who wants more asks the API page by page


def audit(parsed: Parsed) -> int:
    """Print the newest entries, the newest last, as a log is read."""
    client = rest_client(parsed)
    wanted = parsed.number("limit", 1, _SHOWN_MAX) or PAGE
    if parsed.is_on("all-networks"):
        path: tuple[str, ...] = ("audit",)
    else:
        path = ("networks", network_name(parsed, client), "audit")
    entries = _newest(client, path, wanted, parsed.text("action") or "")
    if parsed.is_on("json"):
        output.say_json(AuditPage(entries=tuple(entries)))
        return output.DONE
    output.table(("WHEN", "WHO", "DID", "TO", "DETAIL"), [_row(one) for one in reversed(entries)])
    return output.DONE


def _newest(client: RestClient, path: tuple[str, ...], wanted: int, action: str) -> list[AuditEntry]:
    """As many as are wanted, a page at a time."""
    query = {"limit": str(min(PAGE_MAX, wanted))} | ({"action": action} if action else {})
    pages = client.pages(*path, kind=AuditPage, query=query)
    return list(itertools.islice((one for page in pages for one in page.entries), wanted))


def _row(one: AuditEntry) -> tuple[str, ...]:
    when = show_moment(one.at, "%Y-%m-%d %H:%M:%S")
    detail = ", ".join(f"{name} {_plain(value)}" for name, value in one.detail.items() if value not in (None, "", []))
    return (when, one.actor, one.action, one.subject[:16], detail)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
