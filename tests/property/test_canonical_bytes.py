"""The scanner accepts exactly what the encoder writes, for any value and any bytes."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from warren import canonical
from warren.canonical import Refused, scan

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS | st.binary(max_size=300)
KEYS = TEXTS.filter(lambda key: not key.startswith("!"))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner, max_size=20), max_leaves=40
)
# bytes that look like msgpack: random ones hardly ever get past the first type byte
TYPE_BYTES = st.sampled_from(
    [*range(0x80, 0x84), *range(0x90, 0x94), *range(0xA0, 0xA4), *range(0xC0, 0xE0), 0, 1, 0x7F, 0xFF]
)
SOUP = st.lists(TYPE_BYTES | st.sampled_from(list(b"\x00\x01\x02ab!\x80")), max_size=24).map(bytes)


STEADY = settings(
    deadline=None, derandomize=True, database=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def is_accepted(data: bytes) -> bool:
    try:
        scan(data)
    except Refused:
        return False
    return True


@STEADY
@given(VALUES)
def test_what_is_written_is_accepted_and_read_back(value: Any) -> None:
    assume(depth(value) <= 16)
    data = canonical.encode(value)
    assert msgspec.msgpack.decode(data) == value
    assert canonical.encode(msgspec.msgpack.decode(data)) == data


@STEADY
@given(SOUP | st.binary(max_size=40))
def test_what_is_accepted_is_what_would_be_written(data: bytes) -> None:
    if not is_accepted(data):
        return
    value = msgspec.msgpack.decode(data, strict=True)
    assert canonical.encode(value) == data


@STEADY
@given(VALUES, st.data())
def test_any_change_of_a_byte_is_refused_or_another_value(value: Any, data: st.DataObject) -> None:
    assume(depth(value) <= 16)
    good = canonical.encode(value)
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    if is_accepted(bytes(changed)):
        read = msgspec.msgpack.decode(bytes(changed))
        assert canonical.encode(read) == bytes(changed) != good


@STEADY
@given(st.binary(max_size=64) | SOUP)
def test_no_bytes_raise_anything_but_the_one_refusal(data: bytes) -> None:
    for kind in (dict, list, int, str, bytes, Any):
        try:
            canonical.decode(data, kind)
        except Refused:
            continue
