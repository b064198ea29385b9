"""Make the host what the plan says, and undo all of it: read, compare, journal, change.

Decides nothing but what a failure stops: where a vital change of a network fails (its blackhole, its tunnel), the rest
of that network waits for the next run, while others go on. Failures of the world are returned, never raised: the
daemon shows them as health and runs again with backoff. Running again is always right, also after a crash in the
middle, because each run starts from what is there.

Must not know maps' origin, the engine or netlink. Invariants: an address or route is in the journal before it is on
the host; only what the journal names is removed; one run at a time.
"""

import asyncio
import contextlib
import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from warren.errors import Code, WarrenError
from warren.failpoints import reach
from warren.log import Log
from warren.model.ids import NetworkId
from warren.node.changes import (
    Actual,
    Change,
    CloseTunnel,
    DropHost,
    DropPeer,
    OpenTunnel,
    PutFilter,
    PutHost,
    PutPeer,
    RaiseTunnel,
    difference,
    wanted_items,
)
from warren.node.dataplane.interface import Dataplane, Tunnel, TunnelSpec, no_rights
from warren.node.host.facts import HostAddress, HostFacts, HostItem, Prefix
from warren.node.journal import Journal
from warren.node.netmap import NetworkMap
from warren.node.plan import HostPlan, Own, plan, refusal

log = Log("host")


class Host(Protocol):
    """The operating system's side. Every method raises OSError where the system refuses."""

    async def facts(self) -> HostFacts:
        """Links, addresses and routes as they are."""

    async def put(self, item: HostItem) -> None:
        """Add an address or route; nothing happens if it is there."""

    async def drop(self, item: HostItem) -> None:
        """Remove exactly this one; nothing happens if it is gone."""

    async def raise_link(self, name: str, mtu: int) -> None:
        """Set a link up, with this MTU and without addresses of the kernel's own making."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A change that could not be made. `network` None: it was about removing something."""

    network: NetworkId | None
    change: Change
    error: WarrenError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run did. The host equals the plan when there are no failures."""

    plan: HostPlan
    made: tuple[Change, ...]
    failures: tuple[Failure, ...]

    def error(self, network: NetworkId) -> WarrenError | None:
        """What is wrong with that network on this host, gravest first; it may be up nevertheless."""
        collisions = [collision for collision in self.plan.collisions if collision.network == network]
        refused = [collision.error() for collision in collisions if not collision.kept]
        failed = [failure.error for failure in self.failures if failure.network == network]
        kept = [collision.error() for collision in collisions if collision.kept]
        return next(iter(refused + failed + kept), None)


class Reconciler:
    """Owns the open tunnels, the journal and the host's changes."""

    def __init__(
        self, host: Host, dataplane: Dataplane, journal: Journal, spec: Callable[[NetworkId], TunnelSpec]
    ) -> None:
        """`spec` gives keys, port and stamps of a network when its tunnel is opened; WarrenError where the network was
        left since its map was taken: a run awaits the host, and meanwhile networks come and go."""
        self._host = host
        self._dataplane = dataplane
        self._journal = journal
        self._spec = spec
        self._tunnels: dict[NetworkId, Tunnel] = {}
        self._one_run = asyncio.Lock()

    @property
    def tunnels(self) -> Mapping[NetworkId, Tunnel]:
        """The open ones; they change only within a run."""
        return self._tunnels

    async def reconcile(self, maps: Sequence[NetworkMap]) -> Outcome:
        """Make the host what these maps want. WarrenError STORE_UNAVAILABLE if the journal cannot be written; then
        nothing was changed."""
        async with self._one_run:
            facts = await self._host.facts()
            wanted = plan(maps, self._own(), facts)
            changes = difference(wanted, self._actual(facts))
            self._journal.intend(wanted_items(wanted))
            reach("journal.intended")
            run = _Run(self, changes)
            await run.make()
            self._forget(self._journal.items - frozenset(wanted_items(wanted)) - run.left)
            self._forget(run.taken_back)
            reach("journal.forgotten")
            return Outcome(wanted, tuple(run.made), tuple(run.failures))

    async def undo(self) -> Outcome:
        """Leave the host as it would be without us."""
        return await self.reconcile(())

    async def preview(self, maps: Sequence[NetworkMap]) -> tuple[HostPlan, tuple[Change, ...]]:
        """The plan for these maps and the changes that a run would make now; nothing is touched."""
        async with self._one_run:
            facts = await self._host.facts()
            wanted = plan(maps, self._own(), facts)
            return wanted, difference(wanted, self._actual(facts))

    async def check(self, prefixes: Sequence[Prefix], maps: Sequence[NetworkMap]) -> None:
        """WarrenError ADDRESS_COLLISION where a network of these prefixes could not come up beside these maps."""
        async with self._one_run:
            error = refusal(prefixes, maps, self._own(), await self._host.facts())
        if error is not None:
            raise error

    def _forget(self, items: frozenset[HostItem] | set[HostItem]) -> None:
        """What is gone stays in the journal where the disk is full: a later run finds it gone, and forgets it then."""
        try:
            self._journal.forget(items)
        except WarrenError as error:
            log.warning("the journal cannot be written", code=error.code.value, reason=error.text)

    def _own(self) -> Own:
        links = {network: tunnel.link for network, tunnel in self._tunnels.items()}
        return Own(links, self._journal.items)

    def _actual(self, facts: HostFacts) -> Actual:
        tunnels = {
            network: OpenTunnel(tunnel.link, tunnel.peers(), tunnel.filter())
            for network, tunnel in self._tunnels.items()
        }
        return Actual(facts, tunnels, self._journal.items)

    async def make(self, change: Change) -> None:
        """One change; OSError or WarrenError where it fails."""
        match change:
            case PutHost():
                await self._host.put(change.item)
            case DropHost():
                await self._host.drop(change.item)
            case RaiseTunnel():
                await self._raise(change)
            case CloseTunnel():
                self._tunnels.pop(change.network).close()
            case PutFilter():
                self._tunnels[change.network].set_filter(change.filter)
            case PutPeer():
                self._tunnels[change.network].set_peer(change.peer)
            case DropPeer():
                self._tunnels[change.network].remove_peer(change.peer.identity)
            case _:
                assert_never(change)

    async def _raise(self, change: RaiseTunnel) -> None:
        if change.network not in self._tunnels:
            spec = self._spec(change.network)
            self._tunnels[change.network] = self._dataplane.open(change.link, change.mtu, spec)
        try:
            await self._host.raise_link(change.link, change.mtu)
        except OSError:
            self._tunnels.pop(change.network).close()
            raise


