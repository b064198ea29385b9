"""F25 and F28: a server that lies to real machines, with the honest server's keys and documents. Each lie is refused or
bounded, `warren status` says which, and nobody gets a packet in. `WARREN_FAULTS=full` tells each 100 times; ten
times what costs a session or many steps (the time, an old removal), and once news that are kept back: a minute each.
"""

import os
from hashlib import blake2s

import msgspec
import pytest
from tests.faults.figures import FULL
from tests.faults.lying import RUNS, Field, HostilePlace, Stranger, now
from tests.netlab.until import until

from warren.model.keys import SigningKeyPair
from warren.trust.authenticate import Refusal, read_genesis
from warren.trust.documents import (
    FIRST_EPOCH,
    REMOVED_MEMBER,
    Delegation,
    Genesis,
    Head,
    Kind,
    Membership,
    NodeRecord,
    Policy,
    Recovery,
    Removal,
    Right,
    Settings,
)
from warren.trust.signing import sign

pytestmark = pytest.mark.netlab


def assert_shut_out(field: Field, stranger: Stranger) -> None:
    assert "evil" not in field.peers(field.a)
    assert field.attempt(stranger.key.public, stranger.membership.ipv4) == 0


# --- a node without a valid membership ---


def test_a_member_that_an_authority_signed_gets_its_packets_in_so_the_others_could(
    field: Field, liar: HostilePlace
) -> None:
    """The positive control of all the rest: the same intruder, the same way, and a membership that counts."""
    stranger = field.stranger("guest")
    liar.tell([field.sign(Kind.MEMBERSHIP, stranger.membership, field.truth.registrar), stranger.record])
    until(lambda: "guest" in field.peers(field.a), "the guest is a peer")
    until(  # a first handshake that was lost is begun again after five seconds
        lambda: field.attempt(stranger.key.public, stranger.membership.ipv4) > 0, "a packet of the guest gets in", 60.0
    )
    liar.tell([removal(field, stranger)])
    until(lambda: "guest" not in field.peers(field.a), "the guest is gone")
    assert field.attempt(stranger.key.public, stranger.membership.ipv4) == 0


@pytest.mark.parametrize(
    "signer", ["the server's own key", "a key of nobody", "another member", "itself", "the registrar, a second time"]
)
def test_a_membership_that_no_authority_signed_lets_nobody_in(field: Field, liar: HostilePlace, signer: str) -> None:
    for _ in range(RUNS):
        stranger = field.stranger()
        membership, by = stranger.membership, field.truth.registrar
        match signer:
            case "the server's own key":
                by = field.truth.server
            case "a key of nobody":
                by = SigningKeyPair(os.urandom(32))
            case "another member":
                by = field.signing(field.b)
            case "itself":
                by = stranger.key
            case _:
                membership = msgspec.structs.replace(membership, epoch=FIRST_EPOCH + 1)
        liar.tell([field.sign(Kind.MEMBERSHIP, membership, by), stranger.record])
        about = stranger.key.public.hex()[:10]
        field.until_said(field.a, "E_FORBIDDEN", f"refused a membership of {about}")
        field.until_said(field.a, "E_NOT_A_MEMBER", f"refused a record of {about}")
        assert_shut_out(field, stranger)


def test_a_membership_of_another_network_lets_nobody_in(field: Field, liar: HostilePlace) -> None:
    for _ in range(RUNS):
        stranger = field.stranger()
        other = os.urandom(32)
        liar.tell([sign(Kind.MEMBERSHIP, other, stranger.membership, field.truth.root), stranger.record])  # type: ignore[arg-type]
        field.until_said(field.a, "E_BAD_SIGNATURE", f"refused a membership of {stranger.key.public.hex()[:10]}")
        assert_shut_out(field, stranger)


def test_a_server_gives_itself_no_right_that_nobody_delegated(field: Field, liar: HostilePlace) -> None:
    for _ in range(RUNS):
        stranger, friend = field.stranger(), SigningKeyPair(os.urandom(32))
        delegation = Delegation(counter=field.count(), date=now(), delegate=friend.public, rights=(Right.ADMIT.value,))
        admitted = field.sign(Kind.MEMBERSHIP, stranger.membership, friend)
        liar.tell([field.sign(Kind.DELEGATION, delegation, field.truth.registrar), admitted, stranger.record])
        field.until_said(field.a, "E_FORBIDDEN", f"refused a delegation of {friend.public.hex()[:10]}")
        assert_shut_out(field, stranger)


