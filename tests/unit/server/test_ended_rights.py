"""Whose word ends a key's rights at the server: the same as for nodes, whatever else was stored."""

from collections.abc import Iterable

from tests.unit.trust.founding import Network

from warren.server.networks.live import LiveNetwork
from warren.server.networks.store import DocumentRow, NetworkRow
from warren.trust.authenticate import Authentic
from warren.trust.documents import AdmissionLimits, Kind
from warren.trust.office import ADMIN_RIGHTS, invites


def live(network: Network, documents: Iterable[Authentic], root: str = "root") -> LiveNetwork:
    stored = [one for one in documents if one.kind not in {Kind.GENESIS, Kind.POLICY}]
    row = NetworkRow(
        id=network.id,
        name=network.name,
        genesis=network.genesis_bytes,
        root="owner",
        root_key=network.identity(root),
        sequence=1,
        next_offset=0,
        created_at=0,
    )
    return LiveNetwork(row, [DocumentRow(one.kind.value, one.subject, one.raw) for one in stored])


def test_only_a_root_the_key_itself_or_one_above_ends_a_keys_rights() -> None:
    network = Network()
    given = [
        *network.base(),
        network.delegation("anna", ADMIN_RIGHTS),
        network.delegation("ben", ADMIN_RIGHTS),
        network.delegation("cleo", ADMIN_RIGHTS, by="anna"),
        network.delegation("anna", ADMIN_RIGHTS, by="ben"),  # does not set him above whom she set up
        network.delegation("invite", ("admit",), limits=AdmissionLimits(count=1)),
    ]
    vote = network.root_change("ben", by="ben")  # nor does a root that is only proposed
    for who, by, is_over in (
        ("registrar", "invite", False),
        ("registrar", "ben", False),
        ("anna", "ben", False),
        ("cleo", "ben", False),
        ("cleo", "anna", True),
        ("anna", "anna", True),
        ("anna", "root", True),
        ("registrar", "root", True),
    ):
        end = network.removal_of_delegation(who, by=by, epoch=2**32 - 1)
        now = live(network, [*given, vote, end])
        assert (now.grant_of(network.identity(who)) is None) == is_over, (who, by)
        assert now.is_locked == (is_over and who == "registrar"), (who, by)


def test_what_a_former_root_ended_stays_so() -> None:
    network = Network()
    end = network.removal_of_delegation("anna")
    documents = [*network.base(), network.delegation("anna", ADMIN_RIGHTS), end, network.root_change("next")]
    third = network.root_change("third", by="next", generation=2, old=network.identity("next"))
    by_next = network.removal_of_delegation("registrar", by="next")
    now = live(network, [*documents, by_next, third], root="third")
    assert not now.is_admin(network.identity("anna"))
    assert now.is_locked


def test_an_invites_key_stays_one_when_it_is_over_and_whatever_an_ended_admin_gave_it() -> None:
    """Else what it signed would count as an authority's, for who reads it afterwards."""
    network = Network()
    key = network.identity("invite")
    invite = network.delegation("invite", ("admit",), limits=AdmissionLimits(count=1))
    anna = network.delegation("anna", ADMIN_RIGHTS)
    planted = network.delegation("invite", ("policy",), by="anna")
    documents = [*network.base(), invite, anna, planted]
    for more, is_it in (
        ([], False),
        ([network.removal_of_delegation("anna")], True),
        ([network.removal_of_delegation("invite")], True),
    ):
        shown = [*documents, *more]
        assert live(network, shown).is_invites(key) is (key in invites(network.verify(shown))) is is_it
