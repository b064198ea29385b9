"""`/api/v1/audit` and `/api/v1/networks/{network}/audit`: who changed who may do what, the newest first.

GET takes `action` (a word of the log, or the part before its dot), and comes in pages (`paging`).
"""

from typing import Any

import msgspec

from warren.protocol.rest.paging import Page


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `at`: Unix seconds; `network`: its id in hex, empty where it is the server's; `detail` holds no
    secrets."""

    number: int
    at: float
    actor: str
    action: str
    network: str
    subject: str
    detail: dict[str, Any]


class AuditPage(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    entries: tuple[AuditEntry, ...]
