"""Probes: only who holds the key of the direction makes one that is accepted, and a pong never outgrows its ping."""

import hashlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import Code, WarrenError
from warren.limits import PROBE_MAX_BYTES
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair
from warren.protocol.peer.probe import (
    MIN_BYTES,
    PAYLOAD_MAX_BYTES,
    Probe,
    ProbeKey,
    ProbeKind,
    decode_probe,
    encode_pong,
    encode_probe,
    encode_signal,
    probe_key,
)

A, B = ExchangeKeyPair(bytes([1]) * 32), ExchangeKeyPair(bytes([2]) * 32)
A_ID, B_ID, NETWORK = bytes([3]) * 32, bytes([4]) * 32, bytes([5]) * 32
THERE = probe_key(own=A, peer_path_key=B.public, network=NETWORK, sender=A_ID, receiver=B_ID)
PING = Probe(ProbeKind.PING, 1, b"12345678", size=MIN_BYTES)


def test_both_ends_derive_the_same_key_for_a_direction_and_another_for_the_way_back() -> None:
    at_b = probe_key(own=B, peer_path_key=A.public, network=NETWORK, sender=A_ID, receiver=B_ID)
    back = probe_key(own=B, peer_path_key=A.public, network=NETWORK, sender=B_ID, receiver=A_ID)
    assert at_b == THERE
    assert back.key != THERE.key
    assert back.hint != THERE.hint


def test_another_network_has_other_keys() -> None:
    other = probe_key(own=A, peer_path_key=B.public, network=bytes(32), sender=A_ID, receiver=B_ID)
    assert other.key != THERE.key


def test_a_path_key_of_low_order_is_refused() -> None:
    with pytest.raises(WarrenError) as caught:
        probe_key(own=A, peer_path_key=bytes(32), network=NETWORK, sender=A_ID, receiver=B_ID)
    assert caught.value.code is Code.INVALID_KEY


def test_a_key_does_not_show_itself() -> None:
    assert THERE.key.hex() not in repr(THERE)


@given(st.binary(min_size=1, max_size=PAYLOAD_MAX_BYTES))
def test_a_signal_carries_its_payload(sealed: bytes) -> None:
    found = decode_probe(encode_signal(sealed, 9, THERE), THERE)
    assert (found.kind, found.payload, found.counter) == (ProbeKind.SIGNAL, sealed, 9)


@pytest.mark.parametrize("length", [0, 7, 65535])
def test_a_signal_whose_payload_has_another_length_is_refused(length: int) -> None:
    honest = encode_signal(b"sealed", 9, THERE)
    head = honest[:14] + length.to_bytes(2, "big") + honest[16:-16]
    forged = head + hashlib.blake2s(head, key=THERE.key, digest_size=16).digest()
    with pytest.raises(WarrenError) as caught:
        decode_probe(forged, THERE)
    assert caught.value.code is Code.MALFORMED


def test_a_ping_may_ask_to_follow_and_its_pong_may_have_seen_no_address() -> None:
    ping = decode_probe(encode_probe(Probe(ProbeKind.PING, 1, b"12345678", follow=True), THERE), THERE)
    assert ping.follow
    assert decode_probe(encode_pong(ping, None, 2, THERE), THERE).observed is None


@pytest.mark.parametrize("size", [MIN_BYTES, 100, PROBE_MAX_BYTES])
def test_a_pong_is_as_long_as_its_ping(size: int) -> None:
    ping = decode_probe(encode_probe(Probe(ProbeKind.PING, 1, b"12345678", size=size), THERE), THERE)
    pong = encode_pong(ping, Endpoint(ip_address("2001:db8::1"), 5), 1, THERE)
    assert len(pong) == size


@given(st.integers(0, 2**64 - 1), st.binary(min_size=8, max_size=8), st.integers(MIN_BYTES, PROBE_MAX_BYTES))
def test_what_is_encoded_reads_back(counter: int, txid: bytes, size: int) -> None:
    probe = Probe(ProbeKind.PING, counter, txid, None, size)
    assert decode_probe(encode_probe(probe, THERE), THERE) == probe


@given(st.integers(0, MIN_BYTES * 8 - 1))
def test_one_flipped_bit_anywhere_is_noticed(bit: int) -> None:
    datagram = bytearray(encode_probe(PING, THERE))
    datagram[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(WarrenError) as caught:
        decode_probe(bytes(datagram), THERE)
    assert caught.value.code in {Code.MALFORMED, Code.BAD_SIGNATURE}


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_a_code(datagram: bytes) -> None:
    with pytest.raises(WarrenError) as caught:
        decode_probe(datagram, THERE)
    assert caught.value.code is Code.MALFORMED


def test_a_probe_that_is_too_long_is_refused() -> None:
    with pytest.raises(WarrenError) as caught:
        decode_probe(bytes(PROBE_MAX_BYTES + 1), THERE)
    assert caught.value.code is Code.TOO_LARGE


def test_a_kind_that_is_not_known_is_refused_even_if_its_tag_is_right() -> None:
    head = encode_probe(PING, THERE)[:-16]
    head = head[:12] + b"\x09" + head[13:]
    forged = head + hashlib.blake2s(head, key=THERE.key, digest_size=16).digest()
    with pytest.raises(WarrenError) as caught:
        decode_probe(forged, THERE)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("probe", [Probe(ProbeKind.PING, 0, b"short"), Probe(ProbeKind.PING, 0, b"12345678", size=10)])
def test_a_caller_that_asks_for_no_probe_learns_of_its_bug(probe: Probe) -> None:
    with pytest.raises(ValueError, match="a probe has"):
        encode_probe(probe, ProbeKey(bytes(32), bytes(8)))
