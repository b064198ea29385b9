"""What owners and admins sign at once: what each act changes, what it leaves, and what a hostile server makes of it."""

from itertools import permutations

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LOCKED_LIFETIME_S
from warren.node.netmap import party_of
from warren.trust import acts
from warren.trust.authenticate import Authentic
from warren.trust.batches import Batch, Draft, Pen, lines_digest
from warren.trust.documents import Kind, Removal, Right
from warren.trust.ephemeral import renew
from warren.trust.floors import Floors
from warren.trust.narrowing import narrowed
from warren.trust.office import admins, is_locked, registrars
from warren.trust.showing import show
from warren.trust.view import View
from warren.trust.words import code_of, same

NOW = DATE + 100


@pytest.fixture(name="network")
def _network() -> Network:
    return Network()


def begun(network: Network) -> list[Authentic]:
    """A network with three members that the registrar admitted."""
    documents = network.base()
    for number, who in enumerate(("laptop", "db", "cam"), start=2):
        documents += [network.member(who, ipv4=f"100.96.0.{number}"), network.record(who)]
    return [*documents, network.head("registrar")]


def root(network: Network) -> Pen:
    return Pen(network.key("root"))


def done(network: Network, view: View, pen: Pen, act: object) -> Batch:
    draft = Draft(view, pen, now=NOW)
    act(draft)  # type: ignore[operator]
    return draft.batch()


def locked(network: Network, view: View) -> Batch:
    return done(network, view, root(network), acts.lock)


def test_lock_keeps_the_members_and_takes_admission_from_the_registrar(network: Network) -> None:
    view = network.verify(begun(network))
    assert registrars(view)
    assert not is_locked(view)
    after = locked(network, view).after
    assert is_locked(after)
    assert after.members.keys() == view.members.keys()
    assert {one.signer for one in after.members.values()} == {network.identity("root")}
    assert all(after.members[key].ipv4 == one.ipv4 for key, one in view.members.items())
    assert all(after.members[key].record == one.record for key, one in view.members.items())


def test_what_is_signed_is_shown(network: Network) -> None:
    lines = show(locked(network, network.verify(begun(network))))
    assert any("may sign nothing any more" in line for line in lines)
    assert any(line.endswith("may attest") for line in lines)
    assert sum("is a member" in line for line in lines) == 3


def test_what_is_confirmed_says_whose_a_machine_is(network: Network) -> None:
    """The server names the person; policy gives the machine what is theirs."""
    boss = [network.member("desk", user="u-boss"), network.member("pad", user="u-boss")]
    view = network.verify([*begun(network), *boss])
    new, digests = network.identity("new"), set()
    for user, says in (
        ("u-boss", ", of the user u-boss, as are desk, pad"),
        ("u-new", ", of the user u-new, who has no other machine here"),
        ("", ""),
    ):

        def approve(draft: Draft, user: str = user) -> None:
            acts.approve(draft, new, hostname="new", user=user)

        lines = show(done(network, view, root(network), approve))
        assert [line for line in lines if "is a member: new" in line and line.endswith(says)], lines
        assert any("the user" in line for line in lines) == bool(user)
        digests.add(lines_digest(lines))
    assert len(digests) == 3


def test_a_registrar_admits_nobody_to_a_locked_network(network: Network) -> None:
    after = locked(network, network.verify(begun(network))).after
    late = [network.member("evil"), network.member("evil2", under=1)]
    view = network.verify([*after.documents, *late], floors=after.floors)
    assert network.names(view, "evil", "evil2") == []


def test_a_member_that_the_registrar_had_removed_does_not_come_back_by_lock(network: Network) -> None:
    """Lock makes void what the registrar signed, its removals too; so they are signed again."""
    first = locked(network, network.verify(begun(network)))
    before_removal = first.after
    opened = done(network, before_removal, root(network), acts.unlock).after
    removed = network.verify([*opened.documents, network.removal("cam", under=2)], floors=opened.floors)
    assert network.names(removed, "cam") == []
    again = locked(network, removed).after
    assert network.names(again, "cam", "db") == ["db"]
    # a fresh node without floors, to which a hostile server shows the membership that root signed at the first lock
    shown = [*again.documents, *before_removal.documents]
    assert network.names(network.verify(shown), "cam") == []


