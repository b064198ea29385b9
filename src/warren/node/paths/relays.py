"""The shell of a network's relay agent: gives it a clock, the tunnel, the server's word, papers and the disk.

Decides nothing about relays beyond how they are reached (names are looked up, the addresses of last time are used
meanwhile). What the agent wants becomes calls of the tunnel; what the tunnel hears becomes inputs; the hop to each peer
is told to whoever asked (`on_hop`, the prober), the home relay to the server. Everything here runs on the event loop;
`run` is its task.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from warren.errors import WarrenError
from warren.limits import (
    RELAY_ENDPOINTS_MAX,
    RELAY_LOOK_S,
    RELAY_RESOLVE_EVERY_S,
    RELAY_RESOLVE_MAX_S,
)
from warren.log import Log
from warren.model.addresses import Endpoint, RelayHop, parse_endpoint, parse_port
from warren.model.ids import Identity
from warren.node.control.proxy import Proxy
from warren.node.dataplane.relaying import (
    Carriage,
    ChannelGone,
    ChannelOpened,
    RelayConnected,
    RelayEvent,
    Relaying,
    RelayLost,
    RelaySession,
)
from warren.node.paths.candidates import may_be_a_relay
from warren.node.paths.relay_agent import (
    CloseChannel,
    Hold,
    MoveHome,
    MoveHop,
    OpenChannel,
    RelayAgent,
    Release,
)
from warren.node.paths.relay_book import RelayBook
from warren.node.paths.relay_papers import PaperDesk
from warren.protocol.control.messages import RelayPlace
from warren.protocol.control.messages import Relays as ToldRelays
from warren.protocol.relay.grants import parse_grant

log = Log("relays")


class Owner(Protocol):
    """Whom the relays tell."""

    def relay_hop(self, peer: Identity, hop: RelayHop | None, reason: str) -> None:
        """The way to a peer through relays opened, is another, or is gone (None)."""

    def relay_home(self, relay: int) -> None:
        """This node is to be reached at this relay: the server has to know."""

    def relay_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        """The UDP endpoints of all relays (which answer STUN too), as they are known by now."""


@dataclass(frozen=True, slots=True)
class RelayView:
    """One relay, for people. `carriage` and `rtt_s` None: not connected; `trouble`: why not, if something is known."""

    number: int
    name: str
    is_home: bool
    carriage: Carriage | None
    rtt_s: float | None
    trouble: str


class Relays:
    """The relays of one network. `set_tunnel`, `set_peers` and `handle_told` say what there is; events come in."""

    def __init__(
        self,
        desk: PaperDesk,
        book: RelayBook,
        owner: Owner,
        *,
        unix_time: Callable[[], float],
        proxy: Proxy,
        is_local: bool = False,
    ) -> None:
        """`unix_time`: seconds, never behind a signed date; `proxy`: for the relays' WebSockets. `is_local`: the server
        is on this machine, so its relays may be."""
        self._is_local = is_local
        self._book = book
        self._owner = owner
        self._unix_time = unix_time
        self._proxy = proxy
        self._desk = desk
        self._agent = RelayAgent(book.home, time.monotonic())
        self._tunnel: Relaying | None = None
        self._peers: dict[Identity, int] = {}
        self._troubles: dict[int, str] = {}
        self._carriages: dict[int, Carriage] = {}
        self._resolved_at: dict[str, float] = {}
        self._wake = asyncio.Event()

    # --- what there is ---

    def set_tunnel(self, tunnel: Relaying | None) -> None:
        """The tunnel was opened anew, or closed: sessions and channels of the old one are gone."""
        if tunnel is self._tunnel:
            return
        self._tunnel = tunnel
        self._carriages.clear()
        now = time.monotonic()
        for peer in self._peers:
            if self._agent.hop(peer) is not None:
                self._owner.relay_hop(peer, None, "the tunnel is another")
        self._agent = RelayAgent(self._agent.home or self._book.home, now)
        if tunnel is None:
            return
        self._agent.set_relays(self._usable(), now)
        for peer, home in self._peers.items():
            self._agent.want(peer, home, now)
        self._act()

    def set_peers(self, homes: Mapping[Identity, int]) -> None:
        """The peers that are wanted, each with its home relay as the server told it (0: not told)."""
        for peer, home in homes.items():
            self._book.note_home_of(peer, home)
        self._book.forget_others(homes)
        for peer in [one for one in self._peers if one not in homes]:
            self.unwant(peer)
        for peer, home in homes.items():
            self.want(peer, home)

    def want(self, peer: Identity, home: int) -> None:
        """A way to this peer through relays is wanted; `home` 0: at the home that it had last."""
        home = home or self._book.home_of(peer)
        if self._peers.get(peer) == home:
            return
        self._peers[peer] = home
        if self._tunnel is not None:
            now = time.monotonic()
            self._agent.want(peer, home, now)
            self._act()

    def unwant(self, peer: Identity) -> None:
        """No way to this peer is wanted any more."""
        if self._peers.pop(peer, None) is not None:
            now = time.monotonic()
            self._agent.unwant(peer, now)
            self._act()

    def handle_told(self, told: ToldRelays) -> None:
        """The server told the relays and our grant; kept on disk, and used at once."""
        before = {relay.number: relay for relay in self._book.relays}
        if not self._book.note_told(told.relays, told.grant):
            return
        now = time.monotonic()
        self._agent.set_relays(self._usable(), now)
        self._act()
        self._forget_untold()
        for relay in self._book.relays:
            if relay.number in self._agent.held and (relay.number in before):
                self._connect(relay)  # another grant, or other addresses
        self._tell_endpoints()

    def handle_network_change(self) -> None:
        """This machine is elsewhere, or slept: relays are proved to anew at once, others may be nearer, names may mean
        other addresses."""
        self._resolved_at.clear()
        self._agent.handle_network_change(time.monotonic())
        for place in self._book.relays:
            if place.number in self._agent.held:
                self._connect(place)
        self._act()

    # --- what is heard ---

    def handle_event(self, event: RelayEvent) -> None:
        """Something that the tunnel heard of relays."""
        now = time.monotonic()
        match event:
            case RelayConnected(relay, rtt_s, carriage):
                log.info("a relay is connected", relay=self.name(relay), over=carriage.name.lower())
                self._carriages[relay] = carriage
                self._troubles.pop(relay, None)
                self._agent.handle_connected(relay, rtt_s, now)
            case RelayLost(relay, reason):
                log.info("no session with a relay", relay=self.name(relay), reason=reason)
                self._carriages.pop(relay, None)
                self._troubles[relay] = reason
                self._agent.handle_lost(relay, now)
            case ChannelOpened(peer, hop):
                self._agent.handle_channel(peer, hop, now)
            case ChannelGone(peer, hop):
                self._agent.handle_channel_gone(peer, hop, now)
        self._act()

    def handle_silent(self, peer: Identity, hop: RelayHop) -> None:
        """The peer does not answer through this channel."""
        now = time.monotonic()
        self._agent.handle_silent(peer, hop, now)
        self._act()

    # --- what is asked ---

    @property
    def home(self) -> int:
        """The relay where this node can be reached; 0: none."""
        return self._agent.home

    def name(self, relay: int) -> str:
        """What people call a relay."""
        place = self._place(relay)
        return place.name if place is not None else f"relay {relay}"

    def view(self) -> tuple[RelayView, ...]:
        """Every relay that was told, for people."""
        return tuple(
            RelayView(
                number=place.number,
                name=place.name,
                is_home=place.number == self.home,
                carriage=self._carriages.get(place.number),
                rtt_s=self._agent.round_trip_s(place.number),
                trouble=self._troubles.get(place.number, ""),
            )
            for place in self._book.relays
        )

    # --- life ---

    async def run(self) -> None:
        """Keep deadlines, papers and names, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._book.run())
            tasks.create_task(self._resolve_names())
            tasks.create_task(self._keep_papers())
            while True:
                self._wake.clear()
                due, _ = self._agent.poll_timeout(time.monotonic())
                try:
                    async with asyncio.timeout(max(due - time.monotonic(), 0.0)):
                        await self._wake.wait()
                except TimeoutError:
                    now = time.monotonic()
                    self._agent.handle_timeout(now)
                    self._act()

    def write_now(self) -> None:
        """Write what is not on disk yet; for the end of the process. WarrenError STORE_UNAVAILABLE."""
        self._book.write_now()

    # --- within ---

    def _usable(self) -> tuple[int, ...]:
        """The relays that our grant is good for."""
        try:
            grant, _ = parse_grant(self._book.grant)
        except WarrenError:
            return ()
        if grant.not_after_s <= self._unix_time():
            return ()
        numbers = tuple(relay.number for relay in self._book.relays)
        return tuple(one for one in numbers if grant.relays is None or one in grant.relays)

    def _act(self) -> None:
        tunnel = self._tunnel
        while tunnel is not None and (action := self._agent.poll_action()) is not None:
            try:
                match action:
                    case Hold(relay):
                        place = self._place(relay)
                        if place is not None:
                            self._connect(place)
                    case Release(relay):
                        self._carriages.pop(relay, None)
                        tunnel.remove_relay(relay)
                    case OpenChannel(relay, peer):
                        tunnel.open_channel(relay, peer)
                    case CloseChannel(relay, peer):
                        tunnel.close_channel(relay, peer)
                    case MoveHop(peer, hop, reason):
                        log.debug("the way through relays", peer=peer.hex()[:10], hop=hop, reason=reason)
                        self._owner.relay_hop(peer, hop, reason)
                    case MoveHome(relay, reason):
                        log.info("the home relay", relay=self.name(relay), reason=reason)
                        self._book.note_home(relay)
                        self._owner.relay_home(relay)
            except (WarrenError, ValueError, OSError) as error:
                # the tunnel is being closed, or has no such relay since it could not be used: neither stops the others
                log.warning("a relay cannot be used", reason=str(error))
        self._wake.set()

    def _forget_untold(self) -> None:
        """A server may tell other relays again and again."""
        told = self._book.relays
        numbers = {relay.number for relay in told}
        names = {name for relay in told for name in relay.udp}
        self._desk.forget_others({relay.key for relay in told})
        self._troubles = {one: reason for one, reason in self._troubles.items() if one in numbers}
        self._carriages = {one: carriage for one, carriage in self._carriages.items() if one in numbers}
        self._resolved_at = {name: at for name, at in self._resolved_at.items() if name in names}

    def _connect(self, place: RelayPlace) -> None:
        """Have the tunnel connect, or take new papers and addresses. What the server told of a relay may be of no use:
        that is this relay's trouble alone."""
        if self._tunnel is None:
            return
        try:
            self._set_relay(self._tunnel, place)
        except (WarrenError, ValueError, OSError) as error:
            log.warning("a relay cannot be used", relay=place.name, reason=str(error))
            self._troubles[place.number] = str(error)

    def _set_relay(self, tunnel: Relaying, place: RelayPlace) -> None:
        papers = self._desk.papers(place.key, self._unix_time())
        endpoints = tuple(one for name in place.udp for one in self._addresses(name))
        if not endpoints and not self._may_dial(place.url):
            return  # no name of it has an address yet
        tunnel.set_relay(
            RelaySession(
                relay=place.number,
                relay_key=place.key,
                session_key=papers.session_key,
                certificate=papers.certificate,
                grant=self._book.grant,
                endpoints=endpoints[:RELAY_ENDPOINTS_MAX],
                url=place.url if self._may_dial(place.url) else "",
                proxy=self._proxy.of(_host(place.url)),
            )
        )

    def _place(self, relay: int) -> RelayPlace | None:
        return next((place for place in self._book.relays if place.number == relay), None)

    def _addresses(self, name: str) -> tuple[Endpoint, ...]:
        """Of `HOST:PORT`: itself where it is an address, else what it was when it was looked up last."""
        literal = _literal(name)
        found = (literal,) if literal is not None else self._book.addresses(name)
        return tuple(one for one in found if self._is_local or may_be_a_relay(one))

    def _may_dial(self, url: str) -> bool:
        """A name is looked at by the engine when it has an address."""
        host = _host(url)
        try:
            return self._is_local or may_be_a_relay(Endpoint(ip_address(host), 1))
        except ValueError:
            return host not in {"", "localhost"} and not host.endswith(".localhost")

    def _tell_endpoints(self) -> None:
        found = [one for place in self._book.relays for name in place.udp for one in self._addresses(name)]
        self._owner.relay_endpoints(tuple(dict.fromkeys(found)))

    async def _resolve_names(self) -> None:
        """Look the names of the relays up, and again from time to time."""
        self._tell_endpoints()
        while True:
            now = time.monotonic()
            for place in self._book.relays:
                names = [name for name in place.udp if _literal(name) is None]
                due = [
                    name
                    for name in names
                    if now - self._resolved_at.get(name, -RELAY_RESOLVE_EVERY_S) >= RELAY_RESOLVE_EVERY_S
                ]
                if due and await self._resolve(due):
                    if place.number in self._agent.held:
                        self._connect(place)
                    self._tell_endpoints()
            await asyncio.sleep(1.0)

    async def _resolve(self, names: Sequence[str]) -> bool:
        """Whether one of them has other addresses than before."""
        is_news = False
        for name in names:
            self._resolved_at[name] = time.monotonic()
            found = await _look_up(name)
            if found and found != self._book.addresses(name):
                self._book.note_addresses(name, found)
                is_news = True
        return is_news

    async def _keep_papers(self) -> None:
        """Renew certificates, and look how far the relays are."""
        while True:
            await asyncio.sleep(RELAY_LOOK_S)
            now = time.monotonic()
            self._agent.set_relays(self._usable(), now)
            for relay in self._agent.held:
                place = self._place(relay)
                if place is None or self._tunnel is None:
                    continue
                try:
                    if self._desk.is_due(place.key, self._unix_time()):
                        self._connect(place)
                    stats = self._tunnel.relay_stats(relay)
                except (WarrenError, ValueError, OSError) as error:
                    log.debug("a relay cannot be asked about", reason=str(error))
                    continue
                if stats.carriage is not None and stats.rtt_s is not None:
                    self._agent.handle_connected(relay, stats.rtt_s, now)
            self._act()


def _literal(name: str) -> Endpoint | None:
    try:
        return parse_endpoint(name)
    except WarrenError:
        return None


async def _look_up(name: str) -> tuple[Endpoint, ...]:
    """The addresses of `HOST:PORT`; none where there are none, or nobody says in time."""
    host, _, last = name.rpartition(":")
    port = parse_port(last)
    if not host or not port:
        return ()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RELAY_RESOLVE_MAX_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return ()
    endpoints = []
    for _, _, _, _, place in found:
        text = str(place[0])
        if "%" not in text:
            endpoints.append(Endpoint(ip_address(text), port))
    return tuple(dict.fromkeys(endpoints))[:RELAY_ENDPOINTS_MAX]


def _host(url: str) -> str:
    place = url.partition("://")[2].partition("/")[0]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
