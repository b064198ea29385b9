"""Another root: who may make it, that the first one stays, and that a stolen key changes nothing after it."""

from itertools import permutations

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.trust.authenticate import Authentic
from warren.trust.documents import Kind, Right
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS
from warren.trust.view import View

ADMINS = ("anna", "ben", "cleo")
PLAIN = "mallory"


@pytest.fixture(name="begun")
def _begun(network: Network) -> list[Authentic]:
    """Three admins by the root's word, two of whom may recover it together; a member of each sort of signer."""
    return [
        *network.base(),
        *(network.delegation(one, ADMIN_RIGHTS) for one in ADMINS),
        network.recovery(ADMINS, 2),
        network.member("laptop", by="root"),
        network.member("db"),
        network.member("phone", by="anna"),
        *(network.member(one) for one in (*ADMINS, PLAIN)),
        network.head("root"),
    ]


def of_root(network: Network, documents: list[Authentic], *former: str) -> list[Authentic]:
    """What a change of the root is to name."""
    keys = {network.identity(one) for one in (*former, "root")}
    return [one for one in documents if one.signer in keys and one.kind is not Kind.GENESIS]


def votes(network: Network, kept: list[Authentic], *whos: str, to: str = "next", **fields: int) -> list[Authentic]:
    return [network.root_change(to, by=who, kept=kept, **fields) for who in whos]


def root_of(network: Network, view: View) -> str:
    return next(name for name in ("root", "next", "other", "third") if network.identity(name) == view.root)


def refusals(view: View, document: Authentic) -> list[str]:
    return [one.text for one in view.refused if one.digest == document.digest]


def everyone(view: View) -> list[str]:
    return sorted(one.hostname for one in view.members.values())


def test_the_old_root_names_the_next_and_all_that_it_signed_before_stays(
    network: Network, begun: list[Authentic]
) -> None:
    before = network.verify(begun)
    change = network.root_change("next", kept=of_root(network, begun))
    after = network.verify([*begun, change], before.floors)
    assert root_of(network, after) == "next"
    assert after.generation == 1
    assert everyone(after) == everyone(before)
    assert after.delegations == before.delegations
    assert (after.settings, after.policy, after.recovery) == (before.settings, before.policy, before.recovery)
    assert not after.refused
    assert network.verify([*begun, change]).members == after.members  # whoever comes now sees the same


@pytest.mark.parametrize("by", ["registrar", "anna", PLAIN, "next"])
def test_nobody_else_alone_makes_another_root(network: Network, begun: list[Authentic], by: str) -> None:
    change = network.root_change("next", by=by, kept=of_root(network, begun))
    view = network.verify([*begun, change])
    assert root_of(network, view) == "root"
    assert bool(refusals(view, change)) == (by != "anna")  # hers is a vote, and waits
    assert len(view.proposals) == (by == "anna")


def test_what_the_old_root_signs_later_does_not_count_whatever_its_date(
    network: Network, begun: list[Authentic]
) -> None:
    after = network.verify([*begun, network.root_change("next", kept=of_root(network, begun))])
    stolen = [
        network.member("evil", by="root", date=DATE - 50),
        network.delegation(PLAIN, tuple(Right), date=DATE - 50),
        network.delegation("anna", (), date=DATE - 50),  # would push out what it gave her
        network.removal("db", by="root"),
        network.removal_of_delegation("anna"),
        network.settings(name="mine", suffix="mine.warren.internal"),
        network.policy(b"mine"),
        network.head("root"),
        network.recovery((PLAIN,), 1),
        network.root_change("other"),
        network.root_change("root", generation=2, old=network.identity("next")),
    ]
    for floors in (after.floors, Floors()):
        view = network.verify([*after.documents, *stolen], floors)
        assert root_of(network, view) == "next"
        assert all(refusals(view, one) for one in stolen)
        assert view.members == after.members
        assert view.delegations == after.delegations
        assert (view.policy, view.settings, view.recovery) == (after.policy, after.settings, after.recovery)
        assert any(note.code == "root-conflict" for note in view.health)


def test_the_new_root_takes_over_and_has_the_last_word_on_what_was_kept(
    network: Network, begun: list[Authentic]
) -> None:
    after = network.verify([*begun, network.root_change("next", kept=of_root(network, begun))])
    later = [
        network.settings(by="next", name="renamed", suffix="renamed.warren.internal"),
        network.removal("laptop", by="next"),
        network.removal_of_delegation("anna", by="next"),
        network.member("tv", by="next"),
        network.recovery(("ben",), 1, by="next"),
    ]
    for floors in (after.floors, Floors()):
        view = network.verify([*after.documents, *later], floors)
        assert view.settings is not None
        assert view.settings.name == "renamed"
        assert network.names(view, "laptop", "phone", "tv", "db") == ["tv", "db"]  # anna's word ended with hers
        assert view.recovery is not None
        assert view.recovery.quorum == 1
        assert not [one for one in later if refusals(view, one)]


