"""One network that this machine is in: its keys, documents, session, paths and pings, joined into one life.

Decides what follows from what: a map update is verified and on disk before the map changes; a changed map makes the
host converge; a tunnel that came is handed to the paths; a record of ours that is missing or old is published. Must
not know the other networks or the local API. Everything here runs on the event loop, in tasks of `run`.
"""

import asyncio
import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import msgspec

from warren.errors import Code, WarrenError
from warren.failpoints import reach
from warren.limits import (
    DUPLICATE_FORGET_S,
    HEADS_TELL_S,
    PAUSE_HANDSHAKES_MAX,
    PAUSE_SESSION_MAX_S,
    PRESENCE_MAX,
    REVERIFY_WAIT_MAX_S,
    SERVER_ANSWER_MAX_S,
    SERVER_WORD_WAIT_S,
)
from warren.log import Log
from warren.model.addresses import Endpoint, RelayHop
from warren.model.ids import Identity, NetworkId
from warren.model.transport import Transport, TransportWish, capabilities, own_transport
from warren.node import keys as node_keys
from warren.node import membership as memberships
from warren.node.adopting import Adopting
from warren.node.control.connection import Connection
from warren.node.control.link import Link, LinkState
from warren.node.control.place import parse_server
from warren.node.control.portal import watch_portal
from warren.node.control.proxy import DIRECT, Proxy
from warren.node.dataplane.interface import PongReceived, Tunnel, TunnelFailed, TunnelSpec
from warren.node.dataplane.relaying import RelayEvent
from warren.node.farewell import Farewell
from warren.node.flow_log import FlowLog
from warren.node.heads import HeadWatch, own_heads
from warren.node.health import Health
from warren.node.host.pause import Pause
from warren.node.keys import NodeKeys
from warren.node.ledger import Held, Ledger
from warren.node.membership import Membership
from warren.node.netmap import Here, NetworkMap, Peer, Presence, build
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.candidates import Prefix
from warren.node.paths.echo import Echoes
from warren.node.paths.endpoints import EndpointBook
from warren.node.paths.interfaces import Surroundings, differences, has_moved
from warren.node.paths.portmap.service import PortMapping
from warren.node.paths.prober import Prober
from warren.node.paths.relay_book import RelayBook
from warren.node.paths.relay_papers import PaperDesk
from warren.node.paths.relays import Relays
from warren.node.paths.signals import Envelopes
from warren.node.paths.silence import watch_silence
from warren.node.paths.translators import Translators
from warren.node.records import newer_record
from warren.node.rekeying import Rekeying
from warren.node.stamps import reserve
from warren.node.storage import Store
from warren.node.tending import Tending
from warren.node.trouble import Trouble, Troubles, keyed
from warren.policy.language import is_readable
from warren.protocol.control.messages import MapUpdate
from warren.protocol.control.messages import Relays as ToldRelays
from warren.trust.batches import Draft, Pen
from warren.trust.clock import SignedClock
from warren.trust.documents import Kind
from warren.trust.office import is_locked
from warren.trust.view import View

