"""Port mapping for one network: a conversation a family with the default gateway, for the tunnel's port.

Decides when a conversation ends and another begins (port, gateway or address changed), and what is kept on disk for a
run after a crash. A mapping is given back where we still have the address that it leads to; else it runs out, since the
address may be another machine's by now. The end of `run` gives back everything, whatever ends it. Must not know
protocols, peers or probes: what is mapped goes to `on_mappings`.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import msgspec

from warren.limits import PORTMAP_OPEN_RETRY_S, PORTMAP_RELEASE_MAX_S
from warren.log import Log
from warren.model.addresses import Endpoint, parse_endpoint
from warren.node.paths.interfaces import Surroundings, Uplink
from warren.node.paths.portmap.client import Gateway, Method
from warren.node.paths.portmap.conversation import Conversation, boot_time
from warren.node.paths.portmap.leftover import Kept, Leftover, is_here, may_release, read_kept, write_kept
from warren.node.paths.portmap.mapper import Event, Mapped, Phase, Unmapped
from warren.node.storage import Store
from warren.wire.pcp import NONCE_BYTES

log = Log("portmap")


@dataclass(frozen=True, slots=True)
class FamilyState:
    """For people: what is known of the gateway of one family (4 or 6). `found`: each protocol, `present` or why not."""

    family: int
    gateway: str
    found: dict[Method, str]
    external: Endpoint | None
    method: Method | None
    is_settled: bool
    """Whether nothing is being looked for: every protocol has answered, or had its time."""


class PortMapping:
    """One network's. `set_wanted` says what there is to map; `run` is its task."""

    def __init__(
        self,
        store: Store,
        on_mappings: Callable[[Sequence[Endpoint]], None],
        seen: Callable[[], AbstractSet[IPv4Address | IPv6Address]],
    ) -> None:
        """`on_mappings` gets all outer endpoints, anew, after each change. `seen`: under which addresses servers see
        this machine; a claim of another one is not believed."""
        self._store = store
        self._on_mappings = on_mappings
        self._kept: Kept | None = None
        self._wanted: dict[int, tuple[Gateway, int]] = {}
        self._addresses: tuple[IPv4Address | IPv6Address, ...] = ()
        self._seen = seen
        self._talks: dict[int, Conversation] = {}
        self._ending: set[Conversation] = set()
        self._changed = asyncio.Event()
        self._unwritten = False
        self._tasks: asyncio.TaskGroup | None = None

    def set_wanted(self, port: int | None, surroundings: Surroundings) -> None:
        """Map this port (None: none) at the gateways of these surroundings."""
        uplinks = {4: surroundings.uplink4, 6: surroundings.uplink6}
        self._addresses = surroundings.addresses
        wanted = {
            family: (gateway, port)
            for family, uplink in uplinks.items()
            if port is not None and (gateway := _gateway(uplink)) is not None
        }
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    def handle_resume(self) -> None:
        """The machine slept, or its network changed: see at once whether the mappings stand."""
        for talk in self._talks.values():
            talk.handle_resume()

    @property
    def state(self) -> tuple[FamilyState, ...]:
        """What there is to say, a family each that has a gateway."""
        return tuple(_state(family, talk) for family, talk in sorted(self._talks.items()))

    async def run(self) -> None:
        """Map until cancelled, then give everything back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    if self._kept is None:
                        self._kept = await asyncio.to_thread(read_kept, self._store, os.urandom(NONCE_BYTES))
                        self._unwritten = True  # the nonce is on disk before a mapping is made with it
                    if self._unwritten:
                        self._unwritten = False
                        await asyncio.to_thread(write_kept, self._store, self._kept)
                    self._apply(self._kept)
        finally:
            await self._give_back()

    # --- within ---

    def _apply(self, kept: Kept) -> None:
        self._ending = {talk for talk in self._ending if not talk.has_ended}
        for family in (4, 6):
            talk, wanted = self._talks.get(family), self._wanted.get(family)
            if talk is not None and (talk.gateway, talk.port) == wanted:
                continue
            if talk is not None:
                del self._talks[family]
                self._end(talk)
                self._tell()
            if wanted is not None:
                self._begin(family, *wanted, kept)

    def _begin(self, family: int, gateway: Gateway, port: int, kept: Kept) -> None:
        leftover = kept.mappings.get(str(family))
        is_left = leftover is not None and is_here(leftover, gateway, time.time())
        suggested, left_by = None, None
        try:
            if leftover is not None and is_left and leftover.port != port and may_release(leftover, gateway):
                old = self._conversation(gateway, leftover.port, kept, _ignore)
                self._ending.add(old)
                old.release_leftover(leftover.method, parse_endpoint(leftover.external))
            elif leftover is not None and is_left and leftover.port == port:
                suggested = parse_endpoint(leftover.external)
                left_by = leftover.method if may_release(leftover, gateway) else None
            talk = self._conversation(gateway, port, kept, self._handle_event)
        except OSError as error:  # an address that is not usable yet, say
            log.debug("a gateway cannot be asked", gateway=gateway.address, reason=error.strerror)
            asyncio.get_running_loop().call_later(PORTMAP_OPEN_RETRY_S, self._changed.set)
            return
        self._talks[family] = talk
        talk.start(suggested, left_by)

    def _conversation(
        self, gateway: Gateway, port: int, kept: Kept, on_event: Callable[[Conversation, Event], None]
    ) -> Conversation:
        return Conversation(gateway, port, kept, seen=self._seen, spawn=self._spawn, on_event=on_event)

    def _end(self, talk: Conversation) -> None:
        """Give back what leads to an address that is ours still; the rest runs out."""
        if talk.gateway.source in self._addresses:
            self._ending.add(talk)
            talk.release(self._spawn)
        else:
            talk.close()

    def _handle_event(self, talk: Conversation, event: Event) -> None:
        family = talk.gateway.source.version
        if self._kept is None:
            return
        mappings = dict(self._kept.mappings)
        if isinstance(event, Unmapped):
            mappings.pop(str(family), None)
            log.info("a port mapping ended", family=family, reason=event.reason)
        else:
            mapping = event.mapping
            if isinstance(event, Mapped):
                log.info("a port is mapped", family=family, method=mapping.method)
            mappings[str(family)] = Leftover(
                method=mapping.method,
                gateway=str(talk.gateway.address),
                source=str(talk.gateway.source),
                port=talk.port,
                external=str(mapping.external),
                until=time.time() + mapping.expires_at - boot_time(),
            )
        self._kept = msgspec.structs.replace(self._kept, mappings=mappings)
        self._unwritten = True
        self._changed.set()
        self._tell()

    def _tell(self) -> None:
        held = [talk.mapper.mapping.external for talk in self._talks.values() if talk.mapper.mapping is not None]
        # what leads to an address of this machine itself is a candidate already
        self._on_mappings([external for external in held if external.address not in self._addresses])

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(work)
        else:
            work.close()

    async def _give_back(self) -> None:
        """What stands at gateways goes, within PORTMAP_RELEASE_MAX_S; what is on disk follows."""
        talks = [*self._talks.values(), *self._ending]
        try:
            async with asyncio.timeout(PORTMAP_RELEASE_MAX_S + 0.5), asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for talk in self._talks.values():
                    talk.release(self._spawn)
                for talk in talks:
                    await talk.until_ended()
        except TimeoutError:
            log.debug("a gateway took nothing back in time")
        finally:
            self._tasks = None
            for talk in talks:
                talk.close()
            self._talks.clear()
            self._ending.clear()
        if self._kept is not None and self._unwritten:
            await asyncio.to_thread(write_kept, self._store, self._kept)


def _ignore(_talk: Conversation, _event: Event) -> None:
    pass


def _gateway(uplink: Uplink | None) -> Gateway | None:
    if uplink is None or uplink.gateway is None or uplink.source is None:
        return None
    return Gateway(uplink.gateway, uplink.source, uplink.index)


def _state(family: int, talk: Conversation) -> FamilyState:
    mapping = talk.mapper.mapping
    return FamilyState(
        family,
        str(talk.gateway.address),
        dict(talk.mapper.found),
        mapping.external if mapping is not None else None,
        mapping.method if mapping is not None else None,
        talk.mapper.phase in {Phase.MAPPED, Phase.RESTING} or talk.mapper.is_done,
    )