def test_a_quorum_replaces_a_lost_root_and_fewer_do_not(network: Network, begun: list[Authentic]) -> None:
    kept = of_root(network, begun)
    first, second = votes(network, kept, "anna", "cleo")
    waits = network.verify([*begun, first])
    assert root_of(network, waits) == "root"
    (proposal,) = waits.proposals
    assert (proposal.votes, proposal.quorum) == ((network.identity("anna"),), 2)
    done = network.verify([*waits.documents, second], waits.floors)
    assert root_of(network, done) == "next"
    assert everyone(done) == everyone(waits)
    assert not done.refused
    assert not done.proposals


def test_one_admin_counts_once_however_often_it_signs(network: Network, begun: list[Authentic]) -> None:
    kept = of_root(network, begun)
    again = [*votes(network, kept, "anna", "anna", "anna"), *votes(network, kept, "anna", counter=99, epoch=1)]
    view = network.verify([*begun, *again])
    assert root_of(network, view) == "root"
    assert [len(one.votes) for one in view.proposals] == [1]


def test_votes_for_different_roots_or_of_different_things_do_not_add_up(
    network: Network, begun: list[Authentic]
) -> None:
    kept = of_root(network, begun)
    apart = [
        *votes(network, kept, "anna"),
        *votes(network, kept, "ben", to="other"),
        *votes(network, kept[1:], "cleo"),
    ]
    view = network.verify([*begun, *apart])
    assert root_of(network, view) == "root"
    assert len(view.proposals) == 3
    changed = network.verify([*view.documents, *votes(network, kept, "ben")], view.floors)
    assert root_of(network, changed) == "next"  # the newest vote of each counts
    replayed = network.verify([*view.documents, *votes(network, kept, "anna", to="other", counter=1)], view.floors)
    assert root_of(network, replayed) == "root"  # an older vote than her last one does not come back


@pytest.mark.parametrize("ended_by", ["root", "ben"])
def test_an_admin_that_was_removed_or_resigned_has_no_vote(
    network: Network, begun: list[Authentic], ended_by: str
) -> None:
    end = network.removal_of_delegation("ben", by=ended_by)
    both = votes(network, of_root(network, begun), "anna", "ben")  # a proposal that leaves its end out
    for votes_ in (votes(network, of_root(network, [*begun, end]), "anna", "ben"), both):
        for floors in (Floors(), network.verify([*begun, end]).floors):
            view = network.verify([*begun, end, *votes_], floors)
            assert root_of(network, view) == "root"
            assert refusals(view, votes_[1])
    remembered = network.verify([*begun, end]).floors  # a node that saw the end, and is shown it no more
    assert root_of(network, network.verify([*begun, *both], remembered)) == "root"


def test_an_admin_cannot_take_another_ones_vote(network: Network, begun: list[Authentic]) -> None:
    """Else one stolen key would prevent every recovery."""
    war = [network.removal("anna", by="cleo"), network.removal_of_delegation("anna", by="cleo"),
           network.removal("ben", by="cleo"), network.removal_of_delegation("ben", by="cleo")]  # fmt: skip
    both = votes(network, of_root(network, begun), "anna", "ben")
    assert root_of(network, network.verify([*begun, *war, *both])) == "next"


def test_an_admin_by_another_admins_word_or_for_a_time_has_no_vote(network: Network, begun: list[Authentic]) -> None:
    others = [
        network.delegation("dora", ADMIN_RIGHTS, by="anna"),
        network.delegation("emil", ADMIN_RIGHTS, not_after=DATE + 10_000),
        network.recovery((*ADMINS, "dora", "emil", PLAIN), 2),
    ]
    documents = [*begun, *others]
    for who in ("dora", "emil", PLAIN, "registrar"):
        view = network.verify([*documents, *votes(network, of_root(network, documents), "anna", who)])
        assert root_of(network, view) == "root", who


def test_only_the_root_says_who_may_recover_it(network: Network, begun: list[Authentic]) -> None:
    mine = network.recovery(("anna",), 1, by="anna")
    vote = votes(network, of_root(network, begun), "anna")
    view = network.verify([*begun, mine, *vote])
    assert refusals(view, mine)
    assert root_of(network, view) == "root"
    none = network.recovery((), 0)
    documents = [*begun, none]
    nobody = network.verify([*documents, *votes(network, of_root(network, documents), *ADMINS)])
    assert root_of(network, nobody) == "root"