# --- another's key ---


def test_a_wireguard_key_that_the_member_did_not_sign_is_refused_and_its_own_goes_on(
    field: Field, liar: HostilePlace
) -> None:
    victim, membership = field.identity(field.b), field.membership(field.b)
    for run in range(RUNS):
        swapped = msgspec.structs.replace(field.record(field.b), counter=100 + run, wireguard=field.intruder.public)
        for signer in (field.truth.registrar, field.truth.root, field.truth.server):
            liar.tell([field.sign(Kind.RECORD, swapped, signer)])
            by = (
                f"a node record is signed by the node itself, not by {signer.public.hex()[:10]}: {(0, swapped.counter)}"
            )
            field.until_said(field.a, "E_FORBIDDEN", f"refused a record of {victim.hex()[:10]}: {by}")
        assert field.attempt(victim, membership.ipv4) == 0
        assert field.reaches()


def test_a_member_that_claims_anothers_wireguard_key_is_left_out(field: Field, liar: HostilePlace) -> None:
    for _ in range(RUNS):
        thief = field.stranger("thief")
        claim = NodeRecord(
            counter=1, date=now(), identity=thief.key.public, wireguard=field.record(field.b).wireguard,
            path=os.urandom(32),
        )  # fmt: skip
        liar.tell(
            [
                field.sign(Kind.MEMBERSHIP, thief.membership, field.truth.registrar),
                field.sign(Kind.RECORD, claim, thief.key),
            ]
        )
        field.until_said(field.a, "wireguard-key-claimed", f"{thief.key.public.hex()[:10]} claims a WireGuard key")
        assert field.reaches()
        assert "thief" not in field.peers(field.a)
        liar.tell([removal(field, thief)])


# --- what is old ---


def test_an_older_record_does_not_come_back(field: Field, liar: HostilePlace) -> None:
    identity = field.identity(field.b)
    for run in range(RUNS):
        newest = msgspec.structs.replace(field.record(field.b), counter=10_000 + 2 * run)
        older = msgspec.structs.replace(newest, counter=newest.counter - 1)
        by = field.signing(field.b)
        liar.tell([field.sign(Kind.RECORD, newest, by)])
        liar.tell([field.sign(Kind.RECORD, older, by)])
        text = f"refused a record of {identity.hex()[:10]}: older than what was seen: (0, {older.counter})"
        field.until_said(field.a, "E_OUT_OF_ORDER", text)
        assert field.reaches()


def test_an_older_policy_does_not_come_back(field: Field, liar: HostilePlace) -> None:
    closed = b'{"version":1,"rules":[]}'
    for _ in range(RUNS):
        before, number = field.policy(), field.counted
        liar.tell([before, field.policy(closed)])
        until(lambda: not field.reaches_now(), "the closed policy counts")
        liar.tell([before], full=True)
        field.until_said(field.a, "E_OUT_OF_ORDER", f"refused a policy: older than what was seen: {(0, number)}")
        assert field.attempt(field.identity(field.b), field.membership(field.b).ipv4) == 0
        assert not field.reaches_now()
        liar.tell([field.policy()])
        until(field.reaches_now, "the open policy counts")


