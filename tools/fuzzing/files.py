"""Files of a node's state: each as it is loaded, over a store whose file holds anything.

The digest around every file stands in the way of chance, so it is right here: what is read is what a bug, another
version or a hand wrote. Damage is told as STATE_DAMAGED or the file's own answer to that; nothing else comes out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from tools.fuzzing.documents import PARSERS as OF_DOCUMENTS
from tools.fuzzing.parser import Check, Parser, require
from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.node import keys, membership, stamps, wanted
from warren.node.journal import FILE as JOURNAL_FILE
from warren.node.journal import Journal
from warren.node.ledger import DOCUMENTS_FILE, FLOORS_FILE, GENESIS_FILE, open_ledger
from warren.node.paths.endpoints import EndpointBook
from warren.node.paths.portmap.leftover import PORTMAP_FILE, read_kept
from warren.node.paths.relay_book import RELAYS_FILE, RelayBook
from warren.node.storage import Store, _frame, _unframe
from warren.trust.floors import Floors
from warren.wire.pcp import NONCE_BYTES

T = TypeVar("T")
_NOW = 1_700_000_000.0
_DOCUMENTS = next(parser.seeds for parser in OF_DOCUMENTS if parser.name == "document")


class _Memory(Store):
    """A store whose files are bytes in memory; reads judge as the real one does."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.folder = Path("memory")
        self.files = files

    def read(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        if name not in self.files:
            return None
        try:
            return parse(self.files[name])
        except (WarrenError, ValueError, RecursionError) as error:
            raise WarrenError(Code.STATE_DAMAGED, "damaged") from error

    def write(self, name: str, content: bytes) -> None:
        self.files[name] = content


def _loads(name: str, load: Callable[[Store], object], saved: bool = False) -> Check:  # noqa: FBT001, FBT002 - read at the table below
    """Loading says STATE_DAMAGED or gives a value; where loading is all there is, loading again gives the same."""

    def check(data: bytes) -> bool:
        store = _Memory({GENESIS_FILE: _DOCUMENTS[0]} | {name: data})
        try:
            value = load(store)
        except WarrenError as error:
            require(error.code is Code.STATE_DAMAGED, f"refused with {error.code}")
            return False
        require(saved or repr(load(store)) == repr(value), "it reads differently")
        return True

    return check


def _load_keys(store: Store) -> object:
    found = keys.load(store)
    require("redacted" in repr(found), "keys that print")
    keys.save(store, found)
    return found


def _load_ledger(store: Store) -> object:
    ledger = open_ledger(store)
    ledger.load(_NOW)
    return None if ledger.held is None else sorted(ledger.held.view.members)


def _load_endpoints(store: Store) -> object:
    book = EndpointBook(store)
    require(0 <= book.port <= 65535, f"port {book.port}")
    return (book.port, book.contact_at)


def _load_relays(store: Store) -> object:
    book = RelayBook(store)
    return (book.relays, book.grant, book.home, book.addresses("fra-1"))


def _load_portmap(store: Store) -> object:
    kept = read_kept(store, bytes(NONCE_BYTES))
    require(len(kept.nonce) == NONCE_BYTES, "a nonce of another length")
    return kept


def _reserve(store: Store) -> object:
    window = stamps.reserve(store, _NOW)
    # TAI64N in the engine: nanoseconds in 64 bits
    require(0 <= window.floor_s < window.ceiling_s < 2**64 // 10**9, f"a window of {window}")
    return window


def _check_framed(data: bytes) -> bool:
    """The frame itself: only what was written comes out of it."""
    for name in ("x.json", "x.bin"):
        try:
            content = _unframe(name, data)
        except ValueError:
            continue
        require(_frame(name, content) == data, "another frame around the same content")
        return True
    return False


_KEYS = keys.NodeKeys(
    SigningKeyPair(bytes([1]) * 32), ExchangeKeyPair(bytes([2]) * 32), ExchangeKeyPair(bytes([3]) * 32)
)
_MEMBER = membership.Membership(server="https://a", server_key=bytes(32), state="member", joined_at=1.0, tags=("a",))
_ENDPOINTS = b'{"port":51820,"contact_at":1.5,"peers":{"' + b"ab" * 32 + b'":["192.0.2.1:1","[2001:db8::1]:2"]}}'
_JOURNAL = (
    b'{"epoch":"e","routes":[{"kind":"blackhole","prefix":"100.96.0.0/16","metric":4,"table":254,"protocol":87}]}'
)
_RELAYS = (
    b'{"relays":[],"grant":"AAAA","home":7,"peers":{"' + b"ab" * 32 + b'":7},"addresses":{"fra-1":["192.0.2.1:3478"]}}'
)
_PORTMAP = (
    b'{"nonce":"AAAAAAAAAAAAAAAA","mappings":{"4":{"method":"pcp","gateway":"192.0.2.1","source":"192.0.2.2",'
    b'"port":51820,"external":"203.0.113.1:4000","until":1.5}}}'
)
_RAW = msgspec.msgpack.encode({"as_of": 1.0, "raw": list(_DOCUMENTS)})


def _kept_keys() -> bytes:
    store = _Memory({})
    keys.save(store, _KEYS)
    return store.files[keys.KEYS_FILE]


def _floors() -> bytes:
    store = _Memory({GENESIS_FILE: _DOCUMENTS[0], DOCUMENTS_FILE: _RAW})
    ledger = open_ledger(store)
    ledger.load(_NOW)
    return ledger.held.view.floors.encode() if ledger.held else Floors().encode()


_NUMBERS = (b"-1", b"1e300", b"9223372036854775808", b"18446744073709551616", b"null", b"{}", b"[]", b'""')

PARSERS = (
    Parser("file_frame", tuple(_frame(name, b'{"a":1}') for name in ("x.json", "x.bin")), _check_framed),
    Parser("file_wanted", (b'{"up":true,"operator_uid":1000}',), _loads(wanted.WANTED_FILE, wanted.load), _NUMBERS),
    Parser("file_keys", (_kept_keys(),), _loads(keys.KEYS_FILE, _load_keys), _NUMBERS),
    Parser(
        "file_membership", (msgspec.json.encode(_MEMBER),), _loads(membership.SETTINGS_FILE, membership.load), _NUMBERS
    ),
    Parser("file_stamps", (b'{"ceiling_s":1700000000}',), _loads(stamps.STAMPS_FILE, _reserve, saved=True), _NUMBERS),
    Parser("file_journal", (_JOURNAL,), _loads(JOURNAL_FILE, lambda store: Journal(store, "e").items), _NUMBERS),
    Parser("file_endpoints", (_ENDPOINTS,), _loads("endpoints.json", _load_endpoints), _NUMBERS),
    Parser("file_relays", (_RELAYS, b"{}"), _loads(RELAYS_FILE, _load_relays), _NUMBERS),
    Parser("file_portmap", (_PORTMAP,), _loads(PORTMAP_FILE, _load_portmap), _NUMBERS),
    Parser("file_floors", (_floors(), Floors().encode()), _loads(FLOORS_FILE, _load_ledger), _NUMBERS),
    Parser("file_documents", (_RAW,), _loads(DOCUMENTS_FILE, _load_ledger)),
    Parser("file_genesis", (_DOCUMENTS[0],), _loads(GENESIS_FILE, _load_ledger)),
)