log = Log("network")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a network is made of, read from its folder."""

    store: Store
    membership: Membership
    keys: NodeKeys
    ledger: Ledger


class Network:
    """A network in force or on its way there. `map` is None while this node has no part in it."""

    def __init__(
        self,
        parts: Parts,
        health: Health,
        on_change: Callable[[], None],
        on_stillborn: Callable[["Network"], None],
        *,
        proxy: Proxy = DIRECT,
        budget: ProbeBudget | None = None,
        has_fast_aes: bool = False,
    ) -> None:
        """`on_change`: the map changed, the host has to converge. `on_stillborn`: the join never took place. `proxy`:
        the way outside, of the server's session and relays. `budget`: of probes, the whole machine's. `has_fast_aes`:
        of this machine's processor.
        """
        self.parts = parts
        self._keeping = asyncio.Lock()
        self.id: NetworkId = parts.ledger.network
        self.map: NetworkMap | None = None
        self.failure: WarrenError | None = None
        """Why the host could not be made as the map says, if so."""
        self.echoes = Echoes()
        self.flows = FlowLog()
        self.book = EndpointBook(parts.store)
        self.tunnel: Tunnel | None = None
        self._changed = asyncio.Event()
        self._was_connected = False
        self._is_current = False
        self._health = health
        self._has_fast_aes = has_fast_aes
        self._key = f"network/{self.id.hex()}/"
        self._on_change = on_change
        self._on_stillborn = on_stillborn
        self._presence: dict[Identity, Presence] = {}
        self._clock = SignedClock(time.time, time.monotonic)
        me = parts.keys.identity.public
        envelopes = Envelopes(self.id, me, parts.keys.path_keys(time.time()))
        place = parse_server(parts.membership.server).through(proxy)
        self.link = Link(place, self.id, parts.keys.identity, self, _jitter)
        self.prober = Prober(self.id, envelopes, self.book, self.link.signal, self, budget=budget)
        self.rekeying = Rekeying(self)
        self._adopting = Adopting(self, parts.keys.identity)
        self._tending = Tending(self, parts.keys.identity)
        self._farewell = Farewell(self)
        self.portmap = PortMapping(parts.store, self.prober.set_mappings, self._seen)
        self._translators = Translators(self.prober.set_translators)
        self.surroundings = Surroundings()
        self.prober.set_force_relay(forced=parts.membership.force_relay)
        desk = PaperDesk(self.id, parts.keys.identity, os.urandom)
        self.relays = Relays(
            desk, RelayBook(parts.store), self, unix_time=self._clock, proxy=proxy, is_local=place.is_loopback
        )
        self.prober.on_relay_silent = self.relays.handle_silent
        self.prober.relay_name = self.relays.name
        self._troubles = Troubles()
        self._heads = HeadWatch()
        self._tasks: asyncio.TaskGroup | None = None
        self._pump: asyncio.Task[None] | None = None
        self._publishing: asyncio.Task[None] | None = None

    @property
    def me(self) -> Identity:
        """This node in this network."""
        return self.parts.keys.identity.public

    @property
    def name(self) -> str:
        """The network's name, as its settings or the last known ones say."""
        kept = self.parts.membership
        return self.map.name if self.map is not None else kept.alias or kept.name or self.id.hex()[:10]

    @property
    def held(self) -> Held | None:
        """The verified documents in force."""
        return self.parts.ledger.held

    @property
    def as_of(self) -> float | None:
        """Of when the map in force is, Unix seconds."""
        held = self.held
        if held is None:
            return None
        # an open session with nothing to tell says that what is held is current
        return time.time() if self.link.state.state == "connected" else max(held.as_of, self.book.contact_at)

    @property
    def carries(self) -> bool:
        """Whether packets pass to and from everybody who may be reached, by the newest word there is."""
        if self.tunnel is None or self.map is None or not self._is_current:
            return False
        planned = self.tunnel.peers()
        met = (planned.get(peer.identity) for peer in self.map.peers if peer.allowed)
        return all(plan is None or plan.gate_open for plan in met)

    # --- life ---

    @property
    def is_locked(self) -> bool:
        """Whether people alone admit: the owner, admins, and invites of theirs."""
        return self.held is not None and is_locked(self.held.view)

    @property
    def is_waiting(self) -> bool:
        """Whether this machine waits for an admin's word."""
        return self.parts.membership.state == "joining" and self.link.state.code in {None, Code.WAITING}

    def own_removal(self) -> bytes:
        """This node's own word that it leaves, for a locked network; empty elsewhere."""
        held = self.held
        if held is None or not self.is_locked or self.me not in held.view.members:
            return b""
        draft = Draft(held.view, Pen(self.parts.keys.identity), now=int(self._clock()), readable=is_readable)
        draft.remove(self.me)
        return draft.batch().raws[0]

    def now(self) -> int:
        """Unix seconds, never before what was signed."""
        return int(self._clock())

    async def take(self, raws: Sequence[bytes]) -> None:
        """Take documents that this machine itself made or brought."""
        await self._take(raws)

    def load(self) -> None:
        """Take up what is on disk. WarrenError STATE_DAMAGED where it may not be used."""
        self.parts.ledger.load(self._clock(), self._clock.latest)
        self._rebuild()

    async def run(self, first: Connection | None = None) -> None:
        """Live until cancelled; `first` is the session of the join, if this node joined just now."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._follow_tunnel()
                tasks.create_task(self.link.run(first))
                tasks.create_task(self.book.run())
                tasks.create_task(self.relays.run())
                tasks.create_task(self._wait_for_word())
                tasks.create_task(self._reverify())
                tasks.create_task(self._compare_heads())
                tasks.create_task(self._translators.run())
                tasks.create_task(watch_silence(lambda: self.tunnel, self.prober))
                tasks.create_task(self.portmap.run())
                tasks.create_task(self.flows.run(lambda: self.tunnel))
                tasks.create_task(self.rekeying.run())
                tasks.create_task(self._adopting.run())
                tasks.create_task(self._tending.run())
                tasks.create_task(self._farewell.run())
                tasks.create_task(watch_portal(self.link.place, lambda: not self._was_connected, self._note_portal))
        except Exception:
            # A bug, after which nothing that was told of paths and relays is known to be so: with a new tunnel it is.
            self._renew_tunnel()
            raise
        finally:
            self._tasks = None
            self.prober.close()
            self._health.clear_all(self._key)

    async def close(self) -> None:
        """Say goodbye to the server and keep what is not on disk yet; before `run` is cancelled."""
        await self.link.close()
        self.book.write_soon()
        try:
            await asyncio.to_thread(self.book.write_now)
            await asyncio.to_thread(self.relays.write_now)
        except WarrenError as error:
            log.warning("the endpoints cannot be kept", reason=error.text)

    def tunnel_spec(self) -> TunnelSpec:
        """What opening this network's tunnel takes; reserves stamps on disk first."""
        membership = self.parts.membership
        stamps = reserve(self.parts.store, time.time())
        port = membership.port or self.book.port
        return TunnelSpec(self.parts.keys.tunnel_keys, port, stamps, port_fixed=membership.port != 0)

    def set_host(
        self,
        tunnel: Tunnel | None,
        failure: WarrenError | None,
        prefixes: Sequence[Prefix],
        surroundings: Surroundings,
    ) -> None:
        """The host converged: here is the tunnel, or why there is none; and where this machine is attached."""
        self.failure = failure
        if failure is not None:
            self._health.set_error(self._key + "host", failure, time.time())
        else:
            self._health.clear(self._key + "host")
        self._attach(surroundings)
        if tunnel is not self.tunnel:
            self.tunnel = tunnel
            self.prober.set_tunnel(tunnel)
            self.relays.set_tunnel(tunnel)
            self._follow_tunnel()
        if tunnel is not None and self.map is not None:
            self.prober.set_map(self.map, prefixes)
            self.relays.set_peers({peer.identity: peer.home_relay for peer in self.map.peers if peer.allowed})
        self.portmap.set_wanted(tunnel.port if tunnel is not None else None, surroundings)
        self._notify()

    def handle_pause(self, pause: Pause) -> None:
        """The machine slept or was stopped: what routers, the server and peers knew of us may be forgotten."""
        self.prober.handle_host_change(str(pause))
        self.relays.handle_network_change()
        self.portmap.handle_resume()
        self.link.hurry()
        if pause.lasted_s >= PAUSE_SESSION_MAX_S:
            self.link.renew()
        self._greet()

    async def set_force_relay(self, *, forced: bool) -> None:
        """Use relays only, or direct paths too: at once, and from the next start on."""
        self.prober.set_force_relay(forced=forced)
        await self._keep(force_relay=forced)

    async def set_port(self, port: int) -> None:
        """Listen there from the tunnel's next start on, and nowhere else."""
        await self._keep(port=port)

    @property
    def transport(self) -> Transport:
        """What this node seals with at most."""
        return own_transport(self.parts.membership.transport, has_fast_aes=self._has_fast_aes)

    async def set_transport(self, wish: TransportWish) -> None:
        """Seal with what is wished: at once, in what the node record offers, and from the next start on."""
        if await self._keep(transport=wish):
            self._rebuild()
            self._publish_if_needed()

    async def set_here(self, *, alias: str | None = None, ipv4: bool | None = None) -> None:
        """What the network is called on this machine, and whether it is here by IPv4 too: at once and from then on."""
        kept = self.parts.membership
        wanted = Here(kept.alias if alias is None else alias, kept.ipv4 if ipv4 is None else ipv4)
        if await self._keep(alias=wanted.alias, ipv4=wanted.ipv4):
            self.failure = None  # what stood in its way may not any more: the host's next run says so
            self._rebuild()

    async def _keep(self, **wishes: object) -> bool:
        """Write wishes of this machine's owner beside the membership; False where they are kept already. What starts
        meanwhile goes by them; one that the disk refused is none any more: it would be acknowledged the next time, and
        never written."""
        async with self._keeping:
            before = self.parts.membership
            membership = msgspec.structs.replace(before, **wishes)
            if membership == before:
                return False
            self.parts = dataclasses.replace(self.parts, membership=membership)
            try:
                await asyncio.to_thread(memberships.save, self.parts.store, membership)
            except WarrenError:
                self.parts = dataclasses.replace(self.parts, membership=before)
                raise
            return True

    # --- what signing for others needs (adopting.Owner, tending.Owner) ---

    def view(self) -> View | None:
        """What this machine believes now."""
        return self.held.view if self.held is not None else None

    async def bring(self, raws: Sequence[bytes]) -> None:
        """Have the server take documents that were signed here, and take them. Raises WarrenError."""
        await self.link.submit(raws, SERVER_ANSWER_MAX_S)
        await self.take(raws)

    def is_online(self, identity: Identity) -> bool:
        """Whether the server says that a member has a session."""
        found = self._presence.get(identity)
        return found is not None and found.online

    # --- what an ephemeral machine's farewell needs (farewell.Owner) ---

    def session_since(self) -> float | None:
        """When the session began that is open, Unix seconds; None where there is none."""
        return self.link.state.since if self.link.state.state == "connected" else None

    async def leave_farewell(self, removal: bytes) -> None:
        """Have the server keep our word that we left. Raises WarrenError."""
        await self.link.farewell(removal, SERVER_ANSWER_MAX_S)

    # --- what the rotation of keys needs (rekeying.Owner) ---

    def keys(self) -> NodeKeys:
        """This node's keys."""
        return self.parts.keys

    async def keep_keys(self, keys: NodeKeys) -> None:
        """Write them, use them, say so in the record. Raises WarrenError STORE_UNAVAILABLE."""
        await asyncio.to_thread(node_keys.save, self.parts.store, keys)
        changed = keys.tunnel_keys != self.parts.keys.tunnel_keys
        self.parts = dataclasses.replace(self.parts, keys=keys)
        if changed and self.tunnel is not None:
            self.tunnel.set_keys(keys.tunnel_keys)
        self._publish_if_needed()
        self._notify()

    def is_told(self) -> bool:
        """Whether the record in force, which the server took, names the keys in force."""
        member = self.held.view.members.get(self.me) if self.held is not None else None
        record = member.record if member is not None else None
        named = () if record is None else (record.wireguard, record.next_wireguard)
        if tuple(one.public for one in self.parts.keys.tunnel_keys) == tuple(filter(None, named)):
            return True
        self._publish_if_needed()
        return False

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait until the condition holds; False where it did not within the time. Looked at after every change."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    # --- what the link tells (control.link.Owner) ---

    def server_keys(self) -> Sequence[bytes]:
        """The keys that verified settings name; before there are any, the one that the join was pinned to."""
        settings = self.held.view.settings if self.held is not None else None
        if settings is not None and settings.servers:
            return [server.key for server in settings.servers]
        return [self.parts.membership.server_key]

    def own_membership(self) -> bytes:
        """The document by which this node is a member; empty where there is none."""
        held = self.held
        mine = (
            (one for one in held.view.documents if one.kind == Kind.MEMBERSHIP and one.subject == self.me)
            if held
            else ()
        )
        return next((one.raw for one in mine), b"")

    def documents(self) -> Sequence[bytes]:
        """Everything in force but the genesis, which every server of the network has."""
        held = self.held
        return [one.raw for one in held.view.documents if one.kind != Kind.GENESIS] if held is not None else []

    async def handle_admitted(self, membership: bytes) -> None:
        """The session is open; our membership document is one like any other."""
        await self._keep(state="member")  # a crash may have come between the server's answer and our note of it
        await self._take((membership,))

    async def handle_map(self, update: MapUpdate) -> None:
        """Verify, keep, and only then use. Who came and went is nothing to verify: in a large network that is most."""
        if update.full:
            self._presence.clear()
        for one in update.presence:
            self._presence[Identity(one.identity)] = Presence(one.online, float(one.last_seen) or None, one.relay)
        self._is_current = True
        if update.documents:
            await self._take(update.documents)
        else:
            self._rebuild()
        self._forget_strangers()
        self.parts.ledger.note_current(time.time())
        self.book.note_contact(time.time())
        self._publish_if_needed()

    def _forget_strangers(self) -> None:
        """Who is told of and is no member may become one; a server that tells of ever more of them is not believed."""
        if len(self._presence) > PRESENCE_MAX:
            members = self.held.view.members if self.held is not None else {}
            self._presence = {one: found for one, found in self._presence.items() if one in members}

    async def handle_relays(self, told: ToldRelays) -> None:
        """For the relays."""
        self.relays.handle_told(told)

    async def handle_signal(self, sender: Identity, sealed: bytes) -> None:
        """For the paths."""
        self.prober.handle_signal(sender, sealed)

    def handle_link(self, state: LinkState) -> None:
        """The session came or went."""
        key = self._key + "server"
        if self._was_connected:
            self.book.note_contact(time.time())
        if (state.state == "connected") != self._was_connected:
            self._was_connected = state.state == "connected"
            log.info("session with the server", state=state.state, code=state.code.value if state.code else "")
            if self._was_connected:
                self.relay_home(self.relays.home)
        if state.code in {Code.NOT_A_MEMBER, Code.FORBIDDEN} and self.parts.membership.state == "joining":
            was_denied = state.code is Code.FORBIDDEN
            self.failure = WarrenError(
                state.code,
                state.reason if was_denied else "the join of this machine was cut short: it never took place",
                "join again with a key",
            )
            self._on_stillborn(self)
            self._notify()
            return
        if state.code is Code.CONFLICT:
            self._health.set(self._key + "duplicate", "duplicate", *_duplicate(self.name, time.time()))
        if state.state == "away":
            self._trust_what_is_held()
            as_of = self.as_of
            using = f", using state of {time.strftime('%H:%M', time.localtime(as_of))}" if as_of is not None else ""
            code = state.code or Code.SERVER_UNREACHABLE
            fix = "`warren leave`, and join anew with a key" if code in {Code.REMOVED, Code.NOT_A_MEMBER} else ""
            self._health.set(key, code.value, f"{self.name}: server away{using}: {state.reason}", time.time(), fix)
            self.book.write_soon()
        else:
            self._health.clear(key)
        self._notify()

    # --- what the prober tells (paths.prober.Owner) ---

    def path_changed(self, peer: Identity) -> None:
        """Round trips of the old path say nothing of the new one."""
        self.echoes.forget(peer)
        self._notify()

    def narrow_changed(self) -> None:
        """Full packets reach a peer no more, or again: the host cuts what goes there to fit."""
        if self.held is not None:
            self._remap(self.held)

    def own_heads(self) -> tuple[bytes, ...]:
        """The heads in force."""
        return own_heads(self.held.view) if self.held is not None else ()

    def heard_heads(self, peer: Peer, heads: tuple[bytes, ...]) -> None:
        """A peer told which heads it holds."""
        if self.held is not None:
            self._heads.compare(self.held.view, peer.name, heads, time.monotonic())
            self._show_trouble()

    # --- what the relays tell (paths.relays.Owner) ---

    def relay_hop(self, peer: Identity, hop: RelayHop | None, reason: str) -> None:
        """The way to a peer through relays."""
        self.prober.handle_relay_hop(peer, hop, reason)

    def relay_home(self, relay: int) -> None:
        """Where this node is to be reached; the server tells the peers."""
        if relay != 0 and self._tasks is not None and self.link.state.state == "connected":
            self._tasks.create_task(self._state_home(relay))

    def relay_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        """Relays answer STUN too."""
        self.prober.set_stun_servers(endpoints)

    # --- within ---

    async def _state_home(self, relay: int) -> None:
        try:
            await self.link.state_home(relay, SERVER_ANSWER_MAX_S)
        except WarrenError as error:
            log.debug("the home relay was not told", code=error.code.value, reason=error.text)

    async def _take(self, documents: Sequence[bytes]) -> None:
        try:
            await self.parts.ledger.take(documents, self._clock(), self._clock.latest)
        except WarrenError as error:
            log.warning("documents cannot be taken", code=error.code.value, reason=error.text)
            self._health.set_error(self._key + "ledger", error, time.time())
        else:
            self._health.clear(self._key + "ledger")
        self._rebuild()

    def _attach(self, surroundings: Surroundings) -> None:
        """Where this machine is attached now; what changed is looked at anew."""
        before, self.surroundings = self.surroundings, surroundings
        changed = differences(before, surroundings)
        self.prober.set_addresses(surroundings.addresses)
        if (before.uplink4, before.uplink6) != (surroundings.uplink4, surroundings.uplink6):
            self._translators.set_wanted(wanted=surroundings.uplink4 is None and surroundings.uplink6 is not None)
        if surroundings.addresses:
            self.link.handle_addresses(surroundings.addresses)
        if not changed or not before.addresses:
            return
        log.info("the network of this machine changed", reason="; ".join(changed[:4]))
        if has_moved(before, surroundings):
            self.link.handle_way_out()
        if before.addresses == surroundings.addresses:  # the prober sees other addresses by itself
            self.prober.handle_host_change(changed[0])
        self.relays.handle_network_change()
        self.portmap.handle_resume()

    def _note_portal(self, is_there: bool) -> None:  # noqa: FBT001 - the one thing that is told
        """A sign-in page stands before the internet, or is gone: then everything may work again."""
        key = self._key + "portal"
        if is_there:
            text = f"{self.name}: a sign-in page answers in place of the server"
            self._health.set(key, "captive-portal", text, time.time(), "open a web browser and sign in")
            return
        self._health.clear(key)
        self.link.hurry()
        self.relays.handle_network_change()
        self.prober.handle_host_change("the sign-in page is gone")

    def _greet(self) -> None:
        """Begin the sessions with peers anew: who restarted meanwhile knows nothing of ours, and called in vain."""
        if self.tunnel is None:
            return
        with contextlib.suppress(WarrenError):  # the tunnel goes while we look
            for identity in list(self.tunnel.peers())[:PAUSE_HANDSHAKES_MAX]:
                stats = self.tunnel.stats(identity)
                if stats.endpoint is not None and stats.last_handshake_s is not None:
                    self.tunnel.initiate(identity)

    def _seen(self) -> frozenset[IPv4Address | IPv6Address]:
        """Under which addresses others see this machine; port mappings have to agree."""
        return frozenset(outer.address for family in (4, 6) for outer in self.prober.nat(family).outer)

    def _rebuild(self) -> None:
        held = self.held
        if held is None:
            return
        self._clock.see(held.view.newest_date, sure=held.view.root_date)
        self._troubles.take(held, time.monotonic())
        self._show_trouble()
        self._remap(held)
        self._notify()

    def _remap(self, held: Held) -> None:
        kept = self.parts.membership
        network = build(held.view, self._presence, self.me, self.transport, Here(kept.alias, kept.ipv4))
        if network is not None:
            network = dataclasses.replace(network, narrow=self.prober.narrow, is_current=self._is_current)
        if network != self.map:
            self.map = network
            self._on_change()

    def _show_trouble(self) -> None:
        held, now = self.held, time.monotonic()
        if held is None:
            return
        heads = (Trouble(code, text) for code, text in self._heads.trouble(held.view, now))
        troubles = self._troubles.shown(
            held,
            self.me,
            now,
            clock_behind_s=self._clock.behind_s,
            clock_ahead_s=self.link.ahead_s,
            unix_s=self._clock(),
        )
        self._health.replace(self._key + "trust/", keyed((*troubles, *heads), self.name), time.time())

    async def _wait_for_word(self) -> None:
        """Who was removed while this machine was off is not let in before the server could say so; a server that
        neither answers nor refuses is not waited for."""
        await asyncio.sleep(SERVER_WORD_WAIT_S)
        self._trust_what_is_held()

    def _trust_what_is_held(self) -> None:
        if not self._is_current:
            self._is_current = True
            self._rebuild()

    async def _reverify(self) -> None:
        """Memberships and delegations end by the clock; what the disk refused is taken again."""
        while True:
            held = self.held
            due = held.view.next_change if held is not None else None
            wait_s = (
                REVERIFY_WAIT_MAX_S if due is None else min(max(due - self._clock(), 0.0) + 1.0, REVERIFY_WAIT_MAX_S)
            )
            await asyncio.sleep(wait_s)
            now = self._clock()
            # a clock that was ahead and is right again: what it ended goes on
            is_due = held is not None and ((due is not None and now >= due) or now < held.view.effective_now)
            if is_due or self.parts.ledger.is_behind:
                await self._take(())
            self._show_trouble()
            self._forget_duplicate()

    async def _compare_heads(self) -> None:
        """One peer after the other hears which heads this node holds, and what they told is looked at in time."""
        while True:
            await asyncio.sleep(HEADS_TELL_S)
            self.prober.tell_heads()
            self._show_trouble()

    def _follow_tunnel(self) -> None:
        """Hear what the tunnel that there is now tells."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self.tunnel is not None and self._tasks is not None:
            self.book.port = self.tunnel.port
            self._pump = self._tasks.create_task(self._listen(self.tunnel))

    def _renew_tunnel(self) -> None:
        """The host opens another in place of this one."""
        if self.tunnel is not None:
            self.tunnel.close()
        self._on_change()

    async def _listen(self, tunnel: Tunnel) -> None:
        async for event in tunnel.events():
            if isinstance(event, PongReceived):
                self.echoes.handle_pong(event, time.monotonic())
            elif isinstance(event, TunnelFailed):
                log.warning("the tunnel failed", network=self.name, errno=event.errno)
                self._renew_tunnel()
            elif isinstance(event, RelayEvent):
                self.relays.handle_event(event)
            else:
                self.prober.handle_event(event)

    def _forget_duplicate(self) -> None:
        """A session that nobody took over for so long shows that the copy is gone."""
        if self.link.state.state == "connected" and time.time() - self.link.state.since > DUPLICATE_FORGET_S:
            self._health.clear(self._key + "duplicate")

    def _publish_if_needed(self) -> None:
        held = self.held
        if held is None or self._tasks is None or (self._publishing is not None and not self._publishing.done()):
            return
        offers = capabilities(self.transport)
        record = newer_record(held.view, self.parts.keys, int(self._clock()), offers)
        if record is not None:
            self._publishing = self._tasks.create_task(self._publish(record))

    async def _publish(self, record: bytes) -> None:
        try:
            await self.link.publish(record, SERVER_ANSWER_MAX_S)
            reach("record.published")
            await self._take((record,))
        except WarrenError as error:
            log.warning("the node record was not taken", code=error.code.value, reason=error.text)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _duplicate(name: str, now: float) -> tuple[str, float, str]:
    """Text, time and fix of the entry that says: there are two of us."""
    return (
        f"{name}: another machine runs with this one's identity and took over its session",
        now,
        "one of them is a copy: there, `warren reidentify --auth-key KEY` makes it a machine of its own",
    )


def _jitter() -> float:
    return int.from_bytes(os.urandom(4), "big") / 2**32
