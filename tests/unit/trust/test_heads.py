"""Heads: how fresh the news is, who may put a new date on it, and what follows when it is old or withheld."""

import pytest
from tests.unit.trust.founding import DATE, Network, seed

from warren.errors import Code
from warren.trust.authenticate import Authentic
from warren.trust.clock import SignedClock
from warren.trust.documents import HeadMark, Right
from warren.trust.floors import Floors
from warren.trust.heads import DAY_S
from warren.trust.verify import verify
from warren.trust.view import View

FAR = 2**40


def notes(view: View) -> set[str]:
    return {note.code for note in view.health}


def test_the_newest_head_of_each_authority_is_held(network: Network) -> None:
    heads = [network.head("root"), network.head("registrar"), network.head("root", digest=seed("later"))]
    view = network.verify([*network.base(), *heads])
    assert view.heads[network.identity("root")].head == heads[2].body
    assert view.heads[network.identity("registrar")].head == heads[1].body
    assert notes(view) == set()


def test_who_is_no_authority_has_no_head(network: Network) -> None:
    view = network.verify([*network.base(), network.member("a"), network.head("a")])
    assert view.heads == {}
    assert [one.code for one in view.refused] == [Code.FORBIDDEN]


def test_an_attester_puts_a_newer_date_on_a_head_and_changes_nothing_else(network: Network) -> None:
    head = network.head("root", counter=9)
    documents = [*network.base(), head]
    again = network.head("root", by="registrar", counter=9, date=DATE + 500)
    view = network.verify([*documents, again], now=DATE)
    assert view.heads[network.identity("root")].date == DATE + 500
    assert view.effective_now == DATE + 500
    assert again in view.documents
    for other in (
        network.head("root", by="registrar", counter=9, date=DATE + 500, digest=seed("other")),
        network.head("root", by="registrar", counter=10, date=DATE + 500),
        network.head("root", by="mallory", counter=9, date=DATE + 500),
    ):
        refused = network.verify([*documents, other], now=DATE)
        assert refused.heads[network.identity("root")].date == DATE
        assert len(refused.refused) == 1


def test_a_new_date_without_its_head_is_refused(network: Network) -> None:
    view = network.verify([*network.base(), network.head("root", by="registrar", counter=9)])
    assert [one.code for one in view.refused] == [Code.NOT_FOUND]
    assert view.heads == {}


def test_on_old_news_known_members_stay_and_nobody_new_is_admitted(network: Network) -> None:
    documents = [*network.base(), network.head("registrar"), network.member("a")]
    first = network.verify(documents)
    assert first.next_change == DATE + 7 * DAY_S + 1
    late = DATE + 7 * DAY_S + 1
    newcomer, trusted = network.member("b"), network.member("c", by="root")
    view = network.verify([*first.documents, newcomer, trusted], first.floors, now=late)
    assert network.names(view, "a", "b", "c") == ["a", "c"]
    assert notes(view) == {"heads-stale"}
    # it is kept, does not become known by waiting, and is admitted when the news arrives
    assert newcomer in view.documents
    waiting = network.verify(view.documents, view.floors, now=late)
    assert network.names(waiting, "b") == []
    fresh = network.verify([*waiting.documents, network.head("registrar", date=late)], waiting.floors, now=late)
    assert network.names(fresh, "a", "b", "c") == ["a", "b", "c"]
    assert notes(fresh) == set()


def test_settings_can_cut_known_members_after_some_days_and_news_brings_them_back(network: Network) -> None:
    base = [network.genesis, network.settings(cut_after_days=9), network.delegation("registrar"), network.policy()]
    first = network.verify([*base, network.head("registrar"), network.member("a"), network.record("a")])
    kept = network.verify(first.documents, first.floors, now=DATE + 9 * DAY_S)
    assert network.names(kept, "a") == ["a"]
    assert kept.next_change == DATE + 9 * DAY_S + 1
    cut = network.verify(first.documents, first.floors, now=DATE + 9 * DAY_S + 1)
    assert network.names(cut, "a") == []
    fresh = network.head("registrar", date=DATE + 9 * DAY_S)
    back = network.verify([*cut.documents, fresh], cut.floors, now=DATE + 9 * DAY_S + 1)
    assert back.members[network.identity("a")].record is not None


def test_a_removal_counts_on_old_news_too(network: Network) -> None:
    documents = [*network.base(), network.head("registrar"), network.member("a")]
    floors = network.verify(documents).floors
    view = network.verify([*documents, network.removal("a")], floors, now=DATE + 99 * DAY_S)
    assert network.names(view, "a") == []


def test_a_head_that_was_seen_and_is_gone_or_rolled_back_is_missed(network: Network) -> None:
    old = network.head("registrar")
    documents = [*network.base(), network.member("a")]
    floors = network.verify([*documents, network.head("registrar")]).floors
    for withheld in ([], [old]):
        view = network.verify([*documents, *withheld, network.member("b")], floors)
        assert network.names(view, "a", "b") == ["a"]
        assert "head-missing" in notes(view)


def test_a_membership_names_the_first_floor_of_its_signers_head(network: Network) -> None:
    old = network.head("registrar", counter=5)
    mark = HeadMark(authority=network.identity("registrar"), counter=6)
    documents = [*network.base(), network.member("a", heads=(mark,))]
    view = network.verify([*documents, old])
    assert view.heads == {}
    assert "head-withheld" in notes(view)
    shown = network.verify([*documents, network.head("registrar", counter=6)])
    assert set(shown.heads) == {network.identity("registrar")}


