"""Who may sign: chains of delegations, their rights, their end, and what a removed one signed."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren import limits
from warren.errors import Code, WarrenError
from warren.trust.authenticate import Authentic
from warren.trust.documents import AdmissionLimits, Right
from warren.trust.view import View

ALL = tuple(Right)


def codes(view: View, document: Authentic) -> set[Code]:
    return {one.code for one in view.refused if (one.kind, one.subject) == (document.kind, document.subject)}


def test_the_root_and_its_registrar_admit_and_nobody_else_does(network: Network) -> None:
    stranger = network.member("mallory", by="mallory")
    view = network.verify([*network.base(), network.member("a", by="root"), network.member("b"), stranger])
    assert network.names(view, "a", "b", "mallory") == ["a", "b"]
    assert codes(view, stranger) == {Code.FORBIDDEN}
    assert set(view.delegations) == {network.identity("registrar")}


def test_a_right_that_was_not_delegated_is_not_there(network: Network) -> None:
    attester = network.delegation("attester", [Right.ATTEST])
    admitted = network.member("a", by="attester")
    policy, settings = network.policy(b"mine", by="registrar"), network.settings(by="registrar")
    view = network.verify([*network.base(), attester, admitted, policy, settings])
    assert network.names(view, "a") == []
    assert view.policy is not None
    assert view.policy.text == b"allow"
    assert codes(view, policy) == codes(view, settings) == codes(view, admitted) == {Code.FORBIDDEN}


def test_a_delegation_ends_with_its_last_second(network: Network) -> None:
    base = [network.genesis, network.settings(), network.policy()]
    documents = [*base, network.delegation("registrar", not_after=DATE + 50), network.member("a")]
    assert network.names(network.verify(documents, now=DATE + 50), "a") == ["a"]
    assert network.verify(documents, now=DATE + 50).next_change == DATE + 51
    after = network.verify(documents, now=DATE + 51)
    assert network.names(after, "a") == []
    assert after.delegations == {}


def test_whom_a_delegation_admitted_stays_after_its_end_where_they_were_seen(network: Network) -> None:
    given = network.delegation("invite", [Right.ADMIT], not_after=DATE + 50, limits=AdmissionLimits(count=2))
    base = [*network.base(), given]
    seen, late = network.member("a", by="invite"), network.member("b", by="invite", date=DATE)
    floors = network.verify([*base, seen], now=DATE + 50).floors
    after = network.verify([*base, seen, late], floors, now=DATE + 51)
    assert network.names(after, "a", "b") == ["a"], (
        "whoever is shown first behind the end is not let in, whatever it says"
    )
    assert network.names(network.verify(after.documents, after.floors, now=DATE + 10**6), "a") == ["a"]
    another = network.member("a", by="invite", counter=9, hostname="other")
    changed = network.verify([*base, another], floors, now=DATE + 51)
    assert network.names(changed, "a") == [], "its key signs nothing new"
    ended = network.verify([*base, seen, network.removal_of_delegation("invite")], floors, now=DATE + 51)
    assert network.names(ended, "a") == [], "who takes the invite back takes back whom it let in"


def test_what_a_removed_delegation_signed_is_void_whatever_its_date(network: Network) -> None:
    removal = network.removal_of_delegation("registrar")
    documents = [*network.base(), network.member("a", date=DATE - 10**6), network.member("b", by="root"), removal]
    view = network.verify(documents)
    assert network.names(view, "a", "b") == ["b"]
    assert view.delegations == {}


def test_a_removed_delegation_stays_removed_when_the_removal_is_withheld(network: Network) -> None:
    base = network.base()
    floors = network.verify([*base, network.removal_of_delegation("registrar")]).floors
    view = network.verify([*base, network.member("a")], floors)
    assert network.names(view, "a") == []


def test_a_delegation_given_anew_does_not_revive_what_the_old_one_signed(network: Network) -> None:
    old = network.member("old")
    documents = [
        *network.base(),
        old,
        network.removal_of_delegation("registrar"),
        network.delegation("registrar", epoch=1),
        network.member("new", under=1),
    ]
    view = network.verify(documents)
    assert network.names(view, "old", "new") == ["new"]
    assert codes(view, old) == {Code.FORBIDDEN}


def test_a_lower_delegation_cannot_come_back(network: Network) -> None:
    narrow = network.delegation("registrar", [Right.ATTEST], counter=50)
    wide = network.delegation("registrar", ALL, counter=49)
    base = [network.genesis, network.settings(), narrow]
    floors = network.verify(base).floors
    for documents in ([*base, wide], [network.genesis, network.settings(), wide]):
        view = network.verify([*documents, network.member("a")], floors)
        assert network.names(view, "a") == []
        assert codes(view, wide) == {Code.OUT_OF_ORDER}


def test_an_admin_delegates_at_most_what_it_has(network: Network) -> None:
    admin = network.delegation("admin", [Right.ADMIT, Right.DELEGATE])
    good = network.delegation("helper", [Right.ADMIT], by="admin")
    greedy = network.delegation("greedy", [Right.ADMIT, Right.REMOVE], by="admin")
    uninvited = network.delegation("friend", [Right.ADMIT], by="registrar")
    documents = [*network.base(), admin, good, greedy, uninvited]
    members = [network.member("a", by="helper"), network.member("b", by="greedy"), network.member("c", by="friend")]
    view = network.verify([*documents, *members])
    assert network.names(view, "a", "b", "c") == ["a"]
    assert codes(view, greedy) == codes(view, uninvited) == {Code.FORBIDDEN}


def test_a_chain_ends_with_its_earliest_link_and_obeys_the_limits_of_every_link(network: Network) -> None:
    admin = network.delegation(
        "admin", [Right.ADMIT, Right.DELEGATE], not_after=DATE + 10, limits=AdmissionLimits(tags=("lab",))
    )
    helper = network.delegation("helper", [Right.ADMIT], by="admin", not_after=DATE + 99)
    tagged, untagged = network.member("a", by="helper", tags=("lab",)), network.member("b", by="helper", tags=("x",))
    documents = [*network.base(), admin, helper, tagged, untagged]
    assert network.names(network.verify(documents, now=DATE + 10), "a", "b") == ["a"]
    assert network.names(network.verify(documents, now=DATE + 11), "a", "b") == []


def test_removing_a_delegation_takes_down_everything_beneath_it(network: Network) -> None:
    admin = network.delegation("admin", [Right.ADMIT, Right.DELEGATE])
    helper = network.delegation("helper", [Right.ADMIT], by="admin")
    documents = [*network.base(), admin, helper, network.member("a", by="helper")]
    assert network.names(network.verify(documents), "a") == ["a"]
    assert network.names(network.verify([*documents, network.removal_of_delegation("admin")]), "a") == []


def test_a_key_above_in_the_chain_and_the_delegate_itself_may_end_a_delegation(network: Network) -> None:
    admin = network.delegation("admin", [Right.ADMIT, Right.DELEGATE])
    helper = network.delegation("helper", [Right.ADMIT], by="admin")
    documents = [*network.base(), admin, helper, network.member("a", by="helper")]
    for who in ("root", "admin", "helper"):
        removal = network.removal_of_delegation("helper", by=who)
        assert network.names(network.verify([*documents, removal]), "a") == [], who


def test_a_registrar_cannot_end_the_delegation_of_an_admin(network: Network) -> None:
    admin = network.delegation("admin", ALL)
    documents = [*network.base(), admin, network.member("a", by="admin")]
    for who in ("registrar", "mallory"):
        view = network.verify([*documents, network.removal_of_delegation("admin", by=who)])
        assert network.names(view, "a") == ["a"], who
        assert network.names(network.verify(documents, view.floors), "a") == ["a"], who


def test_a_chain_without_end_or_in_a_circle_gives_nothing(network: Network) -> None:
    depth = limits.DELEGATION_DEPTH_MAX + 2
    chain = [network.delegation(f"k{i}", ALL, by=f"k{i - 1}" if i else "root") for i in range(depth)]
    last = limits.DELEGATION_DEPTH_MAX - 1
    members = [network.member("near", by=f"k{last}"), network.member("far", by=f"k{last + 1}")]
    circle = [network.delegation("x", ALL, by="y"), network.delegation("y", ALL, by="x"), network.member("c", by="x")]
    view = network.verify([*network.base(), *chain, *members, *circle])
    assert network.names(view, "near", "far", "c") == ["near"]


def test_a_weaker_delegation_by_another_does_not_push_out_the_stronger_one(network: Network) -> None:
    admin = network.delegation("admin", [Right.ADMIT, Right.DELEGATE])
    weak = network.delegation("registrar", [], by="admin", counter=10**6)
    view = network.verify([*network.base(), admin, weak, network.member("a")])
    assert network.names(view, "a") == ["a"]


def test_more_delegations_than_a_network_has_are_refused_at_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DELEGATIONS_MAX", 2)
    documents = [*network.base(), network.delegation("b"), network.delegation("c")]
    with pytest.raises(WarrenError) as refusal:
        network.verify(documents)
    assert refusal.value.code is Code.TOO_LARGE


def test_an_end_counts_by_its_document_as_by_its_floor(network: Network) -> None:
    """Found by review R7G: under another of the signer's delegations it counted by the floor alone, a moment later."""
    admin = [right.value for right in (Right.ADMIT, Right.DELEGATE)]
    documents = [
        *network.base(),
        network.delegation("ben", admin),
        network.delegation("anna", admin),
        network.delegation("anna", admin, by="ben", epoch=1),
        network.delegation("dan", [Right.ADMIT], by="anna", under=1),
        network.removal_of_delegation("dan", by="anna", under=0),
    ]
    first = network.verify(documents)
    assert network.identity("dan") not in first.delegations
    again = network.verify(first.documents, first.floors)
    assert (again.delegations, again.floors) == (first.delegations, first.floors)
