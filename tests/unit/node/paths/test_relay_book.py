"""What a node remembers of relays survives it, and damage costs nothing but the memory."""

from pathlib import Path

from warren.model.addresses import parse_endpoint
from warren.model.ids import Identity
from warren.node.paths.relay_book import RELAYS_FILE, RelayBook
from warren.node.storage import Damage, Store
from warren.protocol.control.messages import RelayPlace

A, B = Identity(b"a" * 32), Identity(b"b" * 32)
FRA = RelayPlace(number=7, name="fra", key=b"k" * 32, udp=("fra.example.org:3478",), url="https://fra.example.org")
ADDRESS = parse_endpoint("203.0.113.7:3478")


def filled(folder: Path) -> RelayBook:
    book = RelayBook(Store(folder, lambda _: None))
    assert book.note_told((FRA,), b"grant")
    book.note_home(7)
    book.note_home_of(A, 7)
    book.note_home_of(B, 9)
    book.note_addresses("fra.example.org:3478", (ADDRESS,))
    book.write_now()
    return book


async def test_the_next_process_knows_what_this_one_did(tmp_path: Path) -> None:
    filled(tmp_path)
    book = RelayBook(Store(tmp_path, lambda _: None))
    assert (book.relays, book.grant, book.home) == ((FRA,), b"grant", 7)
    assert (book.home_of(A), book.home_of(B), book.home_of(Identity(b"c" * 32))) == (7, 9, 0)
    assert book.addresses("fra.example.org:3478") == (ADDRESS,)
    assert not book.note_told((FRA,), b"grant"), "that is no news"


async def test_a_server_that_does_not_tell_a_home_takes_none_away(tmp_path: Path) -> None:
    book = filled(tmp_path)
    book.note_home_of(A, 0)
    assert book.home_of(A) == 7
    book.forget_others({B: None})
    assert (book.home_of(A), book.home_of(B)) == (0, 9)


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / RELAYS_FILE).write_bytes(b"{}")
    damages: list[Damage] = []
    book = RelayBook(Store(tmp_path, damages.append))
    assert (book.relays, book.home) == ((), 0)
    assert [damage.name for damage in damages] == [RELAYS_FILE]
