"""Root keys on this machine: the next one lies beside the present one until the network took it."""

import os
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.roots import Roots

NETWORK = NetworkId(bytes(32))


def key() -> SigningKeyPair:
    return SigningKeyPair(os.urandom(32))


def test_the_next_root_waits_over_restarts_and_takes_its_place_when_the_network_has_it(tmp_path: Path) -> None:
    old, new = key(), key()
    Roots(tmp_path).keep(NETWORK, old)
    assert Roots(tmp_path).next(NETWORK, new).public == new.public
    assert Roots(tmp_path).next(NETWORK, key()).public == new.public  # shown, and confirmed later: the same
    found = Roots(tmp_path).in_force(NETWORK, old.public)
    assert found is not None
    assert found.public == old.public
    taken = Roots(tmp_path).in_force(NETWORK, new.public)
    assert taken is not None
    assert taken.public == new.public
    kept = Roots(tmp_path).find(NETWORK)
    assert kept is not None
    assert kept.public == new.public
    later = key()
    assert Roots(tmp_path).next(NETWORK, later).public == later.public


def test_a_root_that_is_not_in_force_is_not_here(tmp_path: Path) -> None:
    assert Roots(tmp_path).in_force(NETWORK, key().public) is None
    Roots(tmp_path).keep(NETWORK, key())
    Roots(tmp_path).next(NETWORK, key())
    assert Roots(tmp_path).in_force(NETWORK, key().public) is None


def test_another_root_is_kept_in_place_of_one_only_if_it_is_in_force(tmp_path: Path) -> None:
    old, new = key(), key()
    Roots(tmp_path).keep(NETWORK, old)
    with pytest.raises(WarrenError) as caught:
        Roots(tmp_path).keep(NETWORK, new)
    assert caught.value.code is Code.CONFLICT
    Roots(tmp_path).keep(NETWORK, new, replaces=True)
    found = Roots(tmp_path).find(NETWORK)
    assert found is not None
    assert found.public == new.public
