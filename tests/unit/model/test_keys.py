"""Key pairs are one object, and no secret is printed, pickled or compared by accident."""

import copy
import pickle

import pytest

from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair, Secret, SigningKeyPair, is_low_order

SEED = bytes(range(32))
_PRIME = 2**255 - 19
_TOP = 1 << 255  # ignored (RFC 7748, 5)
LOW_ORDER = [
    (point | top).to_bytes(32, "little")
    for top in (0, _TOP)
    for point in (
        0,
        1,
        _PRIME - 1,
        _PRIME,
        _PRIME + 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
]


def test_a_signing_pair_signs_as_rfc_8032_says() -> None:
    pair = SigningKeyPair(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert pair.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert pair.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")


def test_an_exchange_pair_agrees_as_rfc_7748_says() -> None:
    alice = ExchangeKeyPair(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f92ebc5119b0b2d0b5e9b8a1d1e"[:64]))
    bob = ExchangeKeyPair(SEED)
    assert alice.exchange(bob.public) == bob.exchange(alice.public)


@pytest.mark.parametrize("peer", [bytes(32), (1).to_bytes(32, "little"), b"short", bytes(33)])
def test_a_peer_key_that_gives_no_secret_is_refused(peer: bytes) -> None:
    with pytest.raises(WarrenError) as refusal:
        ExchangeKeyPair(SEED).exchange(peer)
    assert refusal.value.code is Code.INVALID_KEY


@pytest.mark.parametrize("key", LOW_ORDER, ids=bytes.hex)
def test_a_key_of_low_order_is_known_without_an_exchange(key: bytes) -> None:
    with pytest.raises(WarrenError):
        ExchangeKeyPair(SEED).exchange(key)
    assert is_low_order(key)


def test_no_other_key_is_taken_for_one() -> None:
    others = [(number).to_bytes(32, "little") for number in (2, 9, _PRIME - 2, _PRIME + 2)]
    others += [bytes([*key[:5], key[5] ^ 4, *key[6:]]) for key in LOW_ORDER]
    assert not any(map(is_low_order, others))
    assert all(ExchangeKeyPair(SEED).exchange(one) for one in others)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_private_key_has_32_bytes(size: int) -> None:
    for pair in (SigningKeyPair, ExchangeKeyPair):
        with pytest.raises(WarrenError) as refusal:
            pair(bytes(size))
        assert refusal.value.code is Code.INVALID_KEY


def test_pairs_are_made_again_from_their_private_bytes() -> None:
    assert SigningKeyPair(SigningKeyPair(SEED).private_bytes().reveal()).public == SigningKeyPair(SEED).public
    assert ExchangeKeyPair(ExchangeKeyPair(SEED).private_bytes().reveal()).public == ExchangeKeyPair(SEED).public


@pytest.mark.parametrize("secret", [Secret(SEED), SigningKeyPair(SEED), ExchangeKeyPair(SEED)])
def test_nothing_secret_is_printed_or_pickled(secret: object) -> None:
    for text in (repr(secret), str(secret), f"{secret}", repr([secret])):
        assert "[redacted]" in text
        assert SEED.hex() not in text
        assert repr(SEED)[2:-1] not in text
    for keep in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            keep(secret)


def test_secrets_are_equal_by_value_and_are_no_keys_of_tables() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret("ä") == Secret("ä")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    with pytest.raises(TypeError):
        hash(Secret(b"a"))
    with pytest.raises(TypeError):
        assert Secret(1) == Secret(1)


@pytest.mark.parametrize("kind", [SigningKeyPair, ExchangeKeyPair])
def test_halves_of_two_pairs_are_never_one(kind: type[SigningKeyPair] | type[ExchangeKeyPair]) -> None:
    """Rule 24: who signs with one key under another's public half gives the key away."""
    pair, other = kind(SEED), kind(bytes(32))
    with pytest.raises(TypeError):
        kind(SEED, other.public)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        pair.public = other.public  # type: ignore[misc]
    assert pair.public == kind(SEED).public != other.public
