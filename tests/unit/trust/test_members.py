"""Who is a member: order, removal, limits, expiry, and memberships of several signers."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren import limits
from warren.errors import Code
from warren.trust.documents import AdmissionLimits, Membership, Right
from warren.trust.members import matches, reason_outside
from warren.trust.office import ADMIN_RIGHTS
from warren.trust.view import View


def codes(view: View) -> list[Code]:
    return [one.code for one in view.refused]


def test_the_newest_membership_counts_and_older_ones_are_refused(network: Network) -> None:
    old, new = network.member("a", hostname="old"), network.member("a", hostname="new")
    view = network.verify([*network.base(), old, new])
    assert view.members[network.identity("a")].hostname == "new"
    assert codes(view) == [Code.OUT_OF_ORDER]
    again = network.verify([*network.base(), old], view.floors)
    assert network.names(again, "a") == []


@pytest.mark.parametrize(
    ("epoch", "counter", "taken"),
    [(0, 2**32 + 7, True), (0, 2**32 + 8, False), (0, 2**63 - 1, False), (2**32, 7, True), (2**32 + 1, 7, False)],
)
def test_a_jump_of_more_than_two_to_the_32_is_refused(
    network: Network, epoch: int, counter: int, *, taken: bool
) -> None:
    base = network.base()
    floors = network.verify([*base, network.member("a", counter=7, by="root")]).floors
    view = network.verify([*base, network.member("a", epoch=epoch, counter=counter, by="root")], floors)
    assert network.names(view, "a") == (["a"] if taken else [])
    assert codes(view) == ([] if taken else [Code.OUT_OF_ORDER])


def test_a_key_that_was_never_seen_may_not_begin_with_a_jump(network: Network) -> None:
    view = network.verify([*network.base(), network.member("a", counter=2**63 - 1)])
    assert network.names(view, "a") == []


def test_a_removal_ends_a_membership_whoever_gave_it_and_whatever_its_date(network: Network) -> None:
    for giver in ("registrar", "root"):
        documents = [*network.base(), network.member("a", by=giver, date=DATE + 50), network.member("b")]
        view = network.verify([*documents, network.removal("a", date=DATE - 10**6)])
        assert network.names(view, "a", "b") == ["b"]
        assert view.removed == {network.identity("a"): 0}
        assert Code.REMOVED in codes(view)


def test_a_removal_is_not_forgotten_when_it_is_withheld_later(network: Network) -> None:
    documents = [*network.base(), network.member("a")]
    floors = network.verify([*documents, network.removal("a")]).floors
    view = network.verify([*documents, network.member("a", counter=999)], floors)
    assert network.names(view, "a") == []


def test_nobody_without_the_right_removes(network: Network) -> None:
    admitting = network.delegation("desk", [Right.ADMIT])
    documents = [*network.base(), admitting, network.member("a"), network.member("b")]
    for who in ("desk", "a", "b", "mallory"):
        view = network.verify([*documents, network.removal("a", by=who)])
        assert network.names(view, "a") == ["a"], who
        assert view.removed == {}
        assert codes(view) == [Code.FORBIDDEN]


def test_only_the_root_or_an_admins_key_undoes_a_removal_and_with_a_higher_epoch(network: Network) -> None:
    admin = network.delegation("admin", [Right.ADMIT, Right.READMIT])
    documents = [*network.base(), admin, network.member("a"), network.removal("a")]
    for who, epoch, back in (
        ("registrar", 0, False),
        ("registrar", 1, False),
        ("registrar", 2**32, False),
        ("admin", 0, False),
        ("root", 0, False),
        ("admin", 1, True),
        ("root", 1, True),
    ):
        view = network.verify([*documents, network.member("a", by=who, epoch=epoch)])
        assert network.names(view, "a") == (["a"] if back else []), (who, epoch)
        assert (network.identity("a") in view.removed) is not back


def test_a_second_removal_ends_the_higher_epoch_too(network: Network) -> None:
    documents = [*network.base(), network.removal("a"), network.member("a", by="root", epoch=1)]
    view = network.verify([*documents, network.removal("a", epoch=1)])
    assert network.names(view, "a") == []
    assert view.removed[network.identity("a")] == 1


def test_of_several_removals_by_one_signer_the_highest_is_remembered_in_any_order(network: Network) -> None:
    subject = b"m" + network.identity("a") + network.identity("registrar")
    for counter in range(8):
        pair = [network.removal("a", epoch=1, counter=counter), network.removal("a", epoch=0, counter=9)]
        view = network.verify([*network.base(), *pair])
        assert view.floors.order("removal", subject) == (1, counter)
        assert view.removed == {network.identity("a"): 1}


def test_an_expired_remover_still_removes_but_a_removed_one_does_not(network: Network) -> None:
    warden = network.delegation("warden", [Right.REMOVE], not_after=DATE)
    documents = [*network.base(), warden, network.member("a"), network.removal("a", by="warden")]
    view = network.verify(documents, now=DATE + 500)
    assert network.names(view, "a") == []
    void = network.verify([*documents, network.removal_of_delegation("warden")], view.floors)
    assert network.names(void, "a") == ["a"]


def test_a_membership_ends_when_it_expires_and_an_older_one_without_end_does_not_return(network: Network) -> None:
    endless, ending = network.member("a"), network.member("a", expires=DATE + 10)
    documents = [*network.base(), endless, ending]
    before = network.verify(documents, now=DATE + 9)
    assert network.names(before, "a") == ["a"]
    assert before.next_change == DATE + 10
    assert network.names(network.verify(documents, now=DATE + 10), "a") == []
    after = network.verify(documents, now=DATE + 10)
    assert network.names(network.verify([*network.base(), endless], after.floors), "a") == []


def test_a_renewal_after_the_end_brings_the_member_and_its_record_back(network: Network) -> None:
    documents = [*network.base(), network.member("a", expires=DATE + 10), network.record("a")]
    ended = network.verify(documents, now=DATE + 20)
    assert network.names(ended, "a") == []
    back = network.verify([*ended.documents, network.member("a", expires=DATE + 99)], ended.floors, now=DATE + 21)
    assert back.members[network.identity("a")].record is not None


def test_a_signer_who_may_not_remove_cannot_replace_what_another_gave(network: Network) -> None:
    invite = network.delegation("invite", [Right.ADMIT])
    rightful = network.member("a")
    usurper = network.member("a", by="invite", hostname="mine", expires=DATE + 1)
    view = network.verify([*network.base(), invite, rightful, usurper], now=DATE)
    assert view.members[network.identity("a")].hostname == "a"
    alone = network.verify([*network.base(), invite, usurper], now=DATE)
    assert alone.members[network.identity("a")].hostname == "mine"
    taken_over = network.verify([*network.base(), invite, usurper, network.member("a", hostname="later")], now=DATE)
    assert taken_over.members[network.identity("a")].hostname == "later"


def test_a_new_invite_brings_back_who_had_run_out(network: Network) -> None:
    invite = network.delegation("invite", [Right.ADMIT])
    documents = [*network.base(), invite, network.member("a", expires=DATE + 1)]
    view = network.verify([*documents, network.member("a", by="invite", hostname="again")], now=DATE + 2)
    assert view.members[network.identity("a")].hostname == "again"


@pytest.mark.parametrize(
    ("fields", "within"),
    [
        ({"tags": ("lab",), "hostname": "lab-1", "ipv4": "100.96.7.1"}, True),
        ({"tags": (), "hostname": "lab-"}, True),
        ({"tags": ("lab", "other"), "hostname": "lab-1"}, False),
        ({"tags": ("lab",), "hostname": "db"}, False),
        ({"tags": ("lab",), "hostname": ""}, False),
        ({"tags": ("lab",), "hostname": "lab-1", "ipv4": "100.96.8.1"}, False),
    ],
)
def test_a_delegation_admits_within_its_limits_only(*, fields: dict[str, object], within: bool) -> None:
    bounds = AdmissionLimits(tags=("lab",), hostname="lab-*", ipv4="100.96.7.0/24")
    membership = Membership(identity=bytes(32), counter=1, date=DATE, **fields)  # type: ignore[arg-type]
    assert (reason_outside(bounds, membership) is None) is within


def test_limits_are_asked_by_verify(network: Network) -> None:
    base = [network.genesis, network.settings(), network.policy()]
    bounded = network.delegation("registrar", limits=AdmissionLimits(hostname="lab-*"))
    view = network.verify([*base, bounded, network.member("lab-1"), network.member("db")])
    assert network.names(view, "lab-1", "db") == ["lab-1"]


def test_a_delegation_admits_the_first_so_many(network: Network) -> None:
    base = [network.genesis, network.settings(), network.policy()]
    bounded = network.delegation("registrar", limits=AdmissionLimits(count=2))
    third = network.member("c", joined=DATE - 1)
    documents = [*base, bounded, network.member("a", joined=DATE - 3), network.member("b", joined=DATE - 2), third]
    view = network.verify([*documents, network.member("d", by="root")])
    assert network.names(view, "a", "b", "c", "d") == ["a", "b", "d"]
    left = network.verify([*view.documents, network.removal("a")], view.floors)
    assert network.names(left, "a", "b", "c", "d") == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("pattern", "label", "answer"),
    [
        ("*", "", True), ("*", "abc", True), ("a*c", "abbc", True), ("a*c", "abcb", False), ("a", "a", True),
        ("a", "ab", False), ("*a*a*", "aba", True), ("*a*a*", "ab", False), ("", "", True), ("", "a", False),
    ],
)  # fmt: skip
def test_a_pattern_is_matched_as_people_read_it(pattern: str, label: str, *, answer: bool) -> None:
    assert matches(pattern, label) is answer


def test_a_hostile_pattern_costs_little() -> None:
    assert not matches("*a" * 31, "a" * 30 + "b" * 33)


def test_when_the_memory_is_full_members_stay_removals_count_and_nobody_new_comes(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = network.verify([*network.base(), network.member("a"), network.member("b")])
    monkeypatch.setattr(limits, "FLOORS_MAX", len(first.floors.orders))
    later = [network.member("a", hostname="renamed"), network.removal("b"), network.member("c"), network.policy(b"new")]
    view = network.verify([*first.documents, *later], first.floors)
    assert network.names(view, "a", "b", "c") == ["a"]
    assert view.members[network.identity("a")].hostname == "renamed"
    assert view.policy is not None
    assert view.policy.text == b"new"
    assert [note.code for note in view.health] == ["memory-full"]


def test_a_membership_that_ran_out_is_kept_for_a_week_and_its_floor_for_ever(network: Network) -> None:
    endless, ended = network.member("a"), network.member("a", expires=DATE)
    documents = [*network.base(), endless, ended, network.record("a")]
    for seconds, kept in ((0, True), (limits.EXPIRED_KEPT_S - 1, True), (limits.EXPIRED_KEPT_S, False)):
        head = network.head("registrar", date=DATE + seconds)
        view = network.verify([*documents, head], now=DATE + seconds)
        assert (ended in view.documents) is kept
        assert len(view.documents) == len(network.base()) + 1 + 2 * kept
        assert view.floors.order("membership", network.identity("a")) == (0, ended.body.counter)  # type: ignore[union-attr]


def test_a_clock_that_is_ahead_forgets_no_membership(network: Network) -> None:
    """Found by tests/model, seed 181: nobody sends a document again only because a clock was set right."""
    short = network.member("a", expires=DATE + 3600)
    ahead = network.verify([*network.base(), short, network.record("a")], now=DATE + 10 * 365 * 86_400)
    assert network.names(ahead, "a") == []
    right = network.verify(ahead.documents, floors=ahead.floors, now=DATE + 10)
    assert network.names(right, "a") == ["a"]
    assert right.members[network.identity("a")].record is not None


def test_a_used_invite_does_not_replace_whom_it_admitted(network: Network) -> None:
    invite = network.delegation("invite", [Right.ADMIT], limits=AdmissionLimits(count=1))
    base = [*network.base(), invite]
    first, forged = network.member("a", by="invite", joined=DATE), network.member("b", by="invite", joined=1)
    floors = network.verify([*base, first]).floors
    view = network.verify([*base, forged, first], floors)
    assert network.names(view, "a", "b") == ["a"]
    assert codes(view) == [Code.FORBIDDEN]


def test_nobody_comes_back_by_a_key_of_their_own(network: Network) -> None:
    admin = network.delegation("a", ADMIN_RIGHTS)
    base = [*network.base(), admin, network.member("a", by="root")]
    kicked = network.verify([*base, network.removal("a")])
    again = network.member("a", by="a", epoch=1)
    assert network.names(network.verify([*base, network.removal("a"), again], kicked.floors), "a") == []
    puppet = network.delegation("puppet", ADMIN_RIGHTS, by="a")
    by_puppet = network.member("a", by="puppet", epoch=1)
    assert network.names(network.verify([*base, network.removal("a"), puppet, by_puppet], kicked.floors), "a") == []
    by_another = network.member("a", by="root", epoch=1)
    assert network.names(network.verify([*base, network.removal("a"), by_another], kicked.floors), "a") == ["a"]
