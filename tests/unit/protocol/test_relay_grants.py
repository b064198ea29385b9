"""Relay grants and session certificates: the bytes are those of the vectors, and nothing else is read as a grant."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from tools.golden_relay import FILE, ISSUED_S, NETWORK, NODE, RELAY, SESSION, SIGNER, grants, vectors

from warren.errors import Code, WarrenError
from warren.limits import RELAY_GRANT_RELAYS_MAX
from warren.model.ids import Identity, NetworkId
from warren.protocol.relay.certificates import sign_certificate
from warren.protocol.relay.grants import Grant, parse_grant, sign_grant


def test_the_bytes_are_those_of_the_vectors() -> None:
    assert json.loads(FILE.read_text()) == vectors()


def test_a_grant_by_hand_from_the_layout() -> None:
    made = bytes.fromhex(vectors()["grant for relays 7 and 2^64-1, 10 Mbit/s, 64 KiB"])
    numbers = (1).to_bytes(1), (0).to_bytes(1), (2).to_bytes(2), (10_000).to_bytes(4), (64).to_bytes(4)
    times = ISSUED_S.to_bytes(8), (ISSUED_S + 7 * 86_400).to_bytes(8)
    body = b"".join([*numbers, *times, NETWORK, NODE.public, SIGNER.public, (7).to_bytes(8), b"\xff" * 8])
    assert made[:-64] == body
    Ed25519PublicKey.from_public_bytes(SIGNER.public).verify(made[-64:], b"warren/relay-grant/v1\0" + body)


def test_a_certificate_by_hand_from_the_layout() -> None:
    made = bytes.fromhex(vectors()["session certificate"])
    body = b"\1\0\0\0" + (ISSUED_S + 3_600).to_bytes(8) + RELAY.public + NETWORK + NODE.public + SESSION.public
    assert (made[:-64], len(made)) == (body, 204)
    Ed25519PublicKey.from_public_bytes(NODE.public).verify(made[-64:], b"warren/relay-session/v1\0" + body)


grants_of_any_kind = st.builds(
    Grant,
    network=st.binary(min_size=32, max_size=32).map(NetworkId),
    identity=st.binary(min_size=32, max_size=32).map(Identity),
    relays=st.none() | st.lists(st.integers(0, 2**64 - 1), max_size=RELAY_GRANT_RELAYS_MAX).map(tuple),
    issued_s=st.integers(0, 2**40),
    not_after_s=st.integers(2**40, 2**64 - 1),
    rate_kbit_s=st.integers(0, 2**32 - 1),
    burst_kib=st.integers(0, 2**32 - 1),
)


@given(grants_of_any_kind)
def test_a_grant_reads_back_as_it_was_signed_and_fits_512_bytes(grant: Grant) -> None:
    made = sign_grant(grant, SIGNER)
    assert parse_grant(made) == (grant, SIGNER.public)
    assert len(made) <= 512


@given(st.binary(max_size=520))
def test_anything_else_is_refused_with_a_code(data: bytes) -> None:
    with pytest.raises(WarrenError) as refused:
        parse_grant(data)
    assert refused.value.code == Code.MALFORMED


@given(st.sampled_from(sorted(grants())), st.integers(0, 123), st.integers(1, 255))
def test_one_grant_has_one_encoding(name: str, at: int, mask: int) -> None:
    """What still parses after a change says something else, so its signature is wrong."""
    made = bytearray.fromhex(vectors()[name])
    made[at] ^= mask
    try:
        grant, signer = parse_grant(bytes(made))
    except WarrenError:
        return
    assert (grant, signer) != (grants()[name], SIGNER.public)


def test_what_does_not_fit_is_not_signed() -> None:
    good = grants()["grant for all relays"]
    for wrong in (
        {"relays": tuple(range(RELAY_GRANT_RELAYS_MAX + 1))},
        {"relays": (2**64,)},
        {"rate_kbit_s": 2**32},
        {"not_after_s": good.issued_s - 1},
        {"identity": b"short"},
    ):
        fields = {name: getattr(good, name) for name in Grant.__dataclass_fields__} | wrong
        with pytest.raises(WarrenError) as refused:
            sign_grant(Grant(**fields), SIGNER)
        assert refused.value.code == Code.INVALID_ARGUMENT
    with pytest.raises(WarrenError):
        sign_certificate(NODE, network=NETWORK, relay_key=b"", session_key=SESSION.public, not_after_s=1)
