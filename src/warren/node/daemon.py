"""The composition root of the daemon: constructs the parts, joins them, stops them in order. Decides nothing.

Order of start: lock, what is wanted, host, networks from disk, local API. Order of the end: sessions say goodbye, the
host is as it was, the socket goes, the lock goes. `down` is the same with 'off' remembered before.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence

from warren import running
from warren.errors import Code, WarrenError
from warren.limits import API_END_MAX_S, DAEMON_IDLE_S, TROUBLE_SHOWN_S
from warren.log import Log
from warren.node import wanted as wanted_file
from warren.node.api.caller import Caller, right_of
from warren.node.api.http import LocalApi
from warren.node.api.routes import routes
from warren.node.api.scope import Off
from warren.node.control.connection import Connection
from warren.node.convergence import Convergence
from warren.node.dataplane.userspace import HAS_FAST_AES, UserspaceDataplane
from warren.node.health import Health
from warren.node.host.facts import Prefix
from warren.node.host.linux.host import LinuxHost, epoch
from warren.node.journal import Journal
from warren.node.network import Network
from warren.node.pauses import watch_pauses
from warren.node.reconcile import Reconciler
from warren.node.roster import Life, Roster
from warren.node.settings import Loaded
from warren.node.storage import Damage, FolderLock, Store
from warren.node.supervision import guarded, supervised
from warren.node.wanted import Wanted
from warren.node.wireguard_view import show_to_wg
from warren.protocol.local.rights import Right

log = Log("daemon")


class Daemon:
    """One daemon of one state folder. `run` is its life."""

    def __init__(self, loaded: Loaded) -> None:
        """Take the folder; WarrenError ALREADY_RUNNING where another daemon has it, or what else stands in the way."""
        self.loaded = loaded
        self.health = Health()
        self._store = Store(loaded.settings.state, self._note_damage)
        self._lock = FolderLock(loaded.settings.state)
        self.wanted: Wanted = wanted_file.load(self._store)
        self._wanting = asyncio.Lock()
        life = Life(self._start_network, self._stop_network, self._spawn)
        self.roster = Roster(
            loaded.settings.state,
            self.health,
            self._converge,
            life,
            fits=self.check_fits,
            proxy=loaded.settings.proxy,
            has_fast_aes=HAS_FAST_AES,
        )
        self._stop_asked = asyncio.Event()
        self._cleaned = asyncio.Event()
        self._down_call: asyncio.Task[object] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._networks: dict[Network, asyncio.Task[None]] = {}
        self.convergence: Convergence | None = None
        self.reconciler: Reconciler | None = None
        self.survives_reboot = "INVOCATION_ID" in os.environ  # systemd started us (systemd.exec(5))

    async def run(self) -> None:
        """Serve until told to stop; when this returns nothing of us is left on the host."""
        host = LinuxHost()
        journal = Journal(self._store, epoch())
        dataplane = UserspaceDataplane(self.loaded.settings.offloads, self.loaded.settings.workers)
        self.reconciler = Reconciler(host, dataplane, journal, self.roster.tunnel_spec)
        self.convergence = Convergence(self.reconciler, host, lambda: self.roster.networks, self.health, time.time)
        api = LocalApi(self.loaded.settings.socket, routes(self), self._right_of)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await api.open()
            log.info("listening", pid=os.getpid())
            background = [
                tasks.create_task(supervised("converge", self.convergence.run)),
                tasks.create_task(supervised("watch", self.convergence.watch)),
                tasks.create_task(supervised("pauses", lambda: watch_pauses(lambda: self.roster.networks))),
            ]
            if not self.loaded.settings.stay:
                background.append(tasks.create_task(supervised("idle", lambda: self._end_when_idle(api))))
            if self.wanted.up:
                await self.roster.load()
            running.settle()
            self.convergence.request()  # undoes what a killed daemon left behind, even where nothing is wanted
            await self._stop_asked.wait()
            api.end_calls(but=self._down_call)
            await self.roster.stop_all()
            for task in background:
                task.cancel()
            outcome = await self.convergence.undo()
            for failure in outcome.failures:
                log.warning("something stays on the host", reason=failure.error.text)
            self._cleaned.set()
            await api.close(API_END_MAX_S)
        self._lock.release()
        log.info("ended")

    def stop(self) -> None:
        """End, as a signal asks for; what is wanted stays wanted."""
        self._stop_asked.set()

    async def set_wanted(self, *, up: bool, operator_uid: int | None) -> None:
        """Remember what the user wants; on disk when this returns."""
        wanted = Wanted(up=up, operator_uid=operator_uid)
        async with self._wanting:  # two commands at once: what counts in the end is what is on disk
            if wanted != self.wanted:
                await asyncio.to_thread(wanted_file.save, self._store, wanted)
                self.wanted = wanted

    async def down(self) -> Off:
        """Off, remembered where the disk lets us; answers when the host is clean. The process ends then."""
        self._down_call = asyncio.current_task()
        names = tuple(network.name for network in self.roster.networks)
        forgotten: WarrenError | None = None
        try:
            await self.set_wanted(up=False, operator_uid=self.wanted.operator_uid)
        except WarrenError as error:  # whoever asks for off gets it, also with a full disk
            log.warning("off cannot be remembered", code=error.code.value, reason=error.text)
            forgotten = error
        self._stop_asked.set()
        await self._cleaned.wait()
        return Off(names, forgotten)

    async def _end_when_idle(self, api: LocalApi) -> None:
        """End where nothing is wanted and nobody asks: whoever started this daemon was killed before it ended it."""
        idle_since: float | None = None
        while True:
            await asyncio.sleep(DAEMON_IDLE_S / 2)
            now = asyncio.get_running_loop().time()
            if self.wanted.up or not api.is_idle:
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since >= DAEMON_IDLE_S:
                log.info("nothing is wanted of this daemon")
                self.stop()
                return

    async def check_fits(self, prefixes: Sequence[Prefix]) -> None:
        """WarrenError ADDRESS_COLLISION where a network of these prefixes could not come up on this host."""
        if self.convergence is not None:
            await self.convergence.check(prefixes)

    def _converge(self) -> None:
        if self.roster.names_clash:  # an admin renamed a network, or one was joined just now
            self._spawn(self.roster.settle_names())
        if self.convergence is not None:
            self.convergence.request()

    def _start_network(self, network: Network, first: Connection | None) -> None:
        session: list[Connection | None] = [first]  # a network that is begun anew has none

        async def life() -> None:
            async with asyncio.TaskGroup() as tasks:
                shown = tasks.create_task(show_to_wg(network))
                await network.run(session.pop() if session else None)
                shown.cancel()

        if self._tasks is not None:
            self._networks[network] = self._tasks.create_task(supervised("network", life))

    async def _stop_network(self, network: Network) -> None:
        task = self._networks.pop(network, None)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(guarded("errand", work))

    def _right_of(self, caller: Caller) -> Right:
        return right_of(caller, self.wanted.operator_uid)

    def _note_damage(self, damage: Damage) -> None:
        how = "the generation before is used" if damage.recovered else "begun anew"
        kept = f", kept as {damage.kept_as}" if damage.kept_as else ""
        text = f"{damage.name} was damaged ({damage.reason}){kept}: {how}"
        log.warning("a state file was damaged", file=damage.name, reason=damage.reason, kept=damage.kept_as)
        now = time.time()
        self.health.set(f"damage/{damage.name}", Code.STATE_DAMAGED, text, now, until=now + TROUBLE_SHOWN_S)
