"""Sealed messages: opened by the receiver from the sender in the network, by nobody and for nothing else."""

from typing import Any

import pytest
from tests.unit.trust.founding import Network, seed

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.keys import ExchangeKeyPair
from warren.trust.sealing import OVERHEAD_BYTES, open_sealed, seal

NETWORK = Network()
ALICE, BOB = NETWORK.identity("alice"), NETWORK.identity("bob")
ALICE_PATH, BOB_PATH = ExchangeKeyPair(seed("alice path")), ExchangeKeyPair(seed("bob path"))
EPHEMERAL = ExchangeKeyPair(seed("ephemeral"))
OTHER = ExchangeKeyPair(seed("other"))


def sealed(plain: bytes = b"candidates", **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "network": NETWORK.id, "sender": ALICE, "sender_path": ALICE_PATH, "receiver": BOB,
        "receiver_path": BOB_PATH.public, "ephemeral": EPHEMERAL,
    }  # fmt: skip
    return seal(plain, **(given | changes))


def opened(data: bytes, **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "network": NETWORK.id, "sender": ALICE, "sender_path": ALICE_PATH.public, "receiver": BOB,
        "receiver_path": BOB_PATH,
    }  # fmt: skip
    return open_sealed(data, **(given | changes))


@pytest.mark.parametrize("size", [0, 1, 1000, limits.SEALED_MAX_BYTES - OVERHEAD_BYTES])
def test_a_message_comes_out_as_it_went_in(size: int) -> None:
    assert opened(sealed(b"x" * size)) == b"x" * size


def test_a_message_larger_than_allowed_is_neither_made_nor_opened() -> None:
    with pytest.raises(WarrenError) as making:
        sealed(b"x" * (limits.SEALED_MAX_BYTES - OVERHEAD_BYTES + 1))
    with pytest.raises(WarrenError) as opening:
        opened(sealed() + b"x" * limits.SEALED_MAX_BYTES)
    assert making.value.code is opening.value.code is Code.TOO_LARGE


@pytest.mark.parametrize(
    "changes",
    [
        {"network": Network("other").id},
        {"sender": BOB},
        {"receiver": ALICE},
        {"sender_path": OTHER.public},
        {"receiver_path": OTHER},
        {"sender_path": bytes(32)},
        {"sender_path": b"short"},
    ],
)
def test_a_wrong_network_sender_receiver_or_key_opens_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(WarrenError) as refusal:
        opened(sealed(), **changes)
    assert refusal.value.code is Code.BAD_SIGNATURE


def test_nobody_seals_as_another() -> None:
    with pytest.raises(WarrenError):
        opened(sealed(sender_path=OTHER))


def test_no_byte_may_change_and_none_may_lack() -> None:
    good = sealed()
    for position in range(len(good)):
        changed = bytearray(good)
        changed[position] ^= 1
        with pytest.raises(WarrenError):
            opened(bytes(changed))
        with pytest.raises(WarrenError):
            opened(good[:position])
    with pytest.raises(WarrenError):
        opened(good + b"\0")


def test_another_version_is_named_as_such() -> None:
    with pytest.raises(WarrenError) as refusal:
        opened(b"\x02" + sealed()[1:])
    assert refusal.value.code is Code.UNSUPPORTED


@pytest.mark.parametrize("small", [bytes(32), (1).to_bytes(32, "little")])
def test_keys_of_small_order_seal_and_open_nothing(small: bytes) -> None:
    with pytest.raises(WarrenError) as refusal:
        sealed(receiver_path=small)
    assert refusal.value.code is Code.INVALID_KEY
    with pytest.raises(WarrenError):
        opened(b"\x01" + small + sealed()[33:])


def test_a_message_back_is_not_the_message_forth() -> None:
    with pytest.raises(WarrenError):
        opened(sealed(), sender=BOB, receiver=ALICE, sender_path=BOB_PATH.public, receiver_path=ALICE_PATH)
