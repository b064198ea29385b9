"""Node records: whose they are, which one is in force, and whose a WireGuard key is."""

import pytest
from tests.unit.trust.founding import Network, seed

from warren.errors import Code
from warren.trust.documents import NodeRecord
from warren.trust.floors import Floors
from warren.trust.records import remembered
from warren.trust.view import View


def record_of(network: Network, view: View, who: str) -> NodeRecord | None:
    return view.members[network.identity(who)].record


def keys_shown(network: Network, view: View, *whos: str) -> list[str]:
    return [who for who in whos if record_of(network, view, who) is not None]


def test_a_member_speaks_for_itself_only(network: Network) -> None:
    for by in ("b", "registrar", "root"):
        forged = network.record("a", by=by)
        view = network.verify([*network.base(), network.member("a"), network.member("b"), forged])
        assert record_of(network, view, "a") is None
        assert [one.code for one in view.refused] == [Code.FORBIDDEN]


def test_a_record_of_nobody_counts_for_nothing_and_is_not_kept(network: Network) -> None:
    stray = network.record("stranger")
    view = network.verify([*network.base(), stray])
    assert view.members == {}
    assert stray not in view.documents
    assert [one.code for one in view.refused] == [Code.NOT_A_MEMBER]


def test_the_newest_record_counts_and_an_older_one_does_not_come_back(network: Network) -> None:
    base = [*network.base(), network.member("a")]
    old, new = network.record("a", wireguard=seed("1")), network.record("a", wireguard=seed("2"))
    view = network.verify([*base, new, old])
    assert record_of(network, view, "a") == new.body
    assert record_of(network, network.verify([*base, old], view.floors), "a") is None


@pytest.mark.parametrize(("epoch", "taken"), [(0, False), (1, True), (2, False)])
def test_a_record_is_of_the_memberships_epoch(network: Network, epoch: int, *, taken: bool) -> None:
    base = [*network.base(), network.removal("a"), network.member("a", by="root", epoch=1)]
    view = network.verify([*base, network.record("a", epoch=epoch)])
    assert (record_of(network, view, "a") is not None) is taken


def test_a_date_in_a_record_does_not_move_the_time(network: Network) -> None:
    base = [*network.base(), network.member("a", expires=2**40), network.member("b")]
    view = network.verify([*base, network.record("b", date=2**62)], now=2**31)
    assert view.effective_now == 2**31
    assert network.names(view, "a") == ["a"]


def test_of_two_who_claim_a_key_the_senior_keeps_it_on_a_node_that_saw_neither(network: Network) -> None:
    key = seed("shared")
    members = [network.member("young", joined=20), network.member("old", joined=10)]
    records = [network.record("young", wireguard=key), network.record("old", wireguard=key)]
    view = network.verify([*network.base(), *members, *records])
    assert keys_shown(network, view, "young", "old") == ["old"]
    assert [note.code for note in view.health] == ["wireguard-key-claimed"]
    assert [one.code for one in view.refused] == [Code.CONFLICT]


def test_who_was_seen_with_a_key_first_keeps_it_whoever_is_senior(network: Network) -> None:
    key = seed("shared")
    base = [*network.base(), network.member("young", joined=20), network.member("old", joined=10)]
    first = network.verify([*base, network.record("young", wireguard=key)])
    floors = Floors.decode(first.floors.encode())
    second = network.verify([*first.documents, network.record("old", wireguard=key)], floors)
    assert keys_shown(network, second, "young", "old") == ["young"]
    third = network.verify([*first.documents, network.record("old", next_wireguard=key)], second.floors)
    assert keys_shown(network, third, "young", "old") == ["young"]


def test_an_announced_key_and_a_key_given_up_stay_claimed(network: Network) -> None:
    base = [*network.base(), network.member("a"), network.member("b")]
    announced = network.record("a", wireguard=seed("1"), next_wireguard=seed("2"))
    first = network.verify([*base, announced])
    rotated = network.verify([*base, network.record("a", wireguard=seed("2"))], first.floors)
    for stolen in (seed("1"), seed("2")):
        view = network.verify([*rotated.documents, network.record("b", wireguard=stolen)], rotated.floors)
        assert keys_shown(network, view, "a", "b") == ["a"]


def test_who_is_no_member_any_more_holds_no_key(network: Network) -> None:
    base = [*network.base(), network.member("a"), network.member("b")]
    first = network.verify([*base, network.record("a", wireguard=seed("1"))])
    removal = network.removal("a")
    heir = network.record("b", wireguard=seed("1"))
    at_once = network.verify([*first.documents, removal, heir], first.floors)
    assert keys_shown(network, at_once, "b") == ["b"]
    gone = network.verify([*first.documents, removal], first.floors)
    view = network.verify([*gone.documents, network.record("b", wireguard=seed("1"))], gone.floors)
    assert keys_shown(network, view, "b") == ["b"]


def test_the_memory_of_one_members_keys_has_an_end() -> None:
    earlier = tuple(seed(str(number)) for number in range(20))
    record = NodeRecord(identity=bytes(32), wireguard=seed("new"), path=bytes(32), counter=1, date=1)
    kept = remembered(earlier, record)
    assert kept == (seed("new"), *earlier[:7])
    assert remembered(kept, None) == kept
