"""The whole: settings, policy, time, other networks, and the same answer whatever the order."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren import limits
from warren.errors import Code, WarrenError
from warren.trust.authenticate import Authentic
from warren.trust.changes import diff
from warren.trust.documents import Policy, Right, Settings
from warren.trust.floors import Floors
from warren.trust.verify import verify
from warren.trust.view import View


def text(view: View) -> bytes | None:
    return None if view.policy is None else view.policy.text


def test_without_its_genesis_a_network_is_unknown(network: Network) -> None:
    for documents in ([], [network.settings()], [Network("other").genesis]):
        with pytest.raises(WarrenError) as refusal:
            network.verify(documents)
        assert refusal.value.code is Code.NETWORK_UNKNOWN


def test_a_genesis_alone_gives_a_root_and_nothing_else(network: Network) -> None:
    view = network.verify([network.genesis])
    assert view.root == network.identity("root")
    assert (view.settings, view.policy, view.policy_digest, view.members) == (None, None, None, {})
    assert view.documents == (network.genesis,)


def test_documents_of_another_network_are_left_out_with_a_reason(network: Network) -> None:
    other = Network("other")
    view = network.verify([*network.base(), other.genesis, other.member("a", by="root")])
    assert view.members == {}
    assert [one.code for one in view.refused] == [Code.NETWORK_UNKNOWN] * 2


def test_more_documents_than_a_node_takes_are_refused_at_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DOCUMENTS_MAX", 4)
    network.verify([*network.base(), network.genesis])
    with pytest.raises(WarrenError) as refusal:
        network.verify([*network.base(), network.member("a")])
    assert refusal.value.code is Code.TOO_LARGE


def test_the_newest_settings_hold_and_old_ones_do_not_come_back(network: Network) -> None:
    old = network.settings(suffix="old")
    new = network.settings(suffix="new")
    view = network.verify([network.genesis, old, new])
    assert isinstance(view.settings, Settings)
    assert view.settings.suffix == "new"
    assert network.verify([network.genesis, old], view.floors).settings is None


def test_two_settings_with_one_number_are_settled_by_the_lower_digest_and_noted(network: Network) -> None:
    pair = [network.settings(suffix="a", counter=5), network.settings(suffix="b", counter=5)]
    view = network.verify([network.genesis, *pair])
    assert view.settings == min(pair, key=lambda one: one.digest).body
    assert [note.code for note in view.health] == ["conflict"]
    assert [one.code for one in view.refused] == [Code.CONFLICT]


def test_the_newest_policy_holds_and_an_old_one_is_not_rolled_back_to(network: Network) -> None:
    old, new = network.policy(b"old"), network.policy(b"new")
    base = [network.genesis, network.settings()]
    view = network.verify([*base, old, new])
    assert text(view) == b"new"
    assert view.policy_digest == new.digest
    assert text(network.verify([*base, old], view.floors)) is None


def test_of_two_policies_that_replace_the_same_one_the_lower_digest_wins_and_health_says_so(network: Network) -> None:
    admin = network.delegation("admin", [Right.POLICY])
    first = network.policy(b"first", counter=10)
    base = [network.genesis, network.settings(), admin, first]
    forks = [
        network.policy(b"a", counter=11, replaces=first.digest),
        network.policy(b"b", by="admin", counter=11, replaces=first.digest),
    ]
    winner, loser = sorted(forks, key=lambda one: one.digest)
    view = network.verify([*base, *forks])
    assert view.policy == winner.body
    assert {note.code for note in view.health} == {"conflict", "policy-conflict"}
    assert {one.code for one in view.refused} == {Code.CONFLICT, Code.OUT_OF_ORDER}
    # whichever came first, every node ends with the same one
    for earlier, later in ((winner, loser), (loser, winner)):
        seen = network.verify([*base, earlier])
        assert network.verify([*seen.documents, later], seen.floors).policy == winner.body
    settled = network.policy(b"c", counter=12, replaces=loser.digest)
    assert network.verify([*view.documents, settled], view.floors).policy == settled.body


def test_a_policy_that_this_version_cannot_read_leaves_the_last_good_one(network: Network) -> None:
    good, strange = network.policy(b"good"), network.policy(b"strange")
    documents = [network.genesis, network.settings(), good, strange]
    view = verify(network.id, documents, floors=Floors(), now=DATE, readable=lambda policy: policy == b"good")
    assert text(view) == b"good"
    assert [note.code for note in view.health] == ["policy-unreadable"]
    assert strange in view.documents
    upgraded = network.verify(view.documents, view.floors)
    assert text(upgraded) == b"strange"


def test_the_newest_date_of_the_root_or_an_attester_moves_the_time(network: Network) -> None:
    clerk = network.delegation("clerk", [Right.ADMIT])
    base = [*network.base(), clerk, network.member("a", expires=DATE + 10)]
    for by, moves in (("root", True), ("registrar", True), ("clerk", False), ("mallory", False)):
        view = network.verify([*base, network.member("b", by=by, date=DATE + 10)], now=DATE)
        assert view.effective_now == (DATE + 10 if moves else DATE), by
        assert network.names(view, "a") == ([] if moves else ["a"]), by


def test_a_removed_attester_moves_no_time(network: Network) -> None:
    documents = [*network.base(), network.head("registrar", date=2**60), network.removal_of_delegation("registrar")]
    assert network.verify(documents, now=DATE).effective_now == DATE


def test_the_clock_counts_where_it_is_later(network: Network) -> None:
    assert network.verify(network.base(), now=DATE + 5).effective_now == DATE + 5


def everything(network: Network) -> list[Authentic]:
    """A bit of all that can happen."""
    same = {"hostname": "db", "ipv4": "100.96.0.9"}
    return [
        *network.base(),
        network.delegation("admin", tuple(Right)),
        network.delegation("helper", [Right.ADMIT], by="admin", not_after=DATE + 500),
        network.head("root", counter=3),
        network.head("root", by="registrar", counter=3, date=DATE + 60),
        network.head("registrar"),
        network.member("a", **same),
        network.member("b", by="admin", **same),
        network.member("c", by="helper"),
        network.member("c", by="helper", expires=DATE + 300),
        network.member("d"),
        network.removal("d", by="admin"),
        network.member("e", by="mallory"),
        network.policy(b"x", by="admin", counter=50, replaces=bytes(32)),
        network.policy(b"y", counter=50, replaces=bytes(32)),
        network.settings(by="admin", suffix="other"),
        network.record("a"),
        network.record("b", wireguard=network.identity("x")),
        network.record("c", wireguard=network.identity("x")),
        network.record("a", wireguard=network.identity("y")),
        network.removal_of_delegation("helper", by="registrar"),
    ]


def test_the_order_and_number_of_copies_of_documents_do_not_matter(network: Network) -> None:
    documents = everything(network)
    expected = network.verify(documents)
    for turn in range(len(documents)):
        turned = documents[turn:] + documents[:turn]
        assert network.verify(turned) == expected
        assert network.verify([*reversed(turned), *documents[:turn]]) == expected


def test_a_views_documents_and_floors_give_the_same_facts_again(network: Network) -> None:
    first = network.verify(everything(network))
    second = network.verify(first.documents, Floors.decode(first.floors.encode()), now=first.effective_now)
    assert not diff(first, second)
    assert second.members == first.members
    assert second.floors == first.floors
    assert second.documents == first.documents
    assert (second.removed, second.heads, second.delegations) == (first.removed, first.heads, first.delegations)
    assert network.verify(second.documents, second.floors, now=second.effective_now) == second


def test_everything_at_once_is_what_each_rule_says(network: Network) -> None:
    view = network.verify(everything(network))
    assert network.names(view, "a", "b", "c", "d", "e") == ["a", "b", "c"]
    assert view.next_change == DATE + 300
    assert isinstance(view.policy, Policy)
    assert view.settings is not None
    assert view.settings.suffix == "other"


def test_diff_names_who_came_left_and_changed(network: Network) -> None:
    first = network.verify([*network.base(), network.member("a"), network.member("b"), network.member("c")])
    start = diff(None, first)
    assert len(start.joined) == 3
    assert start.settings
    assert start.policy
    more = [network.removal("a"), network.record("b"), network.member("d"), network.policy(b"new")]
    second = network.verify([*first.documents, *more], first.floors)
    changes = diff(first, second)
    assert changes.joined == (network.identity("d"),)
    assert changes.left == (network.identity("a"),)
    assert changes.changed == (network.identity("b"),)
    assert (changes.settings, changes.policy) == (False, True)
    assert not diff(second, second)
