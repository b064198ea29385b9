"""What we added to the host, on disk before it is added: so that a killed daemon's leftovers are known and undone.

The journal holds the addresses and routes that *may* be on the host because of us. It is written before the first
change of a batch (one sync for all of them) and again after something was removed. What hangs on a link of ours is
remembered in memory only: the kernel removes the TUN of a process that ends, and all that is on it. Routes that lead
nowhere outlive the process, so they are what the file holds. Entries count for the boot and network namespace they
were made in; elsewhere the kernel has forgotten them, and the same route would be another's.

Decides nothing about order or need (`changes.py`). One owner: the reconciler.
"""

from collections.abc import Iterable
from ipaddress import ip_network

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import JOURNAL_MAX_ENTRIES
from warren.node.host.facts import HostItem, HostRoute, RouteKind
from warren.node.storage import Store

FILE = "journal.json"


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A route without a link."""

    kind: RouteKind
    prefix: str
    metric: int
    table: int
    protocol: int


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    routes: list[_Entry] = msgspec.field(default_factory=list)


class Journal:
    """The journal of one state folder, read when it is made."""

    def __init__(self, store: Store, epoch: str) -> None:
        """`epoch` names the boot and network namespace. A damaged journal is set aside by the store, and is empty."""
        self._store = store
        self._epoch = epoch
        try:
            content = store.read(FILE, _parse)
        except WarrenError as error:
            if error.code is not Code.STATE_DAMAGED:
                raise
            content = None
        self._items: frozenset[HostItem] = frozenset()
        if content and content.epoch == epoch:
            self._items = frozenset(_route(entry) for entry in content.routes)

    @property
    def items(self) -> frozenset[HostItem]:
        """What may be on the host because of us."""
        return self._items

    def intend(self, items: Iterable[HostItem]) -> None:
        """These are about to be added; on the disk when this returns. WarrenError STORE_UNAVAILABLE if it cannot be."""
        self._become(self._items | frozenset(items))

    def forget(self, items: Iterable[HostItem]) -> None:
        """These are gone from the host."""
        self._become(self._items - frozenset(items))

    def _become(self, items: frozenset[HostItem]) -> None:
        if len(items) > JOURNAL_MAX_ENTRIES:
            raise WarrenError(Code.TOO_LARGE, f"more than {JOURNAL_MAX_ENTRIES} addresses and routes on this host")
        lasting = _lasting(items)
        if lasting != _lasting(self._items):
            entries = [_entry(route) for route in sorted(lasting, key=repr)]
            self._store.write(FILE, msgspec.json.encode(_Content(epoch=self._epoch, routes=entries)))
        self._items = items


def _lasting(items: frozenset[HostItem]) -> frozenset[HostRoute]:
    return frozenset(item for item in items if isinstance(item, HostRoute) and not item.link)


def _parse(data: bytes) -> _Content:
    content = msgspec.json.decode(data, type=_Content)
    for entry in content.routes:
        ip_network(entry.prefix)  # ValueError is what the store takes for damage
    return content


def _entry(route: HostRoute) -> _Entry:
    return _Entry(
        kind=route.kind,
        prefix=str(route.prefix),
        metric=route.metric,
        table=route.table,
        protocol=route.protocol,
    )


def _route(entry: _Entry) -> HostRoute:
    prefix = ip_network(entry.prefix)
    return HostRoute(prefix, kind=entry.kind, metric=entry.metric, table=entry.table, protocol=entry.protocol)
