"""A locked network and a server that lies with all it has: the registrar's key, every document it ever held. One test a
claim; what a node believes is `verify`'s answer, from floors of its own or as a fresh node.
"""

from collections.abc import Iterable

import pytest
from tests.unit.trust.founding import DATE, Network, seed

from warren.trust import acts
from warren.trust.authenticate import Authentic
from warren.trust.batches import Draft, Pen
from warren.trust.documents import Right
from warren.trust.floors import Floors
from warren.trust.office import is_locked
from warren.trust.view import View


@pytest.fixture(name="network")
def _network() -> Network:
    return Network()


@pytest.fixture(name="before")
def _before(network: Network) -> View:
    """Unlocked, with two members of the registrar's."""
    documents = network.base()
    for number, who in enumerate(("laptop", "db"), start=2):
        documents += [network.member(who, ipv4=f"100.96.0.{number}"), network.record(who)]
    return network.verify([*documents, network.head("registrar")])


@pytest.fixture(name="locked")
def _locked(network: Network, before: View) -> View:
    return act(network, before, acts.lock)


def act(network: Network, view: View, what: object) -> View:
    draft = Draft(view, Pen(network.key("root")), now=DATE + 100)
    what(draft)  # type: ignore[operator]
    return draft.batch().after


def shown(network: Network, held: View, lies: Iterable[Authentic]) -> tuple[View, View]:
    """What a node that holds the locked state believes, and a fresh one that is shown all at once."""
    documents = [*held.documents, *lies]
    return network.verify(documents, floors=held.floors), network.verify(documents, floors=Floors())


def test_it_admits_nobody(network: Network, locked: View) -> None:
    lies = [network.member("evil", under=epoch, epoch=again) for epoch in range(3) for again in range(2)]
    lies += [network.member("evil", by=who) for who in ("server", "evil", "laptop")]
    for view in shown(network, locked, lies):
        assert network.names(view, "evil", "laptop", "db") == ["laptop", "db"]


def test_it_gives_itself_nothing_back(network: Network, locked: View, before: View) -> None:
    lies = [*before.documents, network.delegation("registrar", by="registrar", epoch=2, under=1)]
    lies += [network.delegation("friend", [Right.ADMIT], by="registrar", under=epoch) for epoch in range(3)]
    lies += [network.member("evil", by="friend"), network.member("evil2", under=2)]
    for view in shown(network, locked, lies):
        assert is_locked(view)
        assert network.names(view, "evil", "evil2") == []


def test_it_rekeys_nobody(network: Network, locked: View) -> None:
    lies = [network.record("db", by=who, wireguard=seed("evil")) for who in ("registrar", "server", "laptop")]
    for view in shown(network, locked, lies):
        assert view.members[network.identity("db")].record == locked.members[network.identity("db")].record


def test_it_renames_and_moves_nobody(network: Network, locked: View) -> None:
    lies = [network.member("db", hostname="laptop", ipv4="100.96.0.2", under=epoch) for epoch in range(3)]
    for view in shown(network, locked, lies):
        db = view.members[network.identity("db")]
        assert (db.hostname, str(db.ipv4)) == ("db", "100.96.0.3")


def test_it_brings_no_removed_member_back(network: Network, locked: View, before: View) -> None:
    kicked = act(network, locked, lambda draft: acts.kick(draft, network.identity("db")))
    lies = [*before.documents, *locked.documents]
    lies += [network.member("db", under=epoch, epoch=again) for epoch in range(3) for again in range(2)]
    for view in shown(network, kicked, lies):
        assert network.names(view, "db", "laptop") == ["laptop"]


def test_it_removes_nobody(network: Network, locked: View) -> None:
    lies = [network.removal("db", by=who, under=epoch) for who in ("registrar", "server") for epoch in range(3)]
    for view in shown(network, locked, lies):
        assert network.names(view, "db") == ["db"]


def test_it_rolls_no_policy_back_for_who_saw_the_newer_one(network: Network, locked: View) -> None:
    newer = act(network, locked, lambda draft: acts.set_policy(draft, b"closed"))
    lies = [*locked.documents, network.policy(b"evil", by="registrar", under=1), network.policy(b"evil", by="server")]
    held = [one for one in newer.documents if one not in lies]
    for floors in (newer.floors,):
        withheld = network.verify([*lies, *(one for one in held if one.kind != "policy")], floors=floors)
        assert withheld.policy is None or withheld.policy.text == b"closed"
    for view in shown(network, newer, lies):
        assert view.policy is not None
        assert view.policy.text == b"closed"
