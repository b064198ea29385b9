"""Keeps the host as the network maps want it: the one task that runs the reconciler.

Decides when: after every change of a map, of the host's own links, addresses and routes, and again with growing gaps
while something fails. Many requests during a run are one more run. After each run every network gets its tunnel or the
reason why it has none, and where this machine is attached. Must not know what a plan looks like.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from warren.errors import Code, WarrenError
from warren.limits import CONVERGE_RETRY_FIRST_S, CONVERGE_RETRY_MAX_S
from warren.log import Log
from warren.node.health import Health
from warren.node.host.facts import HostFacts
from warren.node.host.linux.host import LinuxHost
from warren.node.host.linux.watch import host_changes
from warren.node.netmap import NetworkMap
from warren.node.network import Network
from warren.node.paths.candidates import Prefix
from warren.node.paths.interfaces import Surroundings, survey
from warren.node.reconcile import Outcome, Reconciler

log = Log("host")


class Convergence:
    """`request` asks for a run; `run` and `watch` are its tasks; `undo` ends it."""

    def __init__(
        self,
        reconciler: Reconciler,
        host: LinuxHost,
        networks: Callable[[], Sequence[Network]],
        health: Health,
        now: Callable[[], float],
    ) -> None:
        self._reconciler = reconciler
        self._host = host
        self._networks = networks
        self._health = health
        self._now = now
        self._wanted = asyncio.Event()
        self._ended = False

    def request(self) -> None:
        """Something that the host follows has changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Converge after every request, until cancelled."""
        retry_s = CONVERGE_RETRY_FIRST_S
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if await self.converge():
                retry_s = CONVERGE_RETRY_FIRST_S
                continue
            try:
                async with asyncio.timeout(retry_s):
                    await self._wanted.wait()
            except TimeoutError:
                self._wanted.set()
            retry_s = min(retry_s * 2, CONVERGE_RETRY_MAX_S)

    async def watch(self) -> None:
        """The host changes by others' hands too: links that go, addresses that come."""
        async for _ in host_changes():
            self.request()
            for network in self._networks():
                network.link.hurry()

    async def converge(self) -> bool:
        """One run; False where something failed and another run may do better."""
        if self._ended:
            return True
        networks = [network for network in self._networks() if network.map is not None]
        maps = [network.map for network in networks if network.map is not None]
        try:
            outcome = await self._reconciler.reconcile(maps)
            facts = await self._host.facts()
        except (WarrenError, OSError) as error:
            refused = error if isinstance(error, WarrenError) else _refused(error)
            self._health.set_error("host", refused, self._now())
            log.warning("the host cannot be changed", code=refused.code.value, reason=refused.text)
            return False
        self._health.clear("host")
        self._tell(outcome, maps, facts)
        for failure in outcome.failures:
            log.warning("a change of the host failed", code=failure.error.code.value, reason=failure.error.text)
        return not outcome.failures

    async def check(self, prefixes: Sequence[Prefix]) -> None:
        """WarrenError ADDRESS_COLLISION where a network of these prefixes, not joined yet, could not come up here.

        A host that cannot be read is no reason not to join: the run that follows says what is wrong with it."""
        maps = [network.map for network in self._networks() if network.map is not None]
        with contextlib.suppress(OSError):
            await self._reconciler.check(prefixes, maps)

    async def undo(self) -> Outcome:
        """Leave the host as it would be without us; nothing converges after this."""
        self._ended = True
        for network in self._networks():
            network.set_host(None, None, (), Surroundings())
        return await self._reconciler.undo()

    def _tell(self, outcome: Outcome, maps: Sequence[NetworkMap], facts: HostFacts) -> None:
        tunnels = self._reconciler.tunnels
        prefixes: tuple[Prefix, ...] = tuple(prefix for one in maps for prefix in one.prefixes)
        surroundings = survey(facts, {tunnel.link for tunnel in tunnels.values()})
        for network in self._networks():
            network.set_host(tunnels.get(network.id), outcome.error(network.id), prefixes, surroundings)


def _refused(error: OSError) -> WarrenError:
    return WarrenError(Code.HOST_REFUSED, f"the host cannot be read or changed: {error.strerror or error}")
