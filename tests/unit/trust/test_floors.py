"""Floors: kept as bytes, read back exactly, and never taken from damaged ones."""

from types import MappingProxyType

import pytest
from tests.unit.trust.founding import Network, seed

from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.trust.floors import Claim, Floors, reason_against

KEPT = Floors(
    MappingProxyType({("record", seed("a")): (1, 2), ("policy", b""): (0, 2**63 - 1)}),
    MappingProxyType(
        {Identity(seed("a")): Claim((seed("w"), seed("v")), "db", "100.96.0.2"), Identity(seed("b")): Claim()}
    ),
)


def test_floors_come_back_as_they_were(network: Network) -> None:
    assert Floors.decode(KEPT.encode()) == KEPT
    assert Floors.decode(Floors().encode()) == Floors()
    real = network.verify([*network.base(), network.member("a"), network.record("a")]).floors
    assert Floors.decode(real.encode()) == real


def test_the_same_floors_give_the_same_bytes() -> None:
    turned = Floors(
        MappingProxyType(dict(reversed(list(KEPT.orders.items())))),
        MappingProxyType(dict(reversed(list(KEPT.claims.items())))),
    )
    assert turned.encode() == KEPT.encode()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 100_000,
        b"\xff",
        KEPT.encode()[:-1],
        KEPT.encode() + b"x",
        KEPT.encode().replace(b'"version":1', b'"version":2'),
        KEPT.encode().replace(b'"claims"', b'"claim"'),
        KEPT.encode().replace(seed("a").hex().encode(), b"zz", 1),
        KEPT.encode().replace(b",1,2]", b",-1,2]"),
        b'{"version":1,"floors":[["policy","",0,1],["policy","",0,2]],"claims":[]}',
        b'{"version":1,"floors":[],"claims":[["00",[],"",""],["00",[],"",""]]}',
    ],
)
def test_damaged_floors_are_an_error_and_never_empty_ones(damaged: bytes) -> None:
    with pytest.raises(WarrenError) as refusal:
        Floors.decode(damaged)
    assert refusal.value.code is Code.STATE_DAMAGED


@pytest.mark.parametrize(
    ("order", "floor", "taken"),
    [
        ((0, 5), (0, 5), True),
        ((0, 4), (0, 5), False),
        ((0, 6), (0, 5), True),
        ((1, 0), (0, 5), True),
        ((0, 9), (1, 0), False),
        ((0, 5 + 2**32), (0, 5), True),
        ((0, 6 + 2**32), (0, 5), False),
        ((0, 2**32), None, True),
        ((0, 2**32 + 1), None, False),
        ((2**32 + 1, 0), None, False),
        ((1, 2**63 - 1), (0, 5), False),
    ],
)
def test_an_order_is_taken_if_it_neither_falls_nor_jumps(
    *, order: tuple[int, int], floor: tuple[int, int] | None, taken: bool
) -> None:
    assert (reason_against(order, floor) is None) is taken