def test_a_member_left_out_of_a_lock_is_removed(network: Network) -> None:
    view = network.verify(begun(network))
    draft = Draft(view, root(network), now=NOW)
    acts.lock(draft, without=(network.identity("cam"),))
    assert network.names(draft.batch().after, "laptop", "cam") == ["laptop"]


@pytest.mark.parametrize("target", ["nobody", "registrar"])
def test_what_an_admin_lets_admit_wakes_no_registrar_and_is_made_none(network: Network, target: str) -> None:
    """Found by review R7G: nodes called a network open whose registrar slept, and waited for it to act."""
    view = locked(network, network.verify(begun(network))).after
    given = done(network, view, root(network), lambda draft: acts.promote(draft, network.identity("laptop"))).after
    planted = network.delegation(target, [Right.ADMIT], by="laptop", epoch=7)
    view = network.verify([*given.documents, planted], given.floors)
    assert network.identity(target) in registrars(view)
    assert is_locked(view)
    again = locked(network, view).after
    assert registrars(again) == {}
    opened = done(network, again, root(network), acts.unlock).after
    assert set(registrars(opened)) == {network.identity("registrar")}
    assert not is_locked(opened)


def test_only_the_root_locks(network: Network) -> None:
    view = network.verify(begun(network))
    with pytest.raises(WarrenError) as caught:
        done(network, view, Pen(network.key("laptop")), acts.lock)
    assert caught.value.code is Code.FORBIDDEN


def test_lock_states_are_a_chain_whatever_order_they_come_in(network: Network) -> None:
    """A node that was away through several finds its way, also where it is shown all of them, in any order."""
    view = network.verify(begun(network))
    states: list[tuple[Authentic, ...]] = []
    at = view
    for act in (acts.lock, acts.unlock, acts.lock):
        batch = done(network, at, root(network), act)
        states.append(tuple(network.open(raw) for raw in batch.raws))
        at = batch.after
    assert is_locked(at)
    for order in permutations(states):
        away = view
        for state in order:
            away = network.verify([*away.documents, *state], floors=away.floors)
        assert is_locked(away)
        assert network.names(away, "laptop", "db", "cam") == ["laptop", "db", "cam"]
        evil = [network.member("evil", under=epoch) for epoch in range(4)]
        assert network.names(network.verify([*away.documents, *evil], floors=away.floors), "evil") == []


def test_the_registrar_admits_again_after_unlock_and_nothing_of_before_counts(network: Network) -> None:
    old = network.member("old")
    at = locked(network, network.verify(begun(network))).after
    at = done(network, at, root(network), acts.unlock).after
    assert not is_locked(at)
    view = network.verify([*at.documents, old, network.member("new", under=2)], floors=at.floors)
    assert network.names(view, "old", "new") == ["new"]


def promoted(network: Network) -> View:
    at = locked(network, network.verify(begun(network))).after
    return done(network, at, root(network), lambda draft: acts.promote(draft, network.identity("laptop"))).after


def approved(network: Network, view: View, who: str, by: str) -> View:
    pen = Pen(network.key(by))
    return done(network, view, pen, lambda draft: acts.approve(draft, network.identity(who), hostname=who)).after


def test_an_admin_approves_and_whom_it_approved_stays_when_it_is_demoted(network: Network) -> None:
    at = promoted(network)
    assert network.identity("laptop") in admins(at)
    assert at.members[network.identity("laptop")].membership.role == "admin"
    at = approved(network, at, "guest", "laptop")
    guest = at.members[network.identity("guest")]
    assert (guest.hostname, guest.signer) == ("guest", network.identity("laptop"))
    at = done(network, at, root(network), lambda draft: acts.demote(draft, network.identity("laptop"))).after
    assert network.names(at, "guest", "laptop") == ["guest", "laptop"]
    assert at.members[network.identity("guest")].signer == network.identity("root")
    assert at.members[network.identity("laptop")].membership.role == "member"
    with pytest.raises(WarrenError):
        approved(network, at, "other", "laptop")


