"""An admin that is kicked or demoted: what it may still do, who can end that, and what the signer is told of it."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.trust import acts, successions
from warren.trust.authenticate import Authentic
from warren.trust.batches import Batch, Draft, Pen
from warren.trust.documents import Kind
from warren.trust.floors import Floors
from warren.trust.office import admins
from warren.trust.showing import show
from warren.trust.view import View

NOW = DATE + 100
VOTERS = ("owner", "anna", "ben")


def signed(network: Network, view: View, by: str, act: object) -> Batch:
    draft = Draft(view, Pen(network.key(by)), now=NOW)
    act(draft)  # type: ignore[operator]
    return draft.batch()


@pytest.fixture(name="view")
def _view(network: Network) -> View:
    """As `lock`, `member promote` by the owner's machine and `recovery set` leave a network; cat is a plain member."""
    documents = network.base()
    whos = (*VOTERS, "cat")
    documents += [network.member(who, ipv4=f"100.96.0.{n}") for n, who in enumerate(whos, start=2)]
    view = network.verify([*documents, network.head("registrar"), network.head("root")])
    view = signed(network, view, "root", lambda draft: acts.lock(draft, office=network.identity("owner"))).after
    for who in ("anna", "ben"):
        view = signed(network, view, "owner", lambda draft, who=who: acts.promote(draft, network.identity(who))).after
    keys = tuple(network.identity(who) for who in VOTERS)
    return signed(network, view, "root", lambda draft: successions.set_recovery(draft, keys, 2)).after


def recovered(network: Network, view: View, *whos: str) -> View:
    """After these voted for another root, as they can say it with what they hold; fresh nodes see the same."""
    of_root = [one for one in view.documents if one.signer == view.root and one.kind is not Kind.GENESIS]
    votes: list[Authentic] = []
    for who in whos:
        under = max((one.epoch for one in view.delegations.get(network.identity(who), ())), default=0)
        votes += [network.root_change("next", by=who, kept=of_root, under=epoch) for epoch in range(under + 1)]
    fresh = network.verify([*view.documents, *votes])
    assert network.verify([*view.documents, *votes], view.floors).root == fresh.root
    return fresh


def test_who_may_vote_is_known(network: Network, view: View) -> None:
    assert set(view.voters) == {network.identity(who) for who in VOTERS}
    assert recovered(network, view, "anna", "ben").root == network.identity("next")
    nobody = signed(network, view, "root", lambda draft: successions.set_recovery(draft, (), 0)).after
    assert not nobody.voters


@pytest.mark.parametrize("act", [acts.kick, acts.demote])
def test_the_root_ends_an_admins_rights_and_vote(network: Network, view: View, act: object) -> None:
    anna = network.identity("anna")
    assert acts.is_roots_word(view, anna)
    batch = signed(network, view, "root", lambda draft: act(draft, anna))  # type: ignore[operator]
    assert not any("vote" in line for line in show(batch))
    for floors in (batch.after.floors, Floors()):
        after = network.verify(batch.after.documents, floors)
        assert anna not in after.delegations
        assert set(after.voters) == {network.identity("owner"), network.identity("ben")}
        assert recovered(network, after, "anna", "ben").root == network.identity("root")
        back = network.member("anna", by="anna", epoch=5, under=0)
        assert network.names(network.verify([*after.documents, back], floors), "anna") == network.names(after, "anna")


def test_another_admins_kick_says_what_it_leaves_and_the_root_ends_that_later(network: Network, view: View) -> None:
    anna = network.identity("anna")
    batch = signed(network, view, "owner", lambda draft: acts.kick(draft, anna))
    lines = show(batch)
    assert network.names(batch.after, "anna") == []
    assert anna in batch.after.voters
    assert any("may still vote" in line and "warren network recovery set" in line for line in lines)
    assert any("can come back" in line and "warren member kick" in line for line in lines)
    assert not any("may sign nothing any more" in line for line in lines)
    later = signed(network, batch.after, "root", lambda draft: acts.kick(draft, anna)).after
    assert anna not in later.delegations
    assert anna not in later.voters
    assert recovered(network, later, "anna", "ben").root == network.identity("root")


def test_another_admins_demotion_that_would_end_nothing_is_refused(network: Network, view: View) -> None:
    for by, who in (("owner", "anna"), ("ben", "owner")):
        with pytest.raises(WarrenError) as caught:
            signed(network, view, by, lambda draft, who=who: acts.demote(draft, network.identity(who)))
        assert caught.value.code is Code.FORBIDDEN
        assert "root" in str(caught.value)


def test_an_admin_ends_what_it_gave_itself(network: Network, view: View) -> None:
    cat = network.identity("cat")
    at = signed(network, view, "ben", lambda draft: acts.promote(draft, cat)).after
    assert acts.is_roots_word(at, cat)  # where the root is there, it ends everything for sure
    batch = signed(network, at, "ben", lambda draft: acts.kick(draft, cat))
    assert cat not in admins(batch.after)
    assert any("may sign nothing any more" in line for line in show(batch))
    assert not acts.is_roots_word(view, cat)


def test_an_invite_of_the_roots_is_not_revoked_by_half(network: Network, view: View) -> None:
    key = network.identity("invite")

    def make(draft: Draft) -> None:
        acts.invite(draft, key, hostname="tv", ipv4="", tags=(), count=1, not_after=NOW + 3600)

    at = signed(network, view, "root", make).after
    with pytest.raises(WarrenError) as caught:
        signed(network, at, "ben", lambda draft: acts.revoke_invite(draft, key))
    assert caught.value.code is Code.FORBIDDEN
    assert acts.is_roots_word(at, key)
    assert key not in signed(network, at, "root", lambda draft: acts.revoke_invite(draft, key)).after.delegations


def test_who_takes_too_many_votes_away_is_told(network: Network, view: View) -> None:
    def both(draft: Draft) -> None:
        acts.kick(draft, network.identity("anna"))
        acts.demote(draft, network.identity("ben"))

    assert any("takes 2 votes" in line and "only 1" in line for line in show(signed(network, view, "root", both)))


def test_who_may_not_delegate_ends_nobodys_rights_not_even_in_appearance(network: Network, view: View) -> None:
    invite = network.delegation("invite", ("admit",), by="root", not_after=NOW + 3600)
    for by in ("invite", "registrar"):
        under = 1 if by == "registrar" else 0
        ends = [network.removal_of_delegation(who, by=by, under=under, epoch=9) for who in ("owner", "registrar")]
        ends = [one for one in ends if one.signer != one.body.subject]  # type: ignore[union-attr]
        after = network.verify([*view.documents, invite, *ends], view.floors)
        assert {one.digest for one in ends} <= {one.digest for one in after.refused}
