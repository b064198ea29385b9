"""What is inside a sealed signal: bounded, exact, refused with a code where it is anything else."""

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren import canonical
from warren.errors import Code, WarrenError
from warren.limits import CANDIDATES_MAX, HEAD_MAX_BYTES, HEADS_TOLD_MAX
from warren.model.addresses import Endpoint
from warren.protocol.peer.candidates import (
    Candidates,
    decode_candidates,
    encode_candidates,
    pack_endpoint,
    unpack_endpoint,
)

endpoints = st.builds(Endpoint, st.ip_addresses(), st.integers(1, 65535))


@given(st.lists(endpoints, max_size=CANDIDATES_MAX, unique=True), st.integers(0, 2**63 - 1), st.booleans())
def test_candidates_read_back_in_their_order(listed: list[Endpoint], generation: int, wanted: bool) -> None:  # noqa: FBT001 - given by Hypothesis
    said = Candidates(endpoints=tuple(listed), generation=generation, reply_wanted=wanted)
    assert decode_candidates(encode_candidates(said)) == said


def test_of_too_many_endpoints_the_best_are_told() -> None:
    many = tuple(Endpoint(IPv4Address(number), 1) for number in range(CANDIDATES_MAX + 5))
    assert (
        decode_candidates(encode_candidates(Candidates(endpoints=many, generation=1))).endpoints
        == many[:CANDIDATES_MAX]
    )


def test_heads_travel_along_and_who_knows_none_sends_and_reads_the_same_bytes_as_before() -> None:
    plain = Candidates(endpoints=(), generation=1)
    assert encode_candidates(plain) == canonical.encode(
        {"endpoints": [], "generation": 1, "reply_wanted": False, "t": "candidates"}
    )
    told = Candidates(endpoints=(), generation=1, heads=(b"head", b"another"))
    assert decode_candidates(encode_candidates(told)) == told


@pytest.mark.parametrize("heads", [[b"x"] * (HEADS_TOLD_MAX + 1), [bytes(HEAD_MAX_BYTES + 1)], [b""]])
def test_more_or_larger_heads_than_allowed_are_refused(heads: list[bytes]) -> None:
    raw = canonical.encode({"endpoints": [], "generation": 1, "heads": heads, "t": "candidates"})
    with pytest.raises(WarrenError) as caught:
        decode_candidates(raw)
    assert caught.value.code is Code.MALFORMED


def test_an_endpoint_that_is_told_twice_counts_once() -> None:
    one = Endpoint(ip_address("192.0.2.1"), 7)
    raw = canonical.encode({"endpoints": [pack_endpoint(one)] * 2, "generation": 1, "t": "candidates"})
    assert decode_candidates(raw).endpoints == (one,)


@pytest.mark.parametrize(
    "endpoint", [b"\x7f\0\0\x01\0\0", bytes(7), bytes(17), b"", b"\x7f\0\0\x01\0"], ids=["port 0", "7", "17", "0", "5"]
)
def test_an_endpoint_of_another_shape_is_refused(endpoint: bytes) -> None:
    with pytest.raises(WarrenError) as caught:
        unpack_endpoint(endpoint)
    assert caught.value.code is Code.MALFORMED


def test_more_than_the_limit_is_refused_before_it_is_read() -> None:
    listed = [pack_endpoint(Endpoint(IPv4Address(number), 1)) for number in range(CANDIDATES_MAX + 1)]
    raw = canonical.encode({"endpoints": listed, "generation": 1, "t": "candidates"})
    with pytest.raises(WarrenError) as caught:
        decode_candidates(raw)
    assert caught.value.code is Code.MALFORMED


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_with_a_code(raw: bytes) -> None:
    with pytest.raises(WarrenError) as caught:
        decode_candidates(raw)
    assert caught.value.code in {Code.MALFORMED, Code.TOO_LARGE}
