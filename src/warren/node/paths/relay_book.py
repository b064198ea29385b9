"""What a node remembers of relays, so that it finds its peers again while the server is away.

Decides what is kept: the relays and the grant as the server told them last, our own home, each peer's, and the
addresses that the relays' names had. Written soon after it changed, in a thread. Must not know how relays are used. A
damaged file costs a slower start, nothing else. File: `relays.json`.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from warren.errors import WarrenError
from warren.limits import RELAY_ENDPOINTS_MAX, RELAYS_MAX
from warren.log import Log
from warren.model.addresses import Endpoint, parse_endpoint
from warren.model.ids import Identity, parse_identity, show_identity
from warren.node.paths.late_writing import LateWriter
from warren.node.storage import Store
from warren.protocol.control.messages import RelayPlace

RELAYS_FILE = "relays.json"
log = Log("relays")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    relays: Annotated[tuple[RelayPlace, ...], Meta(max_length=RELAYS_MAX)] = ()
    grant: bytes = b""
    home: Annotated[int, Meta(ge=0)] = 0
    peers: dict[str, int] = msgspec.field(default_factory=dict)
    addresses: dict[str, list[str]] = msgspec.field(default_factory=dict)


class RelayBook:
    """One network's memory of relays. What is set here is on disk soon after."""

    def __init__(self, store: Store) -> None:
        self._writer = LateWriter(store, RELAYS_FILE, self._encode)
        self._file = _File()
        self._peers: dict[Identity, int] = {}
        self._addresses: dict[str, tuple[Endpoint, ...]] = {}
        try:
            content = store.read(RELAYS_FILE, _parse)
        except WarrenError as error:
            log.warning("the last relays cannot be read", reason=error.text)
            return
        if content is not None:
            self._file = content
            self._peers, self._addresses = _read_peers(content), _read_addresses(content)

    @property
    def relays(self) -> tuple[RelayPlace, ...]:
        """The relays as they were told last."""
        return self._file.relays

    @property
    def grant(self) -> bytes:
        """The grant that was told last; empty: none."""
        return self._file.grant

    @property
    def home(self) -> int:
        """The relay where this node was to be reached last; 0: none."""
        return self._file.home

    def note_told(self, relays: tuple[RelayPlace, ...], grant: bytes) -> bool:
        """The server told these; whether that is news."""
        is_news = (relays, grant) != (self._file.relays, self._file.grant)
        if is_news:
            self._file = msgspec.structs.replace(self._file, relays=relays, grant=grant)
            self._writer.note_change()
        return is_news

    def note_home(self, relay: int) -> None:
        """This node is to be reached at this relay."""
        if relay != self._file.home:
            self._file = msgspec.structs.replace(self._file, home=relay)
            self._writer.note_change()

    def home_of(self, peer: Identity) -> int:
        """The relay where a peer was to be reached last; 0: not known."""
        return self._peers.get(peer, 0)

    def note_home_of(self, peer: Identity, relay: int) -> None:
        """The server says that a peer is to be reached there; 0 is no news."""
        if relay not in {0, self.home_of(peer)}:
            self._peers[peer] = relay
            self._writer.note_change()

    def forget_others(self, peers: Mapping[Identity, object]) -> None:
        """Only these are peers; what was kept of others goes."""
        for gone in [peer for peer in self._peers if peer not in peers]:
            del self._peers[gone]
            self._writer.note_change()

    def addresses(self, name: str) -> tuple[Endpoint, ...]:
        """The addresses that `HOST:PORT` had when it was looked up last."""
        return self._addresses.get(name, ())

    def note_addresses(self, name: str, found: tuple[Endpoint, ...]) -> None:
        """`HOST:PORT` has these addresses now. Only names of relays that were told are kept."""
        if found == self._addresses.get(name):
            return
        told = {one for relay in self.relays for one in relay.udp}
        kept = {known: addresses for known, addresses in self._addresses.items() if known in told}
        self._addresses = {**kept, name: found}
        self._writer.note_change()

    async def run(self) -> None:
        """Write after changes, until cancelled."""
        await self._writer.run()

    def write_now(self) -> None:
        """Write what is not on disk yet; for the end of the process."""
        self._writer.write_now()

    def _encode(self) -> bytes:
        peers = {show_identity(peer): home for peer, home in self._peers.items()}
        addresses = {name: [str(one) for one in found] for name, found in self._addresses.items()}
        return msgspec.json.encode(msgspec.structs.replace(self._file, peers=peers, addresses=addresses))


def _parse(content: bytes) -> _File:
    file = msgspec.json.decode(content, type=_File)
    _read_peers(file)  # what is wrong in them is damage of the file, and the store tells of it
    _read_addresses(file)
    return file


def _read_peers(file: _File) -> dict[Identity, int]:
    return {parse_identity(peer): home for peer, home in file.peers.items()}


def _read_addresses(file: _File) -> dict[str, tuple[Endpoint, ...]]:
    return {
        name: tuple(parse_endpoint(one) for one in found[:RELAY_ENDPOINTS_MAX])
        for name, found in file.addresses.items()
    }