CASES_OF_THEIR_OWN = {Kind.GENESIS, Kind.RECORD, Kind.POLICY, Kind.REMOVAL, Kind.ROOT_CHANGE}
"""In this file, and of a change of the root tests/unit/trust/test_lineage.py: it would end the field of the others."""


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in CASES_OF_THEIR_OWN])
def test_an_older_document_of_any_kind_does_not_come_back(field: Field, liar: HostilePlace, kind: Kind) -> None:
    root, registrar = field.truth.root, field.truth.registrar
    subject = {
        Kind.MEMBERSHIP: field.identity(field.b),
        Kind.SETTINGS: b"",
        Kind.DELEGATION: registrar.public + root.public,
        Kind.HEAD: registrar.public,
        Kind.RECOVERY: root.public,
    }[kind]
    body = Recovery(counter=0, date=now()) if kind is Kind.RECOVERY else field.truth.find(kind, subject).body
    assert isinstance(body, Membership | Settings | Delegation | Head | Recovery)
    by = registrar if kind in {Kind.MEMBERSHIP, Kind.HEAD} else root
    for _ in range(RUNS):
        older = msgspec.structs.replace(body, counter=field.count())
        newer = msgspec.structs.replace(body, counter=field.count())
        newest = field.sign(kind, newer, by)
        liar.tell([newest])
        until(lambda raw=newest: raw in field.newest(field.a), "the newer one is in force")  # type: ignore[misc]
        liar.tell([field.sign(kind, older, by)], full=True)
        about = f" of {subject.hex()[:10]}" if subject else ""
        text = f"refused a {kind}{about}: older than what was seen: (0, {older.counter})"
        field.until_said(field.a, "E_OUT_OF_ORDER", text)


def test_a_counter_that_jumps_to_the_end_is_refused(field: Field, liar: HostilePlace) -> None:
    for run in range(RUNS):
        body = field.truth.find(Kind.POLICY).body
        assert isinstance(body, Policy)
        jumped = msgspec.structs.replace(body, counter=2**63 - 1 - run)
        liar.tell([field.sign(Kind.POLICY, jumped, field.truth.root)])
        field.until_said(
            field.a, "E_OUT_OF_ORDER", f"refused a policy: a jump of more than 2^32: {(0, jumped.counter)}"
        )
        assert field.reaches()


def test_another_genesis_changes_nothing(field: Field, liar: HostilePlace) -> None:
    """F28: the beginning of another network, and what its root says of this one."""
    for _ in range(RUNS):
        other, stranger = SigningKeyPair(os.urandom(32)), field.stranger()
        body = Genesis(version=1, root=other.public, random=os.urandom(16))
        genesis = field.sign(Kind.GENESIS, body, other)
        answer = read_genesis(genesis)
        assert not isinstance(answer, Refusal)
        begun = answer[0]
        policy = Policy(counter=field.count(), date=now(), text=b'{"version":1,"rules":[]}')
        liar.tell(
            [
                genesis,
                field.sign(Kind.POLICY, policy, other),
                field.sign(Kind.MEMBERSHIP, stranger.membership, other),
                stranger.record,
            ],
            full=True,
        )
        field.until_said(field.a, "E_FORBIDDEN", f"refused a membership of {stranger.key.public.hex()[:10]}")
        field.until_said(
            field.a, "E_NETWORK_UNKNOWN", f"refused a genesis: the genesis of another network, {begun.hex()[:10]}"
        )
        assert_shut_out(field, stranger)
        assert field.reaches()


def test_a_server_that_lies_about_the_time_is_told_and_believed_nothing_else(field: Field, liar: HostilePlace) -> None:
    """The time that it shows moves no validity: whoever was a peer is one, with the same rights."""
    before = field.peers(field.a)
    for run in range(min(RUNS, 10)):
        for unix_s, said in ((1 + run, "ahead of its server"), (2**62 + run, "behind its server")):
            liar.do("time", unix_s=unix_s)
            liar.do("drop", to=field.identity(field.a).hex())
            field.until_said(field.a, f"clock-{said.split()[0]}", said, within_s=30.0)
            field.wait_for_both()
            liar.tell(field.truth.raw(), full=True)
            assert field.peers(field.a) == before
            assert field.reaches()
            assert not field.said("heads-stale")
            assert not any("no valid membership of this node" in text for _, text in field.health(field.a))
    liar.do("time", unix_s=now())
    liar.do("drop", to=field.identity(field.a).hex())
    until(lambda: not any(code.startswith("clock-") for code, _ in field.health(field.a)), "the clock is right", 60.0)


# --- a member that was removed ---


def removal(field: Field, stranger: Stranger, epoch: int = FIRST_EPOCH) -> bytes:
    body = Removal(epoch=epoch, counter=field.count(), date=now(), of="membership", subject=stranger.key.public)
    return field.sign(Kind.REMOVAL, body, field.truth.registrar)


