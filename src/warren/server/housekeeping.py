"""What the server does by itself, by the clock: store 'last seen', let ephemeral members go, renew tagged ones,
date heads anew.

Decides when. Must not know how. Each round that fails is logged and tried again at its next time: a database that is
away for a minute costs a minute's rounds and nothing else.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from warren.errors import WarrenError
from warren.limits import EPHEMERAL_GRACE_S, EPHEMERAL_SWEEP_S, HOUSEKEEPING_S, LAST_SEEN_FLUSH_S, RELAY_GRANTS_LOOK_S
from warren.log import Log
from warren.model.ids import Identity, NetworkId
from warren.server.approvals.service import Approvals
from warren.server.devices.service import Devices
from warren.server.domains.service import DomainProofs
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.repeats.service import Repeats
from warren.server.sessions.hub import Hub

log = Log("housekeeping")


class Housekeeping:
    """The rounds. `clock`: seconds that only go on; a wall clock that jumps ends no membership. `unix_time`: for what
    has a date."""

    def __init__(
        self,
        *,
        networks: Networks,
        devices: Devices,
        approvals: Approvals,
        domains: DomainProofs,
        hub: Hub,
        repeats: Repeats,
        clock: Callable[[], float],
        unix_time: Callable[[], float],
    ) -> None:
        self._networks = networks
        self._devices = devices
        self._approvals = approvals
        self._domains = domains
        self._hub = hub
        self._repeats = repeats
        self._clock = clock
        self._unix_time = unix_time
        self._away_since: dict[tuple[NetworkId, Identity], float] = {}  # ephemeral members only

    async def run(self) -> None:
        """Make the rounds until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(LAST_SEEN_FLUSH_S, self.store_last_seen))
            group.create_task(_every(EPHEMERAL_SWEEP_S, self.sweep_ephemeral))
            networks = self._networks  # a clock that jumped ahead makes heads old long before the hour is over
            group.create_task(_every(HOUSEKEEPING_S, networks.redate_heads, early=networks.heads_overtaken))
            group.create_task(_every(HOUSEKEEPING_S, self.renew_tagged))
            group.create_task(_every(HOUSEKEEPING_S, self._repeats.forget_old))
            group.create_task(_every(HOUSEKEEPING_S, self._domains.look_again))
            group.create_task(_every(RELAY_GRANTS_LOOK_S, self.renew_grants))

    async def store_last_seen(self) -> None:
        """Write the times that only memory knows. Raises WarrenError STORE_UNAVAILABLE; they are kept then."""
        seen = self._hub.take_last_seen()
        if not seen:
            return
        try:
            await self._devices.write_last_seen(seen)
        except BaseException:
            self._hub.remember_last_seen(seen)
            raise

    async def renew_grants(self) -> None:
        """Tell the nodes whose grant for relays is half over a new one."""
        self._hub.tell_relays(due_by=self._unix_time())

    async def renew_tagged(self) -> None:
        """Renew the memberships of tagged machines that are here: nobody sits before them."""
        for network in self._networks.all():
            if self._networks.admits(network):
                for identity in network.ending():
                    if self._hub.is_online(network.id, identity):
                        await self._devices.renew(network, identity)

    async def sweep_ephemeral(self) -> None:
        """Renew ephemeral members that are here, remove those that have been away for EPHEMERAL_GRACE_S.

        Time during which the server itself was away does not count against them.
        """
        await self.store_last_seen()
        now, away_before = self._clock(), self._away_since
        self._away_since = {}
        for network in self._networks.all():
            for member in await self._devices.ephemeral(network):
                if not self._hub.is_online(network.id, member.identity):
                    key = (network.id, member.identity)
                    self._away_since[key] = away_before.get(key, now)
                    if now - self._away_since[key] <= EPHEMERAL_GRACE_S:
                        continue
                try:
                    await self._renew_or_end(network, member.identity)
                except WarrenError as error:  # what one machine left here is no trouble of all the others
                    log.warning("an ephemeral machine is put off", code=error.code.value, reason=error.text)

    async def _renew_or_end(self, network: LiveNetwork, identity: Identity) -> None:
        if self._hub.is_online(network.id, identity):
            await self._devices.renew(network, identity)  # of a locked network its admins' machines
        elif not self._networks.admits(network):  # nobody but itself may end it
            await self._approvals.end_away(network, identity)
        else:
            await self._devices.remove(network, identity, actor="server", revoke_key=False, left=True)


async def _every(interval_s: float, work: Callable[[], Awaitable[None]], *, early: asyncio.Event | None = None) -> None:
    """Do the work now, and again after each interval, or as soon as `early` is set."""
    woken = early or asyncio.Event()
    while True:
        woken.clear()
        try:
            await work()
        except WarrenError as error:
            log.warning("a round is put off", code=error.code.value)
        except Exception as error:  # noqa: BLE001 - a bug of one round is not the end of the others
            log.bug("a round failed", error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), interval_s)
