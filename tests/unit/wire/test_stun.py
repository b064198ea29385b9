"""STUN as others write it (vectors of RFC 5769) and as we do."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.fuzzing.stun import check_binding_request, check_binding_response

from warren.errors import Code, WarrenError
from warren.limits import STUN_MAX_BYTES
from warren.model.addresses import Endpoint, parse_endpoint
from warren.wire.stun import (
    BindingError,
    BindingRequest,
    BindingResponse,
    BindingSuccess,
    decode_binding_request,
    decode_binding_response,
    encode_binding_request,
    encode_binding_response,
    transaction_of,
)

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)


def endpoints() -> st.SearchStrategy[Endpoint]:
    return st.builds(Endpoint, st.ip_addresses(), st.integers(1, 65535))


@pytest.mark.parametrize(
    ("datagram", "mapped"),
    [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")],
)
def test_the_sample_responses_of_rfc_5769_say_where_we_are(datagram: bytes, mapped: str) -> None:
    answer = decode_binding_response(datagram)
    assert answer == BindingSuccess(TRANSACTION, parse_endpoint(mapped), software="test vector")
    assert transaction_of(datagram) == TRANSACTION


def test_the_sample_request_of_rfc_5769_wants_ice_which_a_plain_server_does_not_know() -> None:
    with pytest.raises(WarrenError) as refusal:
        decode_binding_request(REQUEST)
    assert refusal.value.code is Code.UNSUPPORTED


def test_a_request_of_ours_is_as_long_as_the_longest_answer_to_it() -> None:
    request = encode_binding_request(TRANSACTION)
    answer = encode_binding_response(BindingSuccess(TRANSACTION, parse_endpoint("[2001:db8::1]:40000")))
    assert len(answer) <= len(request)
    assert decode_binding_request(request).transaction == TRANSACTION


@given(st.binary(min_size=12, max_size=12), st.text(max_size=100), st.booleans())
def test_requests_read_back_as_written(transaction: bytes, software: str, fingerprint: bool) -> None:  # noqa: FBT001
    request = encode_binding_request(transaction, software=software, fingerprint=fingerprint)
    assert decode_binding_request(request) == BindingRequest(transaction, software)


@given(
    st.one_of(
        st.builds(
            BindingSuccess,
            st.binary(min_size=12, max_size=12),
            endpoints(),
            other=st.none() | endpoints(),
            origin=st.none() | endpoints(),
            software=st.text(max_size=50),
        ),
        st.builds(BindingError, st.binary(min_size=12, max_size=12), st.integers(300, 699), st.text(max_size=50)),
    ),
    st.booleans(),
)
def test_responses_read_back_as_written(response: BindingResponse, fingerprint: bool) -> None:  # noqa: FBT001
    assert decode_binding_response(encode_binding_response(response, fingerprint=fingerprint)) == response


@given(st.binary(max_size=200), st.integers(0, 300), st.sampled_from([RESPONSE_V4, RESPONSE_V6, REQUEST]))
def test_damaged_messages_are_refused_with_a_code(noise: bytes, at: int, message: bytes) -> None:
    for data in (noise, message[:at] + noise, message[:at] + noise + message[at + len(noise) :]):
        check_binding_response(data)
        check_binding_request(data)


@pytest.mark.parametrize(
    ("datagram", "code"),
    [
        (b"", Code.MALFORMED),
        (RESPONSE_V4[:-1], Code.MALFORMED),
        (RESPONSE_V4[:-1] + b"\0", Code.MALFORMED),  # the fingerprint
        (bytes([0x41]) + RESPONSE_V4[1:], Code.MALFORMED),
        (RESPONSE_V4[:4] + bytes(4) + RESPONSE_V4[8:], Code.MALFORMED),
        (bytes.fromhex("01010000") + RESPONSE_V4[4:20], Code.MALFORMED),  # no address in it
        (bytes.fromhex("01010008") + RESPONSE_V4[4:20] + bytes.fromhex("0020000800000000"), Code.MALFORMED),  # cut off
        (bytes.fromhex("01010008") + RESPONSE_V4[4:20] + bytes.fromhex("00260004") + bytes(4), Code.UNSUPPORTED),
        (bytes(STUN_MAX_BYTES + 1), Code.TOO_LARGE),
    ],
)
def test_what_is_wrong_with_a_response_has_a_code(datagram: bytes, code: Code) -> None:
    with pytest.raises(WarrenError) as refusal:
        decode_binding_response(datagram)
    assert refusal.value.code is code


def test_old_servers_that_do_not_xor_are_understood() -> None:
    old = bytes.fromhex("0101000c") + RESPONSE_V4[4:20] + bytes.fromhex("0001000800019c40c0000207")
    assert decode_binding_response(old) == BindingSuccess(TRANSACTION, Endpoint(ip_address("192.0.2.7"), 40000))
