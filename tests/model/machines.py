"""The machines: nodes that run the real daemon, and the server that runs the real services and sessions.

Each can be killed and started again: `Power` ends, its tasks are cancelled (whatever they do on their way out reaches
nothing), and the next life begins from the disk alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import Context, copy_context
from ipaddress import IPv4Address, ip_interface
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.model.clock import EPOCH, RUNNING, Power, PowerLossError
from tests.model.disk import Disk
from tests.model.wire import Line
from tests.unit.node.memory_dataplane import MemoryTunnel
from tests.unit.node.simulated_host import SimulatedHost

from warren.model.addresses import Endpoint, Hop
from warren.model.ids import Identity
from warren.node.daemon import Daemon
from warren.node.dataplane.interface import ProbeReceived, Tunnel, TunnelSpec
from warren.node.host.facts import HostAddress
from warren.node.network import Network
from warren.node.plan import FilterPlan, PeerPlan
from warren.node.settings import Loaded
from warren.node.settings import Settings as NodeSettings
from warren.protocol.control.server_role import ServerSession
from warren.server import app
from warren.server.db.engine import Database, sqlite_url
from warren.server.files import Folder
from warren.server.housekeeping import Housekeeping
from warren.server.metrics import Metrics
from warren.server.services import Services
from warren.server.sessions.admission import Admission
from warren.server.sessions.connection import Connection
from warren.server.sessions.connection import Line as ServerLine
from warren.server.settings import Settings as ServerSettings
from warren.trust.ed25519 import is_signed

T = TypeVar("T")
URL = "http://vpn.example.org:8443"


class Machine:
    """Something that is switched on and off. `wall_offset_s`: how far its clock is from the truth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wall_offset_s = 0.0
        self.power = Power(name, alive=False)
        self._root: asyncio.Task[None] | None = None
        self._context = Context()

    @property
    def is_on(self) -> bool:
        return self.power.alive

    def start(self) -> None:
        """Power on."""
        self.power = Power(self.name, self.wall_offset_s)
        self._context = copy_context()
        self._context.run(RUNNING.set, self.power)
        self._root = asyncio.get_running_loop().create_task(self._survive(), context=self._context)

    async def kill(self) -> None:
        """Power off, in this very moment. Harmless where it is off already."""
        self.power.cut()
        root, self._root = self._root, None
        tasks = {task for task in self.power.tasks if not task.done()} | ({root} if root is not None else set())
        while tasks:  # some of them wait for others on their way out
            for task in sorted(tasks, key=lambda one: one.get_name()):
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)
            tasks = {task for task in self.power.tasks if not task.done()}

    def wall(self) -> float:
        """Unix seconds, as this machine has them."""
        return EPOCH + asyncio.get_running_loop().time() + self.wall_offset_s

    def set_clock(self, offset_s: float) -> None:
        """Somebody sets the wall clock."""
        self.wall_offset_s = self.power.wall_offset_s = offset_s

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on this machine, as one of its own tasks would."""
        return await asyncio.get_running_loop().create_task(work, context=self._context)

    async def _survive(self) -> None:
        with contextlib.suppress(PowerLossError, BaseExceptionGroup):
            await self._life()

    async def _life(self) -> None:
        raise NotImplementedError


class ServerMachine(Machine):
    """The server. `tamper` is the liar that may sit in it: what it makes of a frame for a node."""

    def __init__(self, folder: Path, tamper: Callable[[str, bytes], list[bytes]]) -> None:
        super().__init__("server")
        self.folder = Folder(folder)
        self.tamper = tamper
        self.services: Services | None = None
        self.lines: list[Line] = []
        self._admission: Admission | None = None
        self._metrics = Metrics()
        self._group: asyncio.TaskGroup | None = None

    async def _life(self) -> None:
        self.services = None
        settings = ServerSettings(data=self.folder.root, url=URL)
        database = Database(sqlite_url(self.folder.database))
        async with asyncio.TaskGroup() as group:
            self._group = group
            services = await app._construct(settings, self.folder, database, group)
            self._metrics = Metrics()
            self._admission = Admission(
                services.networks,
                services.invites,
                services.devices,
                services.restored,
                self._metrics,
                certificate_sha256=b"",
                relays=services.relays,
                approvals=services.approvals,
            )
            rounds = Housekeeping(
                approvals=services.approvals,
                domains=services.domains,
                networks=services.networks,
                devices=services.devices,
                hub=services.hub,
                repeats=services.repeats,
                clock=self.wall,
                unix_time=self.wall,
            )
            group.create_task(rounds.run())
            self.services = services
            await asyncio.Event().wait()

    async def kill(self) -> None:
        self.services = None
        await super().kill()
        lines, self.lines = self.lines, []
        for line in lines:
            line.end()  # the kernel says so for the process

    def accept(self, line: Line) -> bool:
        """A node connects; False where nobody listens."""
        if not self.is_on or self.services is None or self._group is None:
            return False
        self.lines = [one for one in self.lines if not (one.up.ended and one.down.ended)] + [line]
        self._context.run(self._group.create_task, self._serve(line))
        return True

    def end_sessions(self, node: str) -> None:
        """The server drops the lines of one node."""
        for line in self.lines:
            if line.node == node:
                line.end()

    async def _serve(self, line: Line) -> None:
        services, admission = self.services, self._admission
        assert services is not None
        assert admission is not None

        async def ready() -> None:
            return None

        async def send(frame: bytes) -> None:
            if not RUNNING.get().alive:
                raise PowerLossError
            line.down.send(frame)

        async def close() -> None:
            line.end()

        shell = ServerLine(
            receive=line.up.receive, ready=ready, send=send, close=close, abort=line.end, proven=lambda: None
        )
        key = services.server_key
        machine = ServerSession(
            server_key=key.public, sign=key.sign, verify=is_signed, now=asyncio.get_running_loop().time()
        )
        await Connection(shell, machine, admission, services.hub, self._metrics).run()


class ModelTunnel(MemoryTunnel):
    """A tunnel whose probes reach the other tunnels of the model. `on_gate` is told of every peer that is set, and
    `on_filter` of every filter."""

    def __init__(self, link: str, spec: TunnelSpec, node: "NodeMachine") -> None:
        super().__init__(link, spec, node.host)
        self.port = spec.port or node.port
        self._node = node

    def set_peer(self, peer: PeerPlan) -> None:
        super().set_peer(peer)
        self._node.on_gate(self._node, peer)

    def set_filter(self, plan: FilterPlan) -> None:
        super().set_filter(plan)
        self._node.on_filter(self._node, plan)

    def send(self, endpoint: Hop, datagram: bytes) -> None:
        if not self.closed and isinstance(endpoint, Endpoint):
            self._node.on_datagram(self._node, endpoint, datagram)

    def hear(self, source: Endpoint, datagram: bytes) -> None:
        """The engine's check: only a hint that was registered reaches Python."""
        entry = self.probe_keys.get(datagram[4:12])
        if entry is not None and not self.closed:
            self.emit(ProbeReceived(peer=entry[0], endpoint=source, datagram=datagram))