def test_a_removed_member_stays_removed_whatever_the_server_says_later(field: Field, liar: HostilePlace) -> None:
    for _ in range(RUNS):
        gone = field.stranger("guest")
        admitted = field.sign(Kind.MEMBERSHIP, gone.membership, field.truth.registrar)
        liar.tell([admitted, gone.record])
        until(lambda: "guest" in field.peers(field.a), "the guest is a peer")
        liar.tell([removal(field, gone)])
        until(lambda: "guest" not in field.peers(field.a), "the guest is gone")
        about = f"refused a membership of {gone.key.public.hex()[:10]}"
        # the old one again, beside a map without the removal
        liar.tell([*field.truth.raw(), admitted, gone.record], full=True)
        field.until_said(field.a, "E_REMOVED", f"{about}: the membership ended")
        # a newer one, of the same epoch
        later = msgspec.structs.replace(gone.membership, counter=field.count())
        liar.tell([field.sign(Kind.MEMBERSHIP, later, field.truth.registrar), gone.record])
        # one that undoes the removal, which a registrar may not
        again = msgspec.structs.replace(gone.membership, counter=field.count(), epoch=FIRST_EPOCH + 1)
        liar.tell([field.sign(Kind.MEMBERSHIP, again, field.truth.registrar), gone.record])
        field.until_said(field.a, "E_FORBIDDEN", f"{about}: only the root or an admin's key admits again")
        assert "guest" not in field.peers(field.a)
        assert field.attempt(gone.key.public, gone.membership.ipv4) == 0


def test_an_old_removal_does_not_end_a_member_that_was_admitted_again(field: Field, liar: HostilePlace) -> None:
    """F28: the root let it in again, in the next epoch; what ended the epoch before is played once more."""
    for _ in range(min(RUNS, 10)):
        guest = field.stranger("guest")
        older = removal(field, guest)
        liar.tell([field.sign(Kind.MEMBERSHIP, guest.membership, field.truth.registrar), guest.record])
        until(lambda: "guest" in field.peers(field.a), "the guest is a peer")
        ended = removal(field, guest)
        liar.tell([ended])
        until(lambda: "guest" not in field.peers(field.a), "the guest is gone")
        again = msgspec.structs.replace(guest.membership, counter=field.count(), epoch=FIRST_EPOCH + 1)
        record = NodeRecord(
            epoch=FIRST_EPOCH + 1, counter=1, date=now(), identity=guest.key.public, wireguard=field.intruder.public,
            path=guest.path.public,
        )  # fmt: skip
        liar.tell([field.sign(Kind.MEMBERSHIP, again, field.truth.root), field.sign(Kind.RECORD, record, guest.key)])
        until(lambda: "guest" in field.peers(field.a), "the guest is a peer again")
        liar.tell([*field.truth.raw(), older, ended], full=True)
        about = f"refused a removal of {(REMOVED_MEMBER + guest.key.public).hex()[:10]}"
        field.until_said(field.a, "E_OUT_OF_ORDER", f"{about}: older than what was seen")
        assert "guest" in field.peers(field.a)
        until(  # the intruder's WireGuard notices after 15 s that its session of before is nobody's
            lambda guest=guest: field.attempt(guest.key.public, guest.membership.ipv4) > 0,  # type: ignore[misc]
            "a packet of the guest gets in",
            90.0,
        )
        liar.tell([removal(field, guest, epoch=FIRST_EPOCH + 1)])
        until(lambda: "guest" not in field.peers(field.a), "the guest is gone for good")


# --- what is kept back ---


def test_a_map_without_the_policy_changes_nothing_for_who_holds_it(field: Field, liar: HostilePlace) -> None:
    """What it holds stays in force, so nothing is wrong and status says nothing of it; that a *newer* policy is kept
    back is told by the heads that peers show (`test_a_newer_policy_that_is_kept_from_one_machine_is_missed_there`)."""
    for _ in range(RUNS):
        stranger = field.stranger()  # nobody signed that it is a member: its words in status tell that the map came
        liar.tell([*field.truth.raw(without=[Kind.POLICY]), stranger.record], full=True)
        field.until_said(field.a, "E_NOT_A_MEMBER", f"refused a record of {stranger.key.public.hex()[:10]}")
        assert Kind.POLICY in field.newest(field.a).values()
        assert field.reaches()
        assert not field.said("no-policy")


