"""One run: machines, the air between them, what happens to them, and the questions that are asked all the time.

`World` is driven by `steps`; each step method does one thing and notes it, so that a failing seed reads as a story.
Watched at every moment: a gate that opens, and a rule of a filter, must be one that the reference allows, given the
documents that this node verified. At the end (`settle`) every fault heals, and within SETTLE_S every map has to be what
the reference says.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from ipaddress import ip_network
from pathlib import Path
from random import Random  # noqa: TID251  # the model's one source of chance, seeded
from typing import Any

import msgspec
from tests.model.clock import EPOCH, RUNNING, PowerLossError
from tests.model.liars import ServerLies, member_lies
from tests.model.machines import URL, ModelTunnel, NodeMachine, ServerMachine
from tests.model.reference import Key, Member, Truth, may_begin, may_let_in, meet, permits
from tests.model.wire import Air, Line, NodeSocket

from warren.errors import Code, WarrenError
from warren.limits import CLOCK_JOIN_AHEAD_MAX_S, PAGE_MAX
from warren.model.addresses import Endpoint
from warren.model.ids import Identity
from warren.node.control.connection import UnreachableError
from warren.node.control.joining import Entry
from warren.node.control.place import ServerPlace, parse_server
from warren.node.daemon import Daemon
from warren.node.network import Network
from warren.node.plan import FilterPlan, PeerPlan
from warren.policy.language import DEFAULT_TEXT as OPEN_TEXT
from warren.server import keys
from warren.server.devices.store import MemberRow
from warren.server.networks.live import LiveNetwork
from warren.server.services import Services
from warren.trust.admission_key import AdmissionKey, format_key
from warren.trust.admission_key import parse as parse_key
from warren.trust.authenticate import read_genesis

SETTLE_S = 10.0
UNDER_WAY_S = 1.0  # a request whose asker was cut off may reach the server yet, and counts
NODES = 5
SAID_MAX = 20
TCP, ANY_PORT = 6, 80  # the model's policies name machines only
DISTURBED = frozenset({Code.SERVER_UNREACHABLE, Code.TIMEOUT, Code.STORE_UNAVAILABLE, Code.INTERNAL})

LOST = frozenset(one.value for one in DISTURBED) | {"killed"}


class World:
    """All machines of one seed."""

    def __init__(self, rng: Random, folder: Path) -> None:
        self.rng = rng
        self.story: list[str] = []
        self.findings: list[str] = []
        self.truth = Truth()
        self.air = Air(lambda: 0.002 + 0.03 * rng.random())
        self.server = ServerMachine(folder, self._tamper)
        self.nodes = [
            NodeMachine(f"n{number}", number, self._on_gate, self._on_filter, self._on_datagram)
            for number in range(NODES)
        ]
        self.lies: ServerLies | None = None
        self.network = b""
        self.root = b""
        self.authorities: set[bytes] = set()
        self.busy: dict[str, asyncio.Task[None]] = {}
        self.disturbed_at = 0.0
        self.said: list[list[bytes]] = []
        """What nodes said in their last sessions, as somebody on the way may have heard it."""
        self.loop_time = asyncio.get_event_loop_policy().get_event_loop().time

    # --- what the patched product asks ---

    def node_of(self, name: str) -> NodeMachine:
        return next(node for node in self.nodes if node.name == name)

    async def connect(self, node: NodeMachine, place: ServerPlace) -> NodeSocket:
        assert place.url == URL
        if node.name in self.air.cut_off:
            await asyncio.sleep(10.0)
            raise UnreachableError(f"{place.url} did not answer in time")
        await asyncio.sleep(self.air.delay_s())
        line = Line(self.air, node.name, lambda frame: self.server.tamper(node.name, frame))
        if not self.server.accept(line):
            raise UnreachableError(f"{place.url} cannot be reached: Connection refused")
        power = RUNNING.get()
        power.ends.append(line.end)

        said: list[bytes] = []
        self.said = [*self.said[-SAID_MAX:], said]

        def on_sent(frame: bytes) -> None:
            if not power.alive:
                raise PowerLossError
            said.append(frame)

        return NodeSocket(line, on_sent)

    def on_bug(self, what: str) -> None:
        self.find(what)

    # --- beginning ---

    async def begin(self) -> None:
        """The server's first start, and every machine on."""
        self.server.start()
        await self.until(lambda: self.server.services is not None, 5.0)
        live = self.live()
        genesis = read_genesis(live.row.genesis)
        assert isinstance(genesis, tuple)
        self.network, self.root = live.id, live.row.root_key
        self.truth.policy = live.policy_text
        registrar = keys.load(self.server.folder.registrar_key)
        self.authorities = {self.root, registrar.public}
        self.lies = ServerLies(self.rng, live.id, keys.load(self.server.folder.server_key), registrar)
        for node in self.nodes:
            node.start()
        await asyncio.sleep(0.1)
        for _ in range(2):
            await self.make_key(reusable=True)

    def services(self) -> Services:
        assert self.server.services is not None
        return self.server.services

    def live(self) -> LiveNetwork:
        return self.services().networks.all()[0]

    async def make_key(self, *, reusable: bool = False, ephemeral: bool = False, expires_s: int = 30 * 86_400) -> str:
        """A key by the services, as the REST door makes it; its id, empty where the server is away."""
        if self.server.services is None:
            return ""
        try:
            created = await self.server.call(
                self.services().invites.create(
                    self.live(), reusable=reusable, ephemeral=ephemeral, tags=(), expires_s=expires_s, actor="model"
                )
            )
        except (WarrenError, PowerLossError, asyncio.CancelledError) as error:
            self.note(f"no key is made: {error!r} {error.__cause__!r}")
            return ""
        row = created.row
        self.truth.keys[row.id] = Key(created.secret.reveal(), reusable, ephemeral, row.expires_at)
        return row.id

    # --- what happens: one method a step ---

    def note(self, what: str) -> None:
        """A line of the story."""
        at = self.loop_time() - 1_000.0
        self.story.append(f"{at:9.3f} {what}")

    def find(self, what: str) -> None:
        """A line of what must not be."""
        self.note(f"FINDING {what}")
        self.findings.append(what)

    def disturb(self) -> None:
        """From here on answers may be lost."""
        self.disturbed_at = asyncio.get_running_loop().time()

    def is_disturbed(self, node: NodeMachine, since: float) -> bool:
        """Whether an answer to this node may have been lost."""
        is_served = self.server.is_on and self.server.services is not None and self.server.power.fuse is None
        return self.disturbed_at >= since or not is_served or node.name in self.air.cut_off

    def act(self, node: NodeMachine, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Something that a user of this node asks for; one thing at a time."""
        self.note(f"{node.name}: {what}")
        self.busy[node.name] = asyncio.get_running_loop().create_task(work)

    def is_free(self, node: NodeMachine) -> bool:
        task = self.busy.get(node.name)
        return task is None or task.done()

    def join(self, node: NodeMachine, key_id: str, hostname: str, mangle: str = "") -> None:
        """`warren up --auth-key`; `mangle`: the key is copied wrongly."""
        line = self.truth.keys[key_id].line
        key = parse_key(line)
        if mangle == "seed":
            key = parse_key(format_key(AdmissionKey(key.id, type(key.seed)(self.rng.randbytes(32)), key.pin)))
        elif mangle == "pin":
            key = AdmissionKey(key.id, key.seed, self.rng.randbytes(16))
        elif mangle == "id":
            key = AdmissionKey("a" * 10, key.seed, key.pin)
        self.act(node, f"joins as {hostname} with {key_id} {mangle}", self._join(node, key, key_id, hostname, mangle))

    async def _join(self, node: NodeMachine, key: AdmissionKey, key_id: str, hostname: str, mangle: str) -> None:
        power, daemon, truth = node.power, node.daemon, self.truth
        if daemon is None or not node.is_on or not await self._is_loaded(node, daemon):
            return
        began_at, cut_short, ahead_s = self.loop_time(), node.network, node.wall_offset_s
        if cut_short is not None:
            if cut_short.parts.membership.state != "joining":
                return
            hostname = cut_short.parts.membership.hostname  # an earlier try goes on, under the name of then
        disturbed = self.is_disturbed(node, began_at)
        may = self._answers(key_id, hostname, mangle)
        if cut_short is not None:
            may |= {"", "E_REMOVED"}
        is_first = cut_short is None and hostname not in truth.maybe_joined
        if not mangle:
            truth.maybe_joined.add(hostname)
        truth.asking.append(key_id)
        may |= self._answers(key_id, hostname, mangle)
        code, identity = await self._up(node, key, Entry(hostname=hostname, tags=(), ephemeral=False))
        if not power.alive:
            code = "killed"
        disturbed = disturbed or self.is_disturbed(node, began_at) or code == "killed"
        self.note(f"{node.name}: join as {hostname} -> {code or 'admitted'}")
        may |= self._answers(key_id, hostname, mangle)
        if max(ahead_s, node.wall_offset_s) > CLOCK_JOIN_AHEAD_MAX_S:
            may.add("E_CLOCK")
        truth.asking.remove(key_id)
        if code == "" and identity:
            if cut_short is not None:
                truth.maybe_used.add(key_id)
            truth.joined(Member(node.name, identity, hostname, truth.keys[key_id].ephemeral), key_id)
        elif disturbed and code in LOST:
            truth.maybe_used.add(key_id)
            return
        elif is_first and not mangle:
            truth.maybe_joined.discard(hostname)
        if code not in may:
            self.find(f"{node.name}: joining as {hostname} answered {code or 'admitted'}, expected {sorted(may)}")

    def _answers(self, key_id: str, hostname: str, mangle: str) -> set[str]:
        wrong = {"seed": {"E_KEY_UNKNOWN"}, "id": {"E_KEY_UNKNOWN"}, "pin": {"E_PIN_MISMATCH"}}
        if mangle:
            return wrong[mangle]
        true_now = EPOCH + self.loop_time()
        return self.truth.answers_to_join(key_id, hostname, server_now=self.server.wall(), true_now=true_now)

    @staticmethod
    async def _is_loaded(node: NodeMachine, daemon: Daemon) -> bool:
        """Start what is on disk, as `warren up` does first; False where the power went meanwhile."""
        try:
            await node.call(daemon.roster.load())
        except (PowerLossError, asyncio.CancelledError):
            return False
        return True

    async def _up(self, node: NodeMachine, key: AdmissionKey, entry: Entry) -> tuple[str, bytes]:
        """(code, identity) of `warren up --auth-key`."""
        daemon = node.daemon
        assert daemon is not None

        async def up() -> bytes:
            joined = await daemon.roster.join(parse_server(URL), key, entry, None)
            await daemon.set_wanted(up=True, operator_uid=None)
            return joined.network.me if joined.is_new else b""

        try:
            return "", await node.call(up())
        except WarrenError as error:
            return error.code.value, b""
        except (PowerLossError, asyncio.CancelledError):
            return "killed", b""

    def leave(self, node: NodeMachine) -> None:
        """`warren leave`."""
        self.act(node, "leaves", self._leave(node))

    async def _leave(self, node: NodeMachine) -> None:
        network, daemon = node.network, node.daemon
        if network is None or daemon is None:
            return
        identity = network.me
        self.truth.maybe_removed.add(identity)
        try:
            told = await node.call(daemon.roster.leave(network))
        except (WarrenError, PowerLossError, asyncio.CancelledError) as error:
            self.note(f"{node.name}: leaving -> {error!r}")
            return
        node.offered.clear()
        node.verified.clear()
        self.note(f"{node.name}: left, server told: {told}")
        if told:
            self.truth.left(identity)

    async def kick(self, identity: bytes, *, revoke_key: bool) -> None:
        """`warren member remove`."""
        if self.server.services is None:
            return
        self.truth.maybe_removed.add(identity)
        try:
            removed = await self.server.call(
                self.services().devices.remove(self.live(), Identity(identity), actor="model", revoke_key=revoke_key)
            )
        except (PowerLossError, asyncio.CancelledError):
            self.truth.lost_a_revocation |= revoke_key
            return
        except WarrenError as error:
            self.truth.lost_a_revocation |= revoke_key and error.code in DISTURBED
            if error.code not in DISTURBED | {Code.NOT_FOUND}:
                self.find(f"kicking answered {error}")
            return
        self.truth.left(identity)
        if removed.revoked_key is not None and removed.revoked_key in self.truth.keys:
            self.truth.keys[removed.revoked_key].revoked = True

    async def rename(self, name: str) -> None:
        """`warren network rename`."""
        if self.server.services is None:
            return
        self.truth.maybe_names.add(name)
        try:
            await self.server.call(self.services().networks.rename(self.live(), name, actor="model"))
        except (WarrenError, PowerLossError, asyncio.CancelledError):
            return
        self.truth.network_name = name
        self.truth.maybe_names.clear()

    async def set_policy(self, text: bytes) -> None:
        """`warren policy set`."""
        if self.server.services is None:
            return
        self.truth.maybe_policies.add(text)
        try:
            await self.server.call(self.services().networks.set_policy(self.live(), text, actor="model"))
        except (WarrenError, PowerLossError, asyncio.CancelledError):
            return
        self.truth.policy = text
        self.truth.maybe_policies.clear()

    async def publish_lie(self, node: NodeMachine) -> None:
        """A member publishes a record that it may not."""
        network = node.network
        if network is None or network.held is None or network.link.state.state != "connected":
            return
        members = network.held.view.members
        mine = members.get(network.me)
        if mine is None or mine.record is None:
            return
        others = [
            one.record
            for who, one in sorted(members.items())
            if who != network.me and one.record is not None and who in self.truth.members
        ]
        what, record, codes = member_lies(self.rng, network.id, network.parts.keys.identity, mine.record, others)
        self.note(f"{node.name}: publishes {what}")
        began_at = asyncio.get_running_loop().time()
        try:
            await node.call(network.link.publish(record, 5.0))
        except WarrenError as error:
            lost = {one.value for one in DISTURBED} | {"E_NOT_A_MEMBER"}
            if error.code.value not in codes and error.code.value not in lost:
                self.find(f"publishing {what} answered {error.code.value}, expected {sorted(codes)}")
        except (PowerLossError, asyncio.CancelledError):
            return
        else:
            # whoever left meanwhile has no key that another could take (seed 20516)
            stayed = all(one.identity in self.truth.members for one in others)
            if stayed and not self.is_disturbed(node, began_at):
                self.find(f"publishing {what} was taken")

    async def replay(self, said: list[bytes]) -> None:
        """Somebody says to the server what a node said before; without its keys that must lead nowhere."""
        line = Line(self.air, "replay", lambda frame: [frame])
        if not said or not self.server.accept(line):
            return
        for frame in said:
            line.up.send(frame)
        heard: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while (answer := await line.down.receive()) is not None:
                    heard.append(msgspec.msgpack.decode(answer)["t"])
        line.end()
        self.note(f"a replay of {len(said)} frames heard {heard}")
        if set(heard) - {"challenge", "refused"}:
            self.find(f"a replay heard {heard}")

    def lie(self, node: NodeMachine, what: str) -> None:
        """The server begins to lie to this node, with what it sends next (a fresh session: a whole map)."""
        assert self.lies is not None
        self.note(f"server lies to {node.name}: {what}")
        self.lies.told[node.name] = what
        self.disturb()
        self.server.end_sessions(node.name)

    def be_honest(self, node: NodeMachine) -> None:
        assert self.lies is not None
        if self.lies.told.pop(node.name, None) is not None:
            self.note(f"server is honest to {node.name}")
            self.disturb()
            self.server.end_sessions(node.name)

    # --- the questions ---

    def check_maps(self) -> None:
        """Every map in force opens only gates that the reference allows."""
        for node in self.nodes:
            network = node.network
            if network is None or network.map is None:
                continue
            for peer in network.map.peers:
                if peer.allowed:
                    self._check(node, network.me, peer.identity, peer.wireguard_keys)

    def _on_gate(self, node: NodeMachine, peer: PeerPlan) -> None:
        network = node.network
        if peer.gate_open and network is not None:
            self._check(node, network.me, peer.identity, peer.public_keys)

    def _on_filter(self, node: NodeMachine, plan: FilterPlan) -> None:
        """Nobody may begin what no policy that may be in force lets them begin, neither way."""
        network = node.network
        if network is None or network.map is None:
            return
        for peer in network.map.peers:
            remotes = {ip_network(address) for address in peer.addresses}
            for rule in plan.rules:
                if remotes & set(rule.remotes):
                    source, destination = (peer.identity, network.me) if rule.inward else (network.me, peer.identity)
                    reason = may_begin(
                        self.root,
                        offered=node.offered,
                        verified=node.verified,
                        network=self.network,
                        source=source,
                        destination=destination,
                    )
                    if reason:
                        self.find(f"{node.name}'s filter lets them: {reason}")

    def _check(self, node: NodeMachine, me: bytes, peer: bytes, shown: tuple[bytes, ...]) -> None:
        reason = may_let_in(
            self.network,
            self.authorities,
            self.root,
            offered=node.offered,
            verified=node.verified,
            me=me,
            peer=peer,
            keys=shown,
        )
        if reason:
            self.find(f"{node.name} opens its gate for {peer.hex()[:10]}: {reason}")

    def _on_datagram(self, node: NodeMachine, endpoint: Endpoint, datagram: bytes) -> None:
        for other in self.nodes:
            if other.address == endpoint.address and other.port == endpoint.port and other is not node:
                if {node.name, other.name} & self.air.cut_off:
                    return
                source = Endpoint(node.address, node.port)
                for tunnel in other.dataplane.tunnels:
                    asyncio.get_running_loop().call_later(self.air.delay_s(), tunnel.hear, source, datagram)

    def _tamper(self, node: str, frame: bytes) -> list[bytes]:
        return [frame] if self.lies is None else self.lies.tamper(node, frame)

    # --- the end ---

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait for a condition, looking often."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not condition():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def settle(self) -> None:
        """Everything heals; then the maps have SETTLE_S to be as they must."""
        self.note("everything heals")
        for node in self.nodes:
            node.set_clock(0.0)
            self.be_honest(node)
            self.air.heal(node.name)
            node.power.fuse = None
        self.server.set_clock(0.0)
        self.server.power.fuse = None
        if not self.server.is_on or self.server.services is None:
            await self.server.kill()
            self.server.start()
            await self.until(lambda: self.server.services is not None, 5.0)
        pending = [task for task in self.busy.values() if not task.done()]
        if pending:
            await asyncio.wait(pending, timeout=60.0)
        for node in self.nodes:
            if not node.is_on:
                await node.kill()
                node.start()
            node.change_link()
        await asyncio.sleep(UNDER_WAY_S)
        await self._learn_what_was_lost()
        self._look_for_lost_members()
        await self._converge("everything healed")
        await self._newcomers()
        await self._converge("everyone joined")
        await self.set_policy(OPEN_TEXT)
        await self._converge("everyone may meet")

    def _look_for_lost_members(self) -> None:
        """Who was told that they are in, and did not ask to be out, is still that machine."""
        for identity, member in self.truth.members.items():
            for node in self.nodes:
                is_here = node.name == member.node and identity not in self.truth.maybe_removed
                if is_here and (node.network is None or bytes(node.network.me) != identity):
                    self.find(f"{node.name} was admitted as {member.hostname}, and has forgotten it")

    async def _newcomers(self) -> None:
        """Every machine without a network joins: nothing that happened before may stand in the way."""
        key = await self.make_key(reusable=True)
        if not key:
            self.find("no key can be made where all is well")
            return
        for node in self.nodes:
            if node.network is None or bytes(node.network.me) not in self.truth.members:
                if node.network is not None:
                    self.leave(node)
                    await self.busy[node.name]
                self.join(node, key, f"new-{node.name}")
                await self.busy[node.name]

    async def _converge(self, when: str) -> None:
        began_at, wrong = self.loop_time(), self.wrong()
        while wrong and self.loop_time() < began_at + SETTLE_S:
            await asyncio.sleep(0.1)
            self.check_maps()
            wrong = self.wrong()
        self.note(f"maps are as they must be {self.loop_time() - began_at:.1f} s after {when}")
        for line in wrong:
            self.find(f"{SETTLE_S:.0f} s after {when}: {line}")

    async def _learn_what_was_lost(self) -> None:
        """What the answers did not tell, the server's members do; and they may only say what was asked for."""
        truth = self.truth
        rows = {bytes(row.identity): row for row in await self.server.call(self.services().devices.all(self.live()))}
        for identity, member in list(truth.members.items()):
            if identity in rows:
                if rows[identity].hostname != member.hostname:
                    self.find(f"{member.hostname} is called {rows[identity].hostname}")
            elif identity in truth.maybe_removed or member.ephemeral:
                truth.left(identity)
            else:
                self.find(f"{member.hostname} was admitted, and the server has no such member")
        for identity in rows.keys() & truth.removed:
            self.find(f"{rows[identity].hostname} was removed, and is a member")
        self._learn_of_strangers(rows)
        for key in await self.server.call(self.services().invites.page(self.live(), after=None, limit=PAGE_MAX)):
            if not key.reusable and key.uses > 1:
                self.find(f"the key {key.id} admitted {key.uses}")
        name = self.live().row.name
        if name != truth.network_name and name not in truth.maybe_names:
            self.find(f"the network is called {name}, not {truth.network_name}")
        truth.network_name = name
        policy = self.live().policy_text
        if policy != truth.policy and policy not in truth.maybe_policies:
            self.find(f"the policy is {policy.decode()}, not {truth.policy.decode()}")
        truth.policy = policy

    def _learn_of_strangers(self, rows: dict[bytes, MemberRow]) -> None:
        """Members of which the reference has not heard: their join was asked for, or something is wrong."""
        truth = self.truth
        for identity, row in rows.items():
            if identity not in truth.members and identity not in truth.removed:
                if str(row.hostname) not in truth.maybe_joined:
                    self.find(f"{row.hostname} is a member, and nobody asked for it")
                truth.members[identity] = Member("", identity, str(row.hostname), row.ephemeral)
        names, places = {row.hostname for row in rows.values()}, {row.offset for row in rows.values()}
        if len(names) != len(rows) or len(places) != len(rows):
            self.find("two members have one name or address")

    def wrong(self) -> list[str]:
        """In what way any node differs from the reference, if any."""
        found: list[str] = []
        here = {bytes(node.network.me): node for node in self.nodes if node.network is not None}
        for identity, node in sorted(here.items(), key=lambda entry: entry[1].name):
            if identity in self.truth.members:
                found += self._wrong_at(node, here)
            elif node.network is not None and node.network.link.state.state == "connected":
                found.append(f"{node.name} has a session, and is no member")
        return found

    def _wrong_at(self, node: NodeMachine, here: dict[bytes, NodeMachine]) -> list[str]:
        network, members = node.network, self.truth.members
        assert network is not None
        if network.map is None:
            return [f"{node.name} has no map: {node.troubles()}"]
        found = []
        if network.map.name != self.truth.network_name:
            found.append(f"{node.name} calls the network {network.map.name}, not {self.truth.network_name}")
        others = {member.hostname for who, member in members.items() if who != network.me}
        wanted = {name for name in others if meet(self.truth.policy, [members[network.me].hostname], [name])}
        # an ephemeral member that is away may have run out, and will be removed: it may be seen or not
        loose = {member.hostname for who, member in members.items() if member.ephemeral and who not in here}
        shown = {str(peer.name) for peer in network.map.peers}
        if not wanted - shown <= loose:
            found.append(f"{node.name} sees {sorted(shown)}, not {sorted(wanted)}: {node.troubles()}")
        allowed = {str(peer.name) for peer in network.map.peers if peer.allowed}
        if not allowed ^ wanted <= loose:
            found.append(f"{node.name} may meet {sorted(allowed)}, not {sorted(wanted)}: {node.troubles()}")
        if wanted == others and not shown <= others | loose:
            found.append(f"{node.name} sees {sorted(shown)}, and there are {sorted(others)}")
        online = {str(peer.name) for peer in network.map.peers if peer.online} & wanted
        expected = {member.hostname for who, member in members.items() if who in here} & wanted
        if online != expected:
            found.append(f"{node.name} shows {sorted(online)} as online, not {sorted(expected)}")
        tunnel = network.tunnel
        if not isinstance(tunnel, ModelTunnel):
            return [*found, f"{node.name} has no tunnel"]
        gates = {str(peer.name) for peer in tunnel.peers().values() if peer.gate_open}
        if not gates ^ wanted <= loose:
            found.append(f"{node.name}'s engine lets in {sorted(gates)}, not {sorted(wanted)}")
        return [*found, *self._wrong_in_filter(node.name, network, tunnel)]

    def _wrong_in_filter(self, name: str, network: Network, tunnel: ModelTunnel) -> list[str]:
        """Where the filter of a peer that is shown lets begin what the policy does not, or the reverse."""
        assert network.map is not None
        own, found = self.truth.members[network.me].hostname, []
        for peer in network.map.peers:
            for inward, source, destination in ((True, str(peer.name), own), (False, own, str(peer.name))):
                local, remote = network.map.me.addresses[0], peer.addresses[0]
                rule = tunnel.find_rule(local, remote, TCP, ANY_PORT, inward=inward)
                if (rule is not None) is not permits(self.truth.policy, [source], [destination]):
                    found.append(f"{name}'s filter has rule {rule} for {source} to {destination}")
        return found

    async def end(self) -> None:
        """Switch everything off."""
        for task in self.busy.values():
            task.cancel()
        for machine in (*self.nodes, self.server):
            await machine.kill()
