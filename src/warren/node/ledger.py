"""What this node holds of a network's documents, in memory and on disk, and what it believes because of them.

Decides the order of things: authenticate, verify, write what is in force beside what was, then the floors, then what is
in force alone, and only then hand out the new view.
A document that the server no longer sends stays until a newer one replaces it or verification drops it: the server's
silence removes nobody. Where the disk refuses, what ends counts at once and what begins waits: whoever can fill a disk
would else stay in after their removal. Must not know sessions or the engine. Files: `genesis`, `documents.bin` (what is
in force; after a crash what was, too), `floors.json`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import DOCUMENT_MAX_BYTES, MAP_MAX_DOCUMENTS
from warren.log import Log
from warren.model.ids import NetworkId
from warren.node.storage import Store
from warren.policy.language import is_readable
from warren.trust.authenticate import Authentic, Refusal, authenticate, read_genesis
from warren.trust.floors import Floors
from warren.trust.narrowing import narrowed
from warren.trust.verify import verify
from warren.trust.view import View

GENESIS_FILE = "genesis"
DOCUMENTS_FILE = "documents.bin"
FLOORS_FILE = "floors.json"
log = Log("ledger")
_REFUSED_SHOWN_MAX = 64  # reasons that status can show; a lying server's millionth document adds nothing


@dataclass(frozen=True, slots=True)
class Held:
    """What is in force: the view, what was refused on the way to it, and when the documents came (Unix seconds)."""

    view: View
    refused: tuple[Refusal, ...]
    as_of: float


class _Documents(msgspec.Struct, frozen=True, kw_only=True):
    as_of: float
    raw: list[bytes]


class Ledger:
    """One network's documents. `held` is None until the first good set came."""

    def __init__(self, store: Store, network: NetworkId, genesis: Authentic) -> None:
        self._store = store
        self.network = network
        self._genesis = genesis
        self._documents: dict[bytes, Authentic] = {genesis.digest: genesis}
        self._floors = Floors()
        self._lock = asyncio.Lock()
        self._unwritten: tuple[bytes, ...] = ()
        self._kept: frozenset[bytes] | None = None  # the file's; None: there is none
        self.is_behind = False
        """Whether the disk refused the last time: what is held is less than what came, and `take` tries it again."""
        self.held: Held | None = None

    def load(self, now: float, latest: float | None = None) -> None:
        """Take up what is on disk, verifying it like anything that comes in; `held` stays None where there is nothing.
        `now`, `latest`: Unix seconds, as `take` has them.

        WarrenError STATE_DAMAGED where the floors are lost: going on without them would let old documents back in.
        """
        self._floors = self._store.read(FLOORS_FILE, Floors.decode) or self._floors
        try:
            kept = self._store.read(DOCUMENTS_FILE, _parse)
        except WarrenError as error:
            if error.code is not Code.STATE_DAMAGED:
                raise
            kept = None  # the server has them, and the floors hold: nothing old comes back
        if kept is None:
            return
        self._kept = frozenset(kept.raw)
        documents, refused = self._authenticate(kept.raw)
        self._documents |= documents
        view = self._verify(now, latest)
        try:
            self._keep_floors(view.floors)  # a crash came between the documents and their floors
            self._floors = view.floors
        except WarrenError as error:
            log.warning("the floors cannot be kept", reason=error.text)
            self.is_behind = True
        self._keep(view)
        self.held = Held(view, (*refused, *view.refused), kept.as_of)

    async def take(self, raw: Iterable[bytes], now: float, latest: float | None = None) -> Held:
        """Add documents (of the server or a peer); when this returns floors and documents are on disk and in force.

        `now`: Unix seconds; `latest`: up to when a date of who merely attests counts. WarrenError
        STORE_UNAVAILABLE where the disk refuses: of what was in force that stays which the documents do not end, and
        the next call takes them again.
        """
        async with self._lock:
            return await asyncio.to_thread(self._take, list(raw), now, latest)

    def _take(self, raw: list[bytes], now: float, latest: float | None = None) -> Held:
        before = dict(self._documents)
        documents, refused = self._authenticate([*self._unwritten, *raw])
        self._documents |= documents
        try:
            view = self._verify(now, latest)
        except WarrenError:
            self._documents = before
            raise
        kept = dict.fromkeys(document.raw for document in view.documents)
        try:
            if view.floors != self._floors:
                # What the floors end stays on disk until they are, and what they ask for is there before them: whatever
                # a crash or a damaged file leaves of the three writes, a good set is among it.
                self._keep_documents({**kept, **dict.fromkeys(sorted((self._kept or frozenset()) - kept.keys()))}, now)
                self._keep_floors(view.floors)
            self._keep_documents(kept, now)
        except WarrenError:
            self._documents, self.is_behind = before, True
            in_force = {one.digest for one in view.documents}
            self._unwritten = tuple(one.raw for digest, one in documents.items() if digest in in_force)
            if self.held is not None:
                self.held = Held(narrowed(self.held.view, view), self.held.refused, self.held.as_of)
            raise
        self._unwritten, self.is_behind = (), False
        self._floors = view.floors
        self._keep(view)
        # what was in force until now and gave way (to a newer one, to a removal) is the course of things, no trouble
        came = (one for one in view.refused if one.digest not in before or one.digest in self._documents)
        self.held = Held(view, (*refused, *came)[:_REFUSED_SHOWN_MAX], now)
        return self.held

    def _keep_floors(self, floors: Floors) -> None:
        if floors != self._floors:
            self._store.write(FLOORS_FILE, floors.encode())

    def _keep_documents(self, raw: Iterable[bytes], now: float) -> None:
        wanted = list(raw)
        if self._kept != frozenset(wanted):
            self._store.write(DOCUMENTS_FILE, msgspec.msgpack.encode(_Documents(as_of=now, raw=wanted)))
            self._kept = frozenset(wanted)

    async def reverify(self, now: float) -> Held | None:
        """Judge what is held at a later time: memberships end by the clock."""
        return await self.take((), now) if self.held is not None else None

    def note_current(self, now: float) -> None:
        """The server says that nothing is newer: the state is of now. In memory only."""
        if self.held is not None:
            self.held = Held(self.held.view, self.held.refused, now)

    def _verify(self, now: float, latest: float | None) -> View:
        return verify(
            self.network,
            self._documents.values(),
            floors=self._floors,
            now=int(now),
            latest=None if latest is None else int(latest),
            readable=is_readable,
        )

    def _keep(self, view: View) -> None:
        self._documents = {document.digest: document for document in (self._genesis, *view.documents)}

    def _authenticate(self, raw: Iterable[bytes]) -> tuple[dict[bytes, Authentic], list[Refusal]]:
        known = {document.raw for document in self._documents.values()}
        good: dict[bytes, Authentic] = {}
        refused: list[Refusal] = []
        for one in raw:
            if one in known:
                continue
            answer = authenticate(self.network, one)
            if isinstance(answer, Refusal):
                refused.append(answer)
            else:
                good[answer.digest] = answer
        return good, refused[:_REFUSED_SHOWN_MAX]


def open_ledger(store: Store) -> Ledger:
    """The ledger of a network's folder; WarrenError STATE_DAMAGED where its genesis is gone or no good."""
    found = store.read(GENESIS_FILE, _parse_genesis)
    if found is None:
        raise WarrenError(
            Code.STATE_DAMAGED, f"{store.folder / GENESIS_FILE} is gone", "`warren leave` this network, and join anew"
        )
    network, genesis = found
    return Ledger(store, network, genesis)


def parse_genesis(raw: bytes) -> tuple[NetworkId, Authentic]:
    """A stranger's genesis; WarrenError with the refusal's code where it is none."""
    return _parse_genesis(raw)


def _parse_genesis(raw: bytes) -> tuple[NetworkId, Authentic]:
    answer = read_genesis(raw)
    if isinstance(answer, Refusal):
        raise WarrenError(answer.code, answer.text)
    return answer


def _parse(content: bytes) -> _Documents:
    kept = msgspec.msgpack.decode(content, type=_Documents)
    if len(kept.raw) > 2 * MAP_MAX_DOCUMENTS or any(len(raw) > DOCUMENT_MAX_BYTES for raw in kept.raw):
        raise WarrenError(Code.TOO_LARGE, "more or larger documents than a network has")
    return kept
