"""What a restart needs to find the peers again: the listen port and the endpoints that worked last.

Decides what is kept (ENDPOINTS_KEPT_MAX a peer, newest first) and writes it soon after it changed, in a thread, so that
a kill -9 loses at most ENDPOINTS_WRITE_AFTER_S. Must not know probes. A damaged file costs a slower start, nothing
else. File: `endpoints.json`.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from warren.errors import WarrenError
from warren.limits import ENDPOINTS_KEPT_MAX
from warren.log import Log
from warren.model.addresses import Endpoint, parse_endpoint
from warren.model.ids import Identity, parse_identity, show_identity
from warren.node.paths.late_writing import LateWriter
from warren.node.storage import Store

ENDPOINTS_FILE = "endpoints.json"
log = Log("endpoints")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    contact_at: float = 0.0
    peers: dict[str, list[str]] = msgspec.field(default_factory=dict)


class EndpointBook:
    """One network's memory of where things were. `port` 0: none yet; `contact_at`: last word of the server, Unix s."""

    def __init__(self, store: Store) -> None:
        self._peers: dict[Identity, tuple[Endpoint, ...]] = {}
        self._port = 0
        self._contact_at = 0.0
        self._writer = LateWriter(store, ENDPOINTS_FILE, self._encode)
        try:
            content = store.read(ENDPOINTS_FILE, _parse)
        except WarrenError as error:
            log.warning("the last endpoints cannot be read", reason=error.text)
            return
        if content is not None:
            self._port, self._contact_at, self._peers = content.port, content.contact_at, dict(_peers(content.peers))

    @property
    def port(self) -> int:
        """The UDP port that was listened on last; 0 where there was none."""
        return self._port

    @port.setter
    def port(self, port: int) -> None:
        if port != self._port:
            self._port = port
            self._writer.note_change()

    @property
    def contact_at(self) -> float:
        """When the server last confirmed the map, Unix seconds."""
        return self._contact_at

    def note_contact(self, now: float) -> None:
        """The server confirmed the map; written with the next change, or when the session ends."""
        self._contact_at = now

    def known(self, peer: Identity) -> tuple[Endpoint, ...]:
        """Endpoints of a peer that worked, the newest first."""
        return self._peers.get(peer, ())

    def note_good(self, peer: Identity, endpoint: Endpoint) -> None:
        """This one works now."""
        known = self.known(peer)
        if known[:1] == (endpoint,):
            return
        others = (one for one in known if one != endpoint)
        self._peers[peer] = (endpoint, *others)[:ENDPOINTS_KEPT_MAX]
        self._writer.note_change()

    def forget_others(self, peers: Mapping[Identity, object]) -> None:
        """Only these are peers; what was kept of others goes."""
        if gone := [peer for peer in self._peers if peer not in peers]:
            for peer in gone:
                del self._peers[peer]
            self._writer.note_change()

    def write_soon(self) -> None:
        """Write even if no endpoint changed."""
        self._writer.note_change()

    async def run(self) -> None:
        """Write after changes, until cancelled."""
        await self._writer.run()

    def write_now(self) -> None:
        """Write what is not on disk yet; for the end of the process."""
        self._writer.write_now()

    def _encode(self) -> bytes:
        peers = {show_identity(peer): [str(one) for one in endpoints] for peer, endpoints in self._peers.items()}
        return msgspec.json.encode(_File(port=self._port, contact_at=self._contact_at, peers=peers))


def _parse(content: bytes) -> _File:
    file = msgspec.json.decode(content, type=_File)
    _peers(file.peers)  # what is wrong in them is damage of the file, and the store tells of it
    return file


def _peers(kept: dict[str, list[str]]) -> Mapping[Identity, tuple[Endpoint, ...]]:
    return {
        parse_identity(peer): tuple(parse_endpoint(one) for one in endpoints[:ENDPOINTS_KEPT_MAX])
        for peer, endpoints in kept.items()
    }
