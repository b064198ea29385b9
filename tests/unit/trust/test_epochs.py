"""Far epochs: by no number does anybody who may remove put a machine, or its promotion, out of everybody's reach."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.limits import ORDER_JUMP_MAX
from warren.trust import acts
from warren.trust.authenticate import Authentic
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Membership
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS, admins
from warren.trust.view import View

FAR = ORDER_JUMP_MAX


def begun(network: Network) -> list[Authentic]:
    """A network with two admins and a plain member."""
    documents = [*network.base(), network.delegation("adm", ADMIN_RIGHTS), network.delegation("ben", ADMIN_RIGHTS)]
    for who in ("adm", "ben", "vic"):
        documents += [network.member(who, by="root"), network.record(who)]
    return documents


def act(network: Network, view: View, by: str, what: object, under: int = 0) -> View:
    """What is believed once somebody did this; a fresh machine and one that comes by everything believe the same."""
    draft = Draft(view, Pen(network.key(by), under), now=DATE + 100)
    what(draft)  # type: ignore[operator]
    batch = draft.batch()
    fresh = network.verify([*view.documents, *(network.open(raw) for raw in batch.raws)])
    assert fresh.members.keys() == batch.after.members.keys()
    return batch.after


@pytest.mark.parametrize("by", ["adm", "registrar"])
@pytest.mark.parametrize("epoch", [FAR, 1, 2**16])
def test_whoever_removed_a_machine_at_whatever_epoch_the_root_lets_it_in_again(
    network: Network, by: str, epoch: int
) -> None:
    vic = network.identity("vic")
    view = network.verify([*begun(network), network.removal("vic", by=by, epoch=epoch)])
    assert vic in view.removed
    if by == "adm":
        view = act(network, view, "root", lambda draft: acts.kick(draft, network.identity("adm")))
        assert vic in view.removed
    view = act(network, view, "root", lambda draft: acts.approve(draft, vic, hostname="vic"))
    assert vic in view.members
    record = network.record("vic", epoch=view.members[vic].membership.epoch)
    view = network.verify([*view.documents, record], view.floors)
    assert view.members[vic].record is not None, "it is a peer again"


def test_what_came_in_by_a_far_epoch_can_be_put_out(network: Network) -> None:
    """An admin's key may admit again, and so could have given a machine of theirs an epoch that nobody ends."""
    vic = network.identity("vic")
    view = network.verify(begun(network))
    for epoch in (FAR, 2 * FAR, 3 * FAR):
        view = network.verify([*view.documents, network.member("vic", by="adm", epoch=epoch)], view.floors)
        assert view.members[vic].membership.epoch == epoch
    for by in ("ben", "root"):
        after = act(network, view, by, lambda draft: acts.kick(draft, vic))
        assert vic not in after.members, by
        assert vic not in network.verify([*view.documents, *after.documents], view.floors).members, by


@pytest.mark.parametrize("epoch", [FAR, 1])
def test_whom_an_admin_says_that_nobody_may_promote_is_promoted(network: Network, epoch: int) -> None:
    vic = network.identity("vic")
    view = network.verify([*begun(network), network.removal_of_delegation("vic", by="adm", epoch=epoch)])
    for by in ("root", "ben"):
        after = act(network, view, by, lambda draft: acts.promote(draft, vic))
        assert vic in admins(after), by
    view = act(network, view, "root", lambda draft: acts.kick(draft, network.identity("adm")))
    assert vic in admins(act(network, view, "root", lambda draft: acts.promote(draft, vic)))


def test_a_promotion_goes_past_the_ends_of_those_above_the_pen_and_no_others(network: Network) -> None:
    """What the others said ends nothing, so it costs no epoch either; what counts and was not seen would end it."""
    vic = network.identity("vic")
    below = [network.delegation("cat", ADMIN_RIGHTS, by="adm"), network.member("cat", by="root")]
    view = network.verify([*begun(network), *below, network.removal_of_delegation("vic", by="adm", epoch=5)])
    for by, epoch in (("root", 0), ("ben", 0), ("adm", 6), ("cat", 6)):
        after = act(network, view, by, lambda draft: acts.promote(draft, vic))
        assert admins(after)[vic].epoch == epoch, by


def test_an_admin_of_a_far_epoch_can_be_demoted_and_promoted_again(network: Network) -> None:
    vic = network.identity("vic")
    view = network.verify(begun(network))
    for epoch in (FAR, 2 * FAR):
        given = network.delegation("vic", ADMIN_RIGHTS, by="adm", epoch=epoch)
        view = network.verify([*view.documents, given], view.floors)
    assert vic in admins(view)
    view = act(network, view, "root", lambda draft: acts.demote(draft, vic))
    assert vic not in admins(view)
    assert vic in admins(act(network, view, "root", lambda draft: acts.promote(draft, vic)))


def test_in_whatever_order_far_numbers_come_all_believe_the_same_once_they_have_all(network: Network) -> None:
    steps = [
        network.removal("vic", by="adm", epoch=FAR),
        network.member("vic", by="root", epoch=FAR + 1),
        network.removal("vic", by="ben", epoch=FAR + 1),
        network.member("vic", by="root", epoch=FAR + 2),
    ]
    documents = begun(network)
    whole = network.verify([*documents, *steps])
    body = whole.members[network.identity("vic")].membership
    assert isinstance(body, Membership)
    assert body.epoch == FAR + 2
    for order in permutations(steps):
        assert _one_by_one(network, documents, order).members == whole.members


def _one_by_one(network: Network, documents: Sequence[Authentic], steps: Sequence[Authentic]) -> View:
    view = network.verify(documents)
    for step in steps:
        view = network.verify([*view.documents, step], view.floors)
    return network.verify([*view.documents, *steps], view.floors)


def test_one_number_alone_still_leads_nowhere(network: Network) -> None:
    """The step of 2^32 stays for each document: 2^63 takes 2^31 of them."""
    view = network.verify([*begun(network), network.removal("vic", by="adm", epoch=FAR + 1)])
    assert network.names(view, "vic") == ["vic"]
    view = network.verify([*begun(network), network.member("new", by="root", epoch=FAR + 1)], Floors())
    assert network.names(view, "new") == []