class _Run:
    """One pass over a list of changes."""

    def __init__(self, reconciler: Reconciler, changes: Sequence[Change]) -> None:
        self.made: list[Change] = []
        self.failures: list[Failure] = []
        self.left: set[HostItem] = set()  # could not be removed: stays in the journal
        self.taken_back: set[HostItem] = set()
        self._reconciler = reconciler
        self._changes = changes
        self._stopped: set[NetworkId] = set()

    async def make(self) -> None:
        for change in self._changes:
            network = None if isinstance(change, DropHost) else change.network
            if network in self._stopped:
                continue
            try:
                reach("change.next")
                await self._reconciler.make(change)
                reach("change.made")
            except (OSError, WarrenError) as error:
                await self._failed(network, change, _explain(change, error))
            except Exception as error:  # noqa: BLE001 - a bug in one change, perhaps of one peer's, stops no other
                log.bug("a change failed", error, what=_describe(change))
                await self._failed(network, change, WarrenError(Code.INTERNAL, f"{_describe(change)}: {error}"))
            else:
                self.made.append(change)

    async def _failed(self, network: NetworkId | None, change: Change, error: WarrenError) -> None:
        self.failures.append(Failure(network, change, error))
        if isinstance(change, DropHost):
            self.left.add(change.item)
        vital = isinstance(change, RaiseTunnel | PutFilter) or (isinstance(change, PutHost) and change.vital)
        if network is None or not vital:
            return
        self._stopped.add(network)
        if error.code is Code.NO_TUN_RIGHTS:
            await self._take_back(network)

    async def _take_back(self, network: NetworkId) -> None:
        """No later run can succeed without a person's help, so nothing of this network stays on the host."""
        for change in reversed(self.made):
            if isinstance(change, PutHost) and change.network == network:
                with contextlib.suppress(OSError):  # it stays in the journal then
                    await self._reconciler.make(DropHost(change.item))
                    self.taken_back.add(change.item)


def _explain(change: Change, error: OSError | WarrenError) -> WarrenError:
    if isinstance(error, WarrenError):
        return error
    what = f"{_describe(change)}: {error.strerror or error}"
    if error.errno == errno.EPERM:
        return no_rights(what)
    if error.errno == errno.EACCES and isinstance(change, PutHost):  # Linux's answer where disable_ipv6 is set
        return WarrenError(Code.HOST_REFUSED, what, "is IPv6 switched off here (sysctl net.ipv6.conf.*.disable_ipv6)?")
    return WarrenError(Code.HOST_REFUSED, what)


def _describe(change: Change) -> str:  # noqa: PLR0911 - one a kind
    match change:
        case PutHost(item=item):
            return f"cannot add {_name(item)}"
        case DropHost(item=item):
            return f"cannot remove {_name(item)}"
        case RaiseTunnel(link=link):
            return f"cannot bring up {link}"
        case CloseTunnel(link=link):
            return f"cannot close {link}"
        case PutFilter():
            return "cannot set the packet filter"
        case PutPeer(peer=peer):
            return f"cannot set peer {peer.name}"
        case DropPeer(peer=peer):
            return f"cannot remove peer {peer.name}"
        case _:
            assert_never(change)


def _name(item: HostItem) -> str:
    if isinstance(item, HostAddress):
        return f"address {item.interface.ip} on {item.link}"
    return f"route {item.prefix} by {item.link}" if item.link else f"{item.kind} route {item.prefix}"