def test_the_first_change_that_was_seen_wins_and_another_is_refused_and_named(
    network: Network, begun: list[Authentic]
) -> None:
    kept = of_root(network, begun)
    by_root = [network.root_change("other", kept=kept)]
    by_quorum = votes(network, kept, "anna", "ben")
    for first, second, name in ((by_root, by_quorum, "other"), (by_quorum, by_root, "next")):
        seen = network.verify([*begun, *first])
        assert root_of(network, seen) == name
        both = network.verify([*seen.documents, *second], Floors.decode(seen.floors.encode()))
        assert root_of(network, both) == name
        assert all(refusals(both, one) for one in second)
        assert any(note.code == "root-conflict" for note in both.health)
        assert everyone(both) == everyone(seen)


def test_a_change_is_not_taken_back_by_silence(network: Network, begun: list[Authentic]) -> None:
    """A server that shows the world before the change, or that change without its votes, rolls nothing back."""
    both = votes(network, of_root(network, begun), "anna", "ben")
    seen = network.verify([*begun, *both])
    old_world = network.verify(begun, seen.floors)
    assert root_of(network, old_world) == "next"
    assert any(note.code == "root-change-missing" for note in old_world.health)
    stolen = network.verify([*begun, network.member("evil", by="root")], seen.floors)
    assert network.names(stolen, "evil") == []
    healed = network.verify([*begun, *both], old_world.floors)
    assert everyone(healed) == everyone(seen)
    assert not [one for one in healed.health if one.code == "root-change-missing"]


def test_a_voter_that_goes_later_takes_nothing_back(network: Network, begun: list[Authentic]) -> None:
    both = votes(network, of_root(network, begun), "anna", "ben")
    later = [
        network.removal_of_delegation("anna", by="next", generation=1),
        network.removal_of_delegation("ben", by="ben", generation=1),
        network.removal("ben", by="next", generation=1),
    ]
    for floors in (Floors(), network.verify([*begun, *both]).floors):
        view = network.verify([*begun, *both, *later], floors)
        assert root_of(network, view) == "next"
        assert network.identity("anna") not in view.delegations
        assert network.names(view, "phone", "db", "laptop") == ["db", "laptop"]


def test_roots_change_again_and_strangers_signatures_are_not_kept(network: Network, begun: list[Authentic]) -> None:
    first = network.root_change("next", kept=of_root(network, begun))
    once = network.verify([*begun, first])
    mine = [network.delegation("dora", ADMIN_RIGHTS, by="next"), network.recovery(("anna", "dora"), 2, by="next")]
    held = [*once.documents, *mine]
    kept = [one for one in of_root(network, held, "next") if one.kind is not Kind.ROOT_CHANGE]
    fields = {"generation": 2, "old": network.identity("next")}
    second = [network.root_change("third", by=who, kept=kept, **fields) for who in ("anna", "dora")]
    twice = network.verify([*held, *second])
    assert root_of(network, twice) == "third"
    assert everyone(twice) == everyone(once)
    strangers = [network.root_change("third", by=who, kept=kept, **fields) for who in (PLAIN, "registrar", "ben")]
    again = network.verify([*twice.documents, *strangers], twice.floors)
    assert again.documents == twice.documents
    assert all(refusals(again, one) for one in strangers)
    gone = network.verify([*held, *second[:1]], twice.floors)
    assert root_of(network, gone) == "third"


def test_the_order_of_documents_does_not_matter(network: Network, begun: list[Authentic]) -> None:
    kept = of_root(network, begun)
    some = [*votes(network, kept, "anna", "ben"), network.root_change("other", kept=kept)]
    some += [network.member("tv", by="next")]
    views = [network.verify([*begun, *one]) for one in permutations(some)]
    assert all(view == views[0] for view in views)
    assert any(note.code == "root-conflict" for note in views[0].health)


def test_what_is_kept_gives_the_same_facts_again(network: Network, begun: list[Authentic]) -> None:
    kept = of_root(network, begun)
    by_root = [network.root_change("next", kept=kept)]
    for some in ([], votes(network, kept, "anna"), votes(network, kept, "anna", "ben"), by_root):
        first = network.verify([*begun, *some])
        for floors in (first.floors, Floors()):
            again = network.verify(first.documents, floors)
            assert (again.members, again.delegations, again.documents, again.floors, again.root, again.proposals) == (
                first.members, first.delegations, first.documents, first.floors, first.root, first.proposals,
            )  # fmt: skip
