"""Which key signs on a machine that has its own, an admin's, and the network's root key."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.node.api.sign import changed_by, choose_pen
from warren.protocol.local.network import SignRequest
from warren.trust import acts, admission_key, successions
from warren.trust.batches import Draft
from warren.trust.documents import AdmissionLimits, Right
from warren.trust.office import ADMIN_RIGHTS
from warren.trust.view import View

NOW = DATE + 100


@pytest.fixture(name="view")
def _view() -> View:
    network = Network()
    members = [network.member(who) for who in ("owner", "anna", "cat")]
    given = [network.delegation(who, ADMIN_RIGHTS) for who in ("owner", "anna")]
    return network.verify([*network.base(), *members, *given])


@pytest.mark.parametrize(
    ("act", "who", "signer", "without_root"),
    [
        ("kick", "anna", "root", "owner"),  # her rights and her vote are the root's to end
        ("demote", "anna", "root", "owner"),
        ("kick", "cat", "owner", "owner"),
        ("promote", "cat", "owner", "owner"),
        ("lock", "", "root", "owner"),
        ("recovery-sign", "", "owner", "owner"),
    ],
)
def test_the_root_signs_where_only_its_word_ends_everything(
    view: View, act: str, who: str, signer: str, without_root: str
) -> None:
    network = Network()
    body = SignRequest(act=act, who=(who,) if who else ())  # type: ignore[arg-type]
    changed = changed_by(view, body)
    own, root = network.key("owner"), network.key("root")
    assert choose_pen(view, own, root, act, changed).key.public == network.identity(signer)
    assert choose_pen(view, own, None, act, changed).key.public == network.identity(without_root)


def test_a_machine_of_no_admin_signs_nothing(view: View) -> None:
    with pytest.raises(WarrenError) as caught:
        choose_pen(view, Network().key("cat"), None, "kick", None)
    assert caught.value.code is Code.FORBIDDEN


def test_who_is_no_member_any_more_is_named_by_its_identity() -> None:
    network = Network()
    anna = network.identity("anna")
    gone = network.removal("anna", by="owner")
    documents = [*network.base(), network.delegation("owner", ADMIN_RIGHTS), network.delegation("anna", ADMIN_RIGHTS)]
    view = network.verify([*documents, network.member("anna"), network.member("owner"), gone])
    assert anna not in view.members
    for name in (anna.hex()[:10], anna.hex()):
        assert changed_by(view, SignRequest(act="kick", who=(name,))) == anna
    with pytest.raises(WarrenError) as caught:
        changed_by(view, SignRequest(act="kick", who=("anna",)))
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("act", ["revoke-invite", "end-invite"])
@pytest.mark.parametrize("is_over", [False, True])
def test_an_invite_is_named_by_its_keys_id_also_when_it_is_over(act: str, *, is_over: bool) -> None:
    network = Network()
    given = network.delegation("invite", (Right.ADMIT,), not_after=NOW + 50, limits=AdmissionLimits(count=2))
    plain = network.delegation("anna", ADMIN_RIGHTS)
    key = network.identity("invite")
    view = network.verify([*network.base(), given, plain], now=NOW + (51 if is_over else 0))
    assert (key in view.delegations) != is_over

    def named(key_id: str) -> Identity | None:
        return changed_by(view, SignRequest(act=act, who=(key_id,)))  # type: ignore[arg-type]

    assert named(admission_key.id_of(key)) == key
    for other in (admission_key.id_of(network.identity("anna")), "nothing", key.hex()):
        with pytest.raises(WarrenError) as caught:
            named(other)
        assert caught.value.code is Code.NOT_FOUND


def test_whom_the_owner_demotes_and_promotes_again_votes_again() -> None:
    network = Network()
    members = [network.member(who) for who in ("owner", "anna")]
    given = [network.delegation(who, ADMIN_RIGHTS) for who in ("owner", "anna")]
    view = network.verify([*network.base(), *members, *given, network.recovery(("owner", "anna"), 1)])
    anna = network.identity("anna")
    for name, act in (("demote", acts.demote), ("promote", acts.promote)):
        body = SignRequest(act=name, who=("anna",))  # type: ignore[arg-type]
        pen = choose_pen(view, network.key("owner"), network.key("root"), name, changed_by(view, body))
        draft = Draft(view, pen, now=NOW)
        act(draft, anna)
        view = draft.batch().after
        assert (anna in view.voters) == (name == "promote")
    given_more = network.delegation("anna", ADMIN_RIGHTS, by="owner", epoch=7)  # under which nobody may vote
    view = network.verify([*view.documents, given_more], view.floors)
    draft = Draft(view, choose_pen(view, network.key("anna"), None, "recovery-start", None), now=NOW)
    successions.propose(draft, network.identity("next"))
    assert draft.batch().after.root == network.identity("next")


def test_nobody_of_a_name_is_said_to_be_nobody(view: View) -> None:
    with pytest.raises(WarrenError, match="there is no member 'nobody'") as caught:
        changed_by(view, SignRequest(act="promote", who=("nobody",)))
    assert (caught.value.code, caught.value.fix) == (Code.NOT_FOUND, "warren member list shows who there is")


def test_whose_identities_begin_alike_are_told_where_digits_fit_both() -> None:
    network = Network()
    both = [network.identity(who) for who in ("m709", "m2276")]
    assert both[0].hex()[:6] == both[1].hex()[:6]
    view = network.verify([*network.base(), network.member("m709"), network.member("m2276")])
    with pytest.raises(WarrenError) as caught:
        changed_by(view, SignRequest(act="kick", who=(both[0].hex()[:6],)))
    assert caught.value.code is Code.CONFLICT
    for who, identity in zip(("m709", "m2276"), both, strict=True):
        assert f"{who} ({identity.hex()[:10]})" in caught.value.text
        assert changed_by(view, SignRequest(act="kick", who=(identity.hex()[:10],))) == identity