def test_a_kicked_admin_signs_nothing_and_whom_it_kicked_stays_gone(network: Network) -> None:
    at = promoted(network)
    pen = Pen(network.key("laptop"))
    at = done(network, at, pen, lambda draft: acts.kick(draft, network.identity("cam"))).after
    at = done(network, at, root(network), lambda draft: acts.kick(draft, network.identity("laptop"))).after
    assert network.names(at, "laptop", "db", "cam") == ["db"]
    signed = [one.body for one in at.documents if one.signer == network.identity("root")]
    assert network.identity("cam") in [one.subject for one in signed if isinstance(one, Removal)]


def test_a_kicked_member_comes_back_by_an_admin_only_and_with_a_higher_epoch(network: Network) -> None:
    at = promoted(network)
    pen = Pen(network.key("laptop"))
    at = done(network, at, pen, lambda draft: acts.kick(draft, network.identity("cam"))).after
    assert network.names(at, "cam") == []
    at = approved(network, at, "cam", "laptop")
    assert at.members[network.identity("cam")].membership.epoch == 1


def test_an_admin_promotes_and_removes_but_never_one_above(network: Network) -> None:
    at = promoted(network)
    pen = Pen(network.key("laptop"))
    at = done(network, at, pen, lambda draft: acts.promote(draft, network.identity("db"))).after
    assert network.identity("db") in admins(at)
    again = done(network, at, root(network), lambda draft: acts.demote(draft, network.identity("db"))).after
    assert network.identity("db") not in admins(again)
    back = done(network, again, root(network), lambda draft: acts.promote(draft, network.identity("db"))).after
    assert network.identity("db") in admins(back)
    with pytest.raises(WarrenError) as caught:
        done(network, at, Pen(network.key("db")), lambda draft: acts.demote(draft, network.identity("laptop")))
    assert caught.value.code is Code.FORBIDDEN
    kicked = done(network, at, Pen(network.key("db")), lambda draft: acts.kick(draft, network.identity("laptop")))
    assert network.names(kicked.after, "laptop", "db") == ["db"]
    assert network.identity("laptop") in admins(kicked.after)  # an end of its machine's access, and the lines say so
    assert any("can come back" in line for line in show(kicked))


def test_an_invite_admits_one_machine_of_one_name_and_address_and_revoking_it_removes_that(network: Network) -> None:
    at = promoted(network)
    key = network.identity("invite")
    pen = Pen(network.key("laptop"))

    def make(draft: Draft) -> None:
        address = acts.invite(draft, key, hostname="phone", ipv4="", tags=(), count=1, not_after=NOW + 3600)
        assert address == "100.96.0.5"

    at = done(network, at, pen, make).after
    assert is_locked(at)
    address = "100.96.0.5"
    phone = network.member("phone", by="invite", ipv4=address)
    for document, names in (
        (phone, ["phone"]),
        (network.member("other", by="invite", ipv4=address), []),
        (network.member("phone", by="invite", ipv4="100.96.0.9"), []),
        (network.member("phone", by="invite", ipv4=address, epoch=1), []),
    ):
        view = network.verify([*at.documents, document], floors=at.floors)
        assert network.names(view, "phone", "other") == names
    at = network.verify([*at.documents, phone], floors=at.floors)
    at = done(network, at, pen, lambda draft: acts.revoke_invite(draft, key)).after
    assert network.names(at, "phone", "laptop") == ["laptop"]
    assert network.names(network.verify([*at.documents, phone]), "phone") == []


def by_invite(network: Network, *, count: int = 1, **fields: object) -> tuple[View, Authentic]:
    """A locked network where an invite let a phone in."""
    at, key, pen = promoted(network), network.identity("invite"), Pen(network.key("laptop"))

    def make(draft: Draft) -> None:
        acts.invite(draft, key, hostname="", ipv4="", tags=(), count=count, not_after=NOW + 3600)

    at = done(network, at, pen, make).after
    phone = network.member("phone", by="invite", **fields)
    return network.verify([*at.documents, phone], floors=at.floors), phone


def signed_again(network: Network, at: View, how: str) -> View:
    """The phone's membership once another key stands for it, in one of the ways that there are."""
    pen, key, phone = Pen(network.key("laptop")), network.identity("invite"), network.identity("phone")
    if how == "ended":
        return done(network, at, pen, lambda draft: acts.end_invite(draft, key)).after
    if how == "over":
        at = network.verify(at.documents, floors=at.floors, now=NOW + 3601)
    return done(network, at, pen, lambda draft: acts.adopt(draft) if how == "over" else renew(draft, [phone])).after


