"""`GET /v1/host/plan`: what the daemon wants of the operating system, and what it would change now."""

import msgspec


class HostItem(msgspec.Struct, frozen=True, kw_only=True):
    """One link, address, route or peer. `action`: `keep`, `add` or `remove`; `text` reads as a person would say it."""

    kind: str
    text: str
    action: str


class HostPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, in the order in which it is applied."""

    items: tuple[HostItem, ...]