def test_a_machine_that_is_shown_no_policy_lets_nobody_in_and_says_so(field: Field, liar: HostilePlace) -> None:
    """It lost its documents (not its floors), and the server keeps the policy back."""
    newest = field.newest(field.b)
    for _ in range(RUNS):
        assert not field.said("no-policy")
        liar.know_both(field, [raw for raw, kind in newest.items() if kind is not Kind.POLICY])
        try:
            field.forget_documents(field.a)
            field.until_said(field.a, "no-policy", "withheld")
            assert field.attempt(field.identity(field.b), field.membership(field.b).ipv4) == 0
            assert not field.reaches_now()
        finally:
            liar.know_both(field, newest)
            liar.tell(newest, full=True)
        until(field.reaches_now, "with the policy they reach each other")
        until(lambda: not field.said("no-policy"), "with the policy nothing is wrong")


@pytest.mark.timeout(RUNS * 300)
def test_machines_that_are_shown_different_views_find_out(field: Field, liar: HostilePlace) -> None:
    """The registrar signs two heads with one number: `a` hears of one, `b` of the other."""
    a, b = field.identity(field.a), field.identity(field.b)

    def head(counter: int, world: bytes) -> bytes:
        registrar = field.truth.registrar
        body = Head(counter=counter, date=now(), authority=registrar.public, digest=world.ljust(32, b"\0"))
        return field.sign(Kind.HEAD, body, registrar)

    for run in range(RUNS):  # half a minute each: machines compare heads four times a minute
        if run:
            same = head(field.count(), b"one for both")  # nothing of the run before is left to be found again
            liar.tell([same])
            for machine in (field.a, field.b):
                until(lambda one=machine, kept=same: kept in field.newest(one), "the head is kept")  # type: ignore[misc]
                machine.run("down")  # what was said once is shown for minutes, so by new daemons
                machine.run("up")
            field.wait_for_both()
            assert not field.said("two-views")
        until(field.reaches, "they know each other", 60.0)
        counter = field.count()
        for to, world in ((a, b"one"), (b, b"other")):
            liar.tell([head(counter, world)], to=to)
        until(lambda: field.said("two-views"), "one of them says that there are two views", 80.0)


@pytest.mark.skipif(not FULL, reason="waits a minute: run by `make soak`; test_heads.py has the rule")
def test_news_that_the_server_keeps_from_one_machine_is_missed_there(field: Field, liar: HostilePlace) -> None:
    head = Head(
        counter=field.count(), date=now(), authority=field.truth.registrar.public, digest=os.urandom(32)
    )  # fmt: skip
    liar.tell([field.sign(Kind.HEAD, head, field.truth.registrar)], to=field.identity(field.b))
    until(lambda: "news-withheld" in dict(field.health(field.a)), "a says that news are kept from it", 75.0)
    liar.tell([field.sign(Kind.HEAD, head, field.truth.registrar)])
    until(lambda: "news-withheld" not in dict(field.health(field.a)), "it is told, and says no more", 75.0)


@pytest.mark.skipif(not FULL, reason="waits a minute: run by `make soak`; test_heads.py has the rule")
def test_a_newer_policy_that_is_kept_from_one_machine_is_missed_there(field: Field, liar: HostilePlace) -> None:
    """Nothing that `a` holds is wrong; it hears of the head that covers the newer policy from `b`."""
    policy = field.policy()
    digest = blake2s(policy).digest()
    head = Head(counter=field.count(), date=now(), authority=field.truth.registrar.public, digest=digest)
    news = [policy, field.sign(Kind.HEAD, head, field.truth.registrar)]
    liar.tell(news, to=field.identity(field.b))
    until(lambda: policy in field.newest(field.b), "b has the newer policy")
    until(lambda: "news-withheld" in dict(field.health(field.a)), "a says that news are kept from it", 75.0)
    assert policy not in field.newest(field.a)
    liar.tell(news)
    until(lambda: "news-withheld" not in dict(field.health(field.a)), "it is told, and says no more", 75.0)