@pytest.mark.parametrize("how", ["renewed", "over", "ended"])
def test_revoking_an_invite_ends_also_for_whom_another_key_signed_since(network: Network, how: str) -> None:
    fields = {"ephemeral": True, "expires": NOW + 60} if how == "renewed" else {}
    at, phone = by_invite(network, **fields)
    key, pen = network.identity("invite"), Pen(network.key("laptop"))
    at = signed_again(network, at, how)
    member = at.members[network.identity("phone")]
    assert (member.signer, member.membership.invite) == (network.identity("laptop"), key)
    at = done(network, at, pen, lambda draft: acts.revoke_invite(draft, key)).after
    assert network.names(at, "phone", "laptop", "db") == ["laptop", "db"]
    assert network.names(network.verify([*at.documents, phone]), "phone") == []
    with pytest.raises(WarrenError) as refused:
        done(network, at, pen, lambda draft: acts.revoke_invite(draft, key))
    assert refused.value.code is Code.NOT_FOUND


def test_for_whom_another_key_signed_has_its_place_in_the_invites_count(network: Network) -> None:
    at, _ = by_invite(network, ephemeral=True, expires=NOW + 60)
    at = signed_again(network, at, "renewed")
    second = network.member("second", by="invite")
    for view in (network.verify([*at.documents, second], at.floors), network.verify([*at.documents, second])):
        assert network.names(view, "phone", "second") == ["phone"]


def test_an_invites_word_names_no_invite_and_whom_a_person_promotes_stays(network: Network) -> None:
    at, _ = by_invite(network, count=2)
    liar = network.member("liar", by="invite", invite=network.identity("another"))
    assert network.names(network.verify([*at.documents, liar], at.floors), "liar") == []
    phone, key, pen = network.identity("phone"), network.identity("invite"), Pen(network.key("laptop"))
    at = done(network, at, pen, lambda draft: acts.promote(draft, phone)).after
    at = done(network, at, pen, lambda draft: acts.revoke_invite(draft, key)).after
    assert network.names(at, "phone") == ["phone"]


def test_a_member_may_end_its_own_membership_and_no_others(network: Network) -> None:
    at = locked(network, network.verify(begun(network))).after
    documents = [*at.documents, network.removal("cam", by="cam"), network.removal("db", by="cam")]
    view = network.verify(documents, floors=at.floors)
    assert network.names(view, "cam", "db") == ["db"]


def test_who_resigns_is_no_admin_for_policy(network: Network) -> None:
    """Its membership goes on saying so: nobody else signed it yet."""
    at, laptop = promoted(network), network.identity("laptop")
    assert at.members[laptop].role == party_of(at.members[laptop]).role == "admin"
    after = done(network, at, Pen(network.key("laptop")), lambda draft: acts.demote(draft, laptop)).after
    assert after.members[laptop].membership.role == "admin"
    assert after.members[laptop].role == party_of(after.members[laptop]).role == "member"
    assert narrowed(at, after).members[laptop].role == "member"


def test_an_ephemeral_machines_farewell_does_not_end_the_admins_machine_that_it_became(network: Network) -> None:
    at, _ = by_invite(network, ephemeral=True, expires=NOW + 60)
    phone = network.identity("phone")
    farewell = network.removal("phone", by="phone")
    assert network.names(network.verify([*at.documents, farewell], at.floors), "phone") == []
    at = done(network, at, root(network), lambda draft: acts.promote(draft, phone)).after
    at = network.verify([*at.documents, farewell], at.floors)
    assert phone in at.members
    assert phone in admins(at)
    record = network.record("phone", epoch=at.members[phone].membership.epoch)
    assert network.verify([*at.documents, record], at.floors).members[phone].record is not None


def test_renaming_keeps_all_but_name_and_suffix(network: Network) -> None:
    view = network.verify(begun(network))
    after = done(network, view, root(network), lambda draft: acts.rename(draft, "home")).after
    assert after.settings is not None
    assert view.settings is not None
    assert (after.settings.name, after.settings.suffix) == ("home", "home.warren.internal")
    assert after.settings.prefix4 == view.settings.prefix4