class ModelDataplane:
    """`interface.Dataplane` of one daemon."""

    def __init__(self, node: "NodeMachine") -> None:
        self._node = node
        self.tunnels: list[ModelTunnel] = []

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        self._node.host.add_link(link, mtu=mtu, up=False)
        tunnel = ModelTunnel(link, spec, self._node)
        self.tunnels.append(tunnel)
        return tunnel

    def crash(self) -> None:
        for tunnel in self.tunnels:
            tunnel.close()


class NodeMachine(Machine):
    """A machine with a daemon, an operating system in memory, and a disk."""

    def __init__(
        self,
        name: str,
        number: int,
        on_gate: Callable[["NodeMachine", PeerPlan], None],
        on_filter: Callable[["NodeMachine", FilterPlan], None],
        on_datagram: Callable[["NodeMachine", Endpoint, bytes], None],
    ) -> None:
        super().__init__(name)
        self.disk = Disk()
        self.address = IPv4Address(f"192.0.2.{number + 10}")
        self.port = 40_000 + number
        self.on_gate = on_gate
        self.on_filter = on_filter
        self.on_datagram = on_datagram
        self.host = SimulatedHost()
        self.host.add_link("eth0")
        self.host.items.add(HostAddress("eth0", ip_interface(f"{self.address}/24")))
        self.dataplane = ModelDataplane(self)
        self.daemon: Daemon | None = None
        self.offered: set[bytes] = set()
        self.verified: set[bytes] = set()
        self._link_change = asyncio.Event()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that run on it."""
        return self.daemon.roster.networks if self.daemon is not None and self.is_on else ()

    @property
    def network(self) -> Network | None:
        """Its one network, if it is in it."""
        return self.networks[0] if self.networks else None

    @property
    def identity(self) -> Identity | None:
        """Who it is in that network."""
        return self.network.me if self.network is not None else None

    async def _life(self) -> None:
        state = cast("Path", self.disk.path(f"{self.name}:/state"))
        self.dataplane = ModelDataplane(self)
        self._link_change = asyncio.Event()
        self.daemon = Daemon(Loaded(NodeSettings(state, state, "info"), {}))
        await self.daemon.run()
        self.power.cut()

    async def kill(self) -> None:
        await super().kill()
        self.daemon = None
        self.dataplane.crash()

    async def stop(self) -> None:
        """As a signal asks for: goodbye, then off."""
        if self.daemon is not None and self._root is not None:
            self.daemon.stop()
            await asyncio.wait((self._root,), timeout=30.0)
        await self.kill()

    def troubles(self) -> list[str]:
        """What `warren status` would show as wrong."""
        return [entry.text for entry in self.daemon.health.entries()] if self.daemon is not None else []

    def change_link(self) -> None:
        """Its cable was out and is in again."""
        self._link_change.set()

    async def host_changes(self) -> AsyncIterator[None]:
        """Stands for `node.host.linux.watch.host_changes`."""
        while True:
            await self._link_change.wait()
            self._link_change.clear()
            yield


class NoApi:
    """The model calls the roster itself."""

    def __init__(self, *_arguments: object) -> None:
        """Take what the real one takes."""

    async def open(self) -> None:
        """There is no socket."""

    async def close(self, _within_s: float) -> None:
        """There was none."""


class NoLock:
    """One daemon a disk, by construction."""

    def __init__(self, _folder: object) -> None:
        """Nobody else is here."""

    def release(self) -> None:
        """Nobody waits."""
