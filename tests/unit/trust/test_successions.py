"""What owners and admins sign to change or recover a root, and what their machines refuse to sign."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.trust import acts, successions
from warren.trust.batches import Batch, Draft, Pen
from warren.trust.documents import AdmissionLimits, Kind, Right
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS, admins
from warren.trust.showing import show
from warren.trust.view import View

NOW = DATE + 100
ADMINS = ("anna", "ben", "cleo")


@pytest.fixture(name="view")
def _view(network: Network) -> View:
    documents = network.base()
    documents += [network.member(who, ipv4=f"100.96.0.{n}") for n, who in enumerate((*ADMINS, "db"), start=2)]
    documents += [network.delegation(who, ADMIN_RIGHTS) for who in ADMINS]
    return network.verify([*documents, network.head("registrar"), network.head("root")])


def signed(network: Network, view: View, by: str, act: object) -> Batch:
    draft = Draft(view, Pen(network.key(by)), now=NOW)
    act(draft)  # type: ignore[operator]
    return draft.batch()


def recoverable(network: Network, view: View, quorum: int = 2) -> View:
    whos = tuple(network.identity(one) for one in ADMINS)
    return signed(network, view, "root", lambda draft: successions.set_recovery(draft, whos, quorum)).after


def proposed(network: Network, view: View, by: str = "anna") -> View:
    return signed(network, view, by, lambda draft: successions.propose(draft, network.identity("next"))).after


def changed(network: Network, view: View) -> Batch:
    return successions.change_root(view, network.key("root"), network.key("next"), now=NOW, readable=lambda _text: True)


def test_two_of_three_admins_recover_a_lost_root(network: Network, view: View) -> None:
    ready = recoverable(network, view)
    waiting = proposed(network, ready)
    assert waiting.root == network.identity("root")
    (proposal,) = waiting.proposals
    batch = signed(network, waiting, "cleo", lambda draft: successions.second(draft, proposal))
    after = batch.after
    assert after.root == network.identity("next")
    assert after.members == ready.members
    assert after.delegations.keys() == ready.delegations.keys()
    assert any("root key is" in line for line in show(batch))
    taken = network.verify([*ready.documents, *map(network.open, batch.raws), *waiting.documents], ready.floors)
    assert taken.root == after.root
    locked = signed(network, after, "next", acts.lock).after  # the new root does what the old one did
    assert locked.members.keys() == after.members.keys()


def test_the_owner_changes_the_root_and_every_machine_takes_the_whole_batch(network: Network, view: View) -> None:
    ready = recoverable(network, view)
    batch = changed(network, ready)
    for floors, held in ((ready.floors, ready.documents), (Floors(), ready.documents)):
        after = network.verify([*held, *map(network.open, batch.raws)], floors)
        assert after.root == network.identity("next")
        assert after.members == ready.members
        assert after.recovery == ready.recovery
        assert {one.kind for one in after.refused} <= {Kind.HEAD}  # the old root's head before its last one
        assert after.heads.keys() >= {network.identity("root"), network.identity("next")}


def test_who_is_not_shown_the_change_hears_of_it_by_the_old_roots_last_head(network: Network, view: View) -> None:
    batch = changed(network, view)
    old = network.identity("root")
    assert batch.after.heads[old].head.counter > view.heads[old].head.counter


def test_more_memberships_than_a_change_names_are_signed_again(
    network: Network, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = signed(network, recoverable(network, view), "root", acts.lock).after
    others = sum(one.kind is not Kind.MEMBERSHIP for one in locked.documents if one.signer == locked.root)
    monkeypatch.setattr(successions, "ROOT_KEPT_MAX", others)  # room for two of four memberships at most
    by_owner = changed(network, locked).after
    assert by_owner.members.keys() == locked.members.keys()
    assert network.identity("next") in {one.signer for one in by_owner.members.values()}
    (proposal,) = (waiting := proposed(network, locked)).proposals
    by_admins = signed(network, waiting, "ben", lambda draft: successions.second(draft, proposal)).after
    assert by_admins.root == network.identity("next")
    assert by_admins.members.keys() == locked.members.keys()
    assert network.identity("ben") in {one.signer for one in by_admins.members.values()}
    monkeypatch.setattr(successions, "ROOT_KEPT_MAX", 1)
    with pytest.raises(WarrenError) as caught:
        changed(network, locked)
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("by", ["invite", "root"])
def test_whom_an_invite_let_in_goes_with_it_after_a_change_of_the_root_too(
    network: Network, view: View, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Whether its key still stands for them, or the root did since, whose word the new one says again."""
    invite, phone = network.identity("invite"), network.identity("phone")
    limits = AdmissionLimits(count=2)
    given = network.delegation("invite", (Right.ADMIT,), not_after=NOW + 50, limits=limits)
    fields = {} if by == "invite" else {"invite": invite}
    held = network.verify([*view.documents, given, network.member("phone", by=by, **fields)], view.floors)
    held = network.verify(held.documents, held.floors, now=NOW + 51)
    of_root = [one.kind for one in held.documents if one.signer == held.root]
    others = [kind for kind in of_root if kind not in {Kind.MEMBERSHIP, Kind.GENESIS}]
    monkeypatch.setattr(successions, "ROOT_KEPT_MAX", len(others))  # no membership is kept by its name
    after = changed(network, held).after
    assert after.members[phone].signer == (invite if by == "invite" else network.identity("next"))
    revoked = signed(network, after, "next", lambda draft: acts.revoke_invite(draft, invite)).after
    assert after.members.keys() - revoked.members.keys() == {phone}