def test_marks_of_others_heads_and_by_nobody_count_for_nothing(network: Network) -> None:
    head = network.head("root", counter=5)
    mark = HeadMark(authority=network.identity("root"), counter=6)
    for by in ("registrar", "mallory"):
        view = network.verify([*network.base(), head, network.member("a", by=by, heads=(mark,))])
        assert set(view.heads) == {network.identity("root")}
    jump = HeadMark(authority=network.identity("root"), counter=2**33)
    view = network.verify([*network.base(), head, network.member("a", by="root", heads=(jump,))])
    assert set(view.heads) == {network.identity("root")}


def test_an_attesters_right_ends_with_its_delegation(network: Network) -> None:
    attester = network.delegation("attester", [Right.ATTEST], not_after=DATE - 1)
    again = network.head("root", by="attester", counter=9, date=DATE + 500)
    view = network.verify([*network.base(), attester, network.head("root", counter=9), again], now=DATE)
    assert view.heads[network.identity("root")].date == DATE


@pytest.fixture
def locked(network: Network) -> list[Authentic]:
    """Documents of a network that a lock closed: the registrar may date, and nothing else."""
    return [
        network.genesis,
        network.settings(cut_after_days=30),
        network.delegation("registrar", rights=[Right.ATTEST]),
        network.policy(),
        network.head("root", counter=9),
        network.member("a", by="root"),
        network.member("tagged", by="root", expires=DATE + 180 * DAY_S, tags=("x",)),
    ]


@pytest.mark.parametrize("authority", ["registrar", "root"])
def test_a_date_far_ahead_of_who_merely_attests_ends_nothing_and_is_told(
    network: Network, locked: list[Authentic], authority: str
) -> None:
    """Found by review R4A: a lying server's 2^40 was every node's time, for good."""
    lie = network.head(authority, by="registrar", counter=9, date=FAR, digest=seed("digest root"))
    view = network.verify([*locked, lie])
    assert network.names(view, "a", "tagged") == ["a", "tagged"]
    assert view.effective_now == DATE + 100
    assert notes(view) == {"date-ahead"}
    late = network.verify(view.documents, view.floors, now=DATE + 8 * DAY_S)
    assert network.names(late, "a", "tagged") == ["a", "tagged"]


def test_what_a_date_ahead_ended_on_a_machine_without_a_clock_goes_on_when_it_is_set(
    network: Network, locked: list[Authentic]
) -> None:
    lie = network.head("registrar", date=FAR)
    lost = network.verify([*locked, lie], now=1000)
    assert network.names(lost, "a", "tagged") == []
    assert (lost.effective_now, lost.newest_date, lost.root_date) == (FAR, FAR, DATE)
    right = network.verify(lost.documents, lost.floors)
    assert network.names(right, "a", "tagged") == ["a", "tagged"]


def test_a_machine_without_a_clock_goes_by_what_is_attested(network: Network, locked: list[Authentic]) -> None:
    again = network.head("root", by="registrar", counter=9, date=DATE + 200 * DAY_S)
    view = network.verify([*locked, again], now=1000)
    assert view.effective_now == DATE + 200 * DAY_S
    assert network.names(view, "a", "tagged") == ["a"]
    assert notes(view) == set()


def test_dates_told_again_and_again_do_not_add_up(network: Network, locked: list[Authentic]) -> None:
    wall = [float(DATE + 100)]
    clock = SignedClock(lambda: wall[0], lambda: 0.0)
    documents, floors = locked, Floors()
    view = network.verify(documents)
    for days in range(1, 400):
        told = network.head("registrar", date=DATE + 100 + days * DAY_S)
        latest = int(clock.latest)
        view = verify(network.id, [*documents, told], floors=floors, now=int(clock()), latest=latest)
        documents, floors = list(view.documents), view.floors
        clock.see(view.newest_date, sure=view.root_date)
        assert view.effective_now <= DATE + 100 + DAY_S
        assert view.effective_now <= int(clock())
    assert network.names(view, "a", "tagged") == ["a", "tagged"]
    assert clock() <= DATE + 100 + DAY_S


def test_of_a_heads_new_dates_the_newest_is_kept_that_counts(network: Network) -> None:
    def dated(days: int) -> Authentic:
        return network.head("root", by="registrar", counter=9, date=DATE + days * DAY_S)

    documents, root = [*network.base(), network.head("root", counter=9)], network.identity("root")
    view = network.verify([*documents, dated(1), dated(2)], now=DATE + 2 * DAY_S)
    assert view.heads[root].date == DATE + 2 * DAY_S
    assert len(view.documents) == len(documents) + 1, "one a day would add up"
    lie = network.verify([*view.documents, dated(4000)], view.floors, now=DATE + 2 * DAY_S)
    assert lie.heads[root].date == DATE + 2 * DAY_S
    assert {one.text for one in lie.refused} == {"its date is far ahead of this machine's clock"}
    alone = network.verify([*documents, dated(4000)], now=DATE + 2 * DAY_S)
    assert notes(alone) == {"date-ahead"}
    healed = network.verify([*alone.documents, dated(3)], alone.floors, now=DATE + 3 * DAY_S)
    assert healed.heads[root].date == DATE + 3 * DAY_S
    assert notes(healed) == {"date-ahead"}
    assert notes(network.verify(healed.documents, healed.floors, now=DATE + 3 * DAY_S)) == set()
