"""The byte scanner: one spelling of each value, everything else refused alike."""

import struct
from typing import Any

import msgspec
import pytest

from warren import limits
from warren.canonical import Refused, decode, encode, scan
from warren.errors import Code

PADDING = b"\x00" * 70_000


@pytest.mark.parametrize(
    "value",
    [
        0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1,
        -1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63),
        True, False, "", "a" * 31, "a" * 32, "a" * 255, "a" * 256, "ü€𝄞", b"", b"x" * 255, b"x" * 256,
        [], [1] * 15, [1] * 16, {}, {"a": 1, "b": [{"c": b""}]}, {f"k{i:02}": i for i in range(16)},
    ],
)  # fmt: skip
def test_each_value_has_one_spelling_that_is_accepted(value: Any) -> None:
    assert decode(encode(value), type(value)) == value


def test_lengths_that_need_four_bytes_are_accepted() -> None:
    for value in ("a" * 65536, b"x" * 65536, [1] * 65536, {f"{i:05}": 0 for i in range(65536)}):
        scan(msgspec.msgpack.encode(value, order="sorted"), max_bytes=2**21)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing", b""),
        ("nil", b"\xc0"),
        ("a byte that means nothing", b"\xc1"),
        ("float 32", b"\xca" + struct.pack(">f", 1)),
        ("float 64", b"\xcb" + struct.pack(">d", 1)),
        ("extension", b"\xd4\x01\x00"),
        ("timestamp", b"\xd6\xff\x00\x00\x00\x00"),
        ("uint8 for a fixint", b"\xcc\x7f"),
        ("uint16 for a uint8", b"\xcd\x00\xff"),
        ("uint32 for a uint16", b"\xce\x00\x00\xff\xff"),
        ("uint64 for a uint32", b"\xcf\x00\x00\x00\x00\xff\xff\xff\xff"),
        ("int8 for a negative fixint", b"\xd0\xe0"),
        ("int8 for a positive number", b"\xd0\x01"),
        ("int16 for an int8", b"\xd1\xff\x80"),
        ("int32 for an int16", b"\xd2\xff\xff\x80\x00"),
        ("int64 for an int32", b"\xd3\xff\xff\xff\xff\x80\x00\x00\x00"),
        ("int64 for a positive number", b"\xd3\x7f" + b"\xff" * 7),
        ("str8 for a fixstr", b"\xd9\x01a"),
        ("str16 for a str8", b"\xda\x00\x20" + b"a" * 32),
        ("str32 for a str16", b"\xdb\x00\x00\x01\x00" + b"a" * 256),
        ("bin16 for a bin8", b"\xc5\x00\x01a"),
        ("bin32 for a bin16", b"\xc6\x00\x00\x01\x00" + b"a" * 256),
        ("array16 for a fixarray", b"\xdc\x00\x01\x01"),
        ("array32 for an array16", b"\xdd\x00\x00\x00\x10" + b"\x01" * 16),
        ("map16 for a fixmap", b"\xde\x00\x01\xa1a\x01"),
        ("map32 for a fixmap", b"\xdf\x00\x00\x00\x01\xa1a\x01"),
        ("a key twice", b"\x82\xa1a\x01\xa1a\x01"),
        ("keys that fall", b"\x82\xa1b\x01\xa1a\x01"),
        ("a longer key first", b"\x82\xa2aa\x01\xa1a\x01"),
        ("a number as key", b"\x81\x01\x01"),
        ("bytes as key", b"\x81\xc4\x01a\x01"),
        ("a string that is not UTF-8", b"\xa1\xff"),
        ("a surrogate in UTF-8", b"\xa3\xed\xa0\x80"),
        ("an overlong letter in UTF-8", b"\xa2\xc1\x81"),
        ("a second value", b"\x01\x01"),
        ("a string that ends early", b"\xa5abc"),
        ("bin that ends early", b"\xc4\x05abc"),
        ("a length that ends early", b"\xcd\x01"),
        ("an array that ends early", b"\xdd\xff\xff\xff\xff\x01"),
        ("a map that ends early", b"\xdf\xff\xff\xff\xff\xa1a"),
        ("a huge string", b"\xdb\xff\xff\xff\xff"),
        ("a field that must be understood", b"\x81\xa2!x\x01"),
        ("one deep inside", b"\x91\x81\xa1a\x81\xa1!\x01"),
    ],
)
def test_every_other_spelling_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        scan(data)
    assert refusal.value.code is Code.MALFORMED, name


def test_depth_ends_at_sixteen_also_for_bytes_that_nest_without_end() -> None:
    scan(b"\x91" * 16 + b"\x01")
    scan((b"\x81\xa1a" * 16) + b"\x01")
    for deep in (b"\x91" * 17 + b"\x01", b"\x81\xa1a" * 17 + b"\x01", b"\x91" * 60_000, b"\x81\xa1a" * 20_000):
        with pytest.raises(Refused, match="deeper"):
            scan(deep)


def test_size_ends_at_64_kib() -> None:
    fits = b"\xc5" + (limits.DOCUMENT_MAX_BYTES - 3).to_bytes(2, "big") + PADDING[: limits.DOCUMENT_MAX_BYTES - 3]
    scan(fits)
    with pytest.raises(Refused) as refusal:
        scan(b"\xc6" + (65536).to_bytes(4, "big") + PADDING[:65536])
    assert refusal.value.code is Code.TOO_LARGE


def test_a_field_that_must_be_understood_is_taken_by_who_understands_it() -> None:
    scan(b"\x81\xa2!x\x01", understood=frozenset({b"!x"}))


class Pair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    a: int
    b: str = ""


def test_unknown_fields_are_ignored_and_fields_are_written_in_order() -> None:
    assert decode(encode({"a": 1, "b": "x", "later": [1]}), Pair) == Pair(a=1, b="x")
    assert encode(Pair(b="x", a=1)) == b"\x82\xa1a\x01\xa1b\xa1x"
    assert encode(Pair(a=1)) == b"\x81\xa1a\x01"


@pytest.mark.parametrize("value", [{"a": "1"}, {}, [1], {"a": 2**63}, {"a": 1, "b": b"x"}, "a", 7])
def test_a_value_of_another_type_is_refused_alike(value: Any) -> None:
    with pytest.raises(Refused):
        decode(encode(value), Pair) if value != {"a": 2**63} else decode(b"\x81\xa1a\xa1\xff", Pair)


@pytest.mark.parametrize("value", [1.5, None, {"a": None}, {1: 2}, {"!a": 1}, object(), 2**64, "\ud800"])
def test_what_has_no_canonical_form_is_not_written(value: Any) -> None:
    with pytest.raises(Refused):
        encode(value)