def test_a_proposal_that_keeps_what_nobody_saw_or_drops_what_stands_is_not_seconded(
    network: Network, view: View
) -> None:
    """A thief of the root who is an admin too could else have its own hidden documents kept."""
    ready = recoverable(network, view)
    kept = [one for one in ready.documents if one.signer == ready.root and one.kind is not Kind.GENESIS]
    hidden = network.delegation("evil", ADMIN_RIGHTS)
    for wrong in ([*kept, hidden], [one for one in kept if one.kind is not Kind.POLICY]):
        vote = network.root_change("next", by="anna", kept=wrong)
        waiting = network.verify([*ready.documents, vote], ready.floors)
        (proposal,) = waiting.proposals
        with pytest.raises(WarrenError) as caught:
            signed(network, waiting, "ben", lambda draft, one=proposal: successions.second(draft, one))
        assert caught.value.code is Code.CONFLICT


def test_who_may_not_sign_is_told_before_anything_is_sent(network: Network, view: View) -> None:
    attempts = {
        "nobody may recover it": (view, "anna", lambda d: successions.propose(d, network.identity("next"))),
        "no voter": (
            recoverable(network, view), "registrar", lambda d: successions.propose(d, network.identity("next"))
        ),
        "no root": (view, "anna", lambda d: successions.set_recovery(d, (network.identity("anna"),), 1)),
    }  # fmt: skip
    for name, (held, by, act) in attempts.items():
        with pytest.raises(WarrenError) as caught:
            signed(network, held, by, act)
        assert caught.value.code is Code.FORBIDDEN, name
    with pytest.raises(WarrenError) as caught:
        successions.change_root(view, network.key("anna"), network.key("next"), now=NOW, readable=lambda _text: True)
    assert caught.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(("whos", "quorum"), [(("anna", "ben"), 3), (("anna", "ben"), 0), (("anna", "anna"), 2)])
def test_a_quorum_that_can_never_meet_is_refused(
    network: Network, view: View, whos: tuple[str, ...], quorum: int
) -> None:
    keys = tuple(network.identity(one) for one in whos)
    with pytest.raises(WarrenError) as caught:
        signed(network, view, "root", lambda draft: successions.set_recovery(draft, keys, quorum))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_an_admin_by_another_admins_word_becomes_one_by_the_roots(network: Network, view: View) -> None:
    by_anna = signed(network, view, "anna", lambda draft: acts.promote(draft, network.identity("db"))).after
    keys = tuple(network.identity(one) for one in ("anna", "db"))
    ready = signed(network, by_anna, "root", lambda draft: successions.set_recovery(draft, keys, 2)).after
    waiting = proposed(network, ready)
    (proposal,) = waiting.proposals
    after = signed(network, waiting, "db", lambda draft: successions.second(draft, proposal)).after
    assert after.root == network.identity("next")
    assert network.identity("db") in admins(after)


def test_the_recovery_may_be_taken_back(network: Network, view: View) -> None:
    ready = recoverable(network, view)
    none = signed(network, ready, "root", lambda draft: successions.set_recovery(draft, (), 0)).after
    assert none.recovery is not None
    assert none.recovery.quorum == 0