def test_a_batch_ends_with_a_head_that_follows_the_last_one(network: Network) -> None:
    first = locked(network, network.verify(begun(network)))
    second = done(network, first.after, root(network), acts.unlock)
    me = network.identity("root")
    assert first.bodies[-1][0] is Kind.HEAD
    assert second.after.heads[me].head.counter == first.after.heads[me].head.counter + 1


def test_floors_are_not_needed_to_sign_in_the_right_order(network: Network) -> None:
    view = network.verify(begun(network), floors=Floors())
    batch = locked(network, view)
    fresh = network.verify([*view.documents, *(network.open(raw) for raw in batch.raws)])
    assert is_locked(fresh)
    assert fresh.members.keys() == view.members.keys()


def test_the_words_differ_by_machine_and_network_and_forgive_spelling(network: Network) -> None:
    other = Network("other")
    code = code_of(network.id, network.identity("cam"))
    assert len(code.split()) == 5
    assert code not in {code_of(network.id, network.identity("db")), code_of(other.id, network.identity("cam"))}
    assert same(f" {code.upper().replace(' ', '-')} ", code)
    assert not same(code.rsplit(" ", 1)[0], code)


def test_a_locked_network_locks_nobody_out_by_an_end_that_no_server_moves(network: Network) -> None:
    """Nor does an admin's machine have one: its membership is the root's word. What is ephemeral stays so,
    for as long as a weekend without an admin lasts."""
    ends = {"laptop": DATE + 90 * 86_400, "db": None, "cam": DATE + 3600}
    documents = [*network.base(), *(network.member(who, expires=end) for who, end in ends.items())]
    view = network.verify(documents)
    after = locked(network, view).after
    assert {one.hostname: one.membership.expires for one in after.members.values()} == ends | {
        "laptop": None, "cam": view.effective_now + EPHEMERAL_LOCKED_LIFETIME_S,
    }  # fmt: skip
    admin = done(network, view, root(network), lambda draft: acts.promote(draft, network.identity("laptop"))).after
    assert admin.members[network.identity("laptop")].membership.expires is None


def test_revoking_an_invites_key_alone_keeps_whom_it_admitted_and_admits_nobody_more(network: Network) -> None:
    pen, key = root(network), network.identity("invite")
    view = network.verify(begun(network))

    def given(draft: Draft) -> None:
        acts.invite(draft, key, hostname="", ipv4="", tags=(), count=3, not_after=NOW + 3600)

    view = done(network, view, pen, given).after
    view = network.verify([*view.documents, network.member("phone", by="invite", ipv4="100.96.0.77")], view.floors)
    assert network.names(view, "phone") == ["phone"]
    batch = done(network, view, pen, lambda draft: acts.end_invite(draft, key))
    assert network.names(batch.after, "phone") == ["phone"]
    late = network.verify(
        [*batch.after.documents, network.member("late", by="invite", ipv4="100.96.0.78")], batch.after.floors
    )
    assert network.names(late, "phone", "late") == ["phone"]


def test_an_admin_resigns_where_nothing_that_it_signed_is_relied_on(network: Network) -> None:
    pen, ben = root(network), network.identity("ben")
    view = network.verify([*begun(network), network.member("ben")])
    view = done(network, view, pen, lambda draft: acts.promote(draft, ben)).after
    own = Pen(network.key("ben"), admins(view)[ben].epoch)
    after = done(network, view, own, lambda draft: acts.demote(draft, ben)).after
    assert ben not in after.delegations
    assert network.names(after, "ben") == ["ben"]
    fresh = network.verify(after.documents)
    assert ben not in fresh.delegations
    let_in = done(
        network, view, own, lambda draft: acts.approve(draft, network.identity("robot"), hostname="robot")
    ).after
    with pytest.raises(WarrenError, match="would end with its office") as caught:
        done(network, let_in, own, lambda draft: acts.demote(draft, ben))
    assert caught.value.code is Code.FORBIDDEN
    kept = done(network, let_in, pen, lambda draft: acts.demote(draft, ben)).after
    assert network.names(kept, "ben", "robot") == ["ben", "robot"]
