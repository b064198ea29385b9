"""F25 in a locked network: the hostile server has the registrar's key and the whole database, of before the lock too;
the registrar may admit nobody. Whatever it makes of that, no machine of its own becomes a peer or gets a packet in, and
`warren status` says why. `WARREN_FAULTS=full` tells each 100 times.
"""

import os

import msgspec
import pytest
from tests.faults.lying import RUNS, Field, HostilePlace, Stranger, now
from tests.netlab.until import until

from warren.model.keys import SigningKeyPair
from warren.trust.documents import FIRST_EPOCH, Delegation, Head, Kind, Policy, Removal, Right

pytestmark = pytest.mark.netlab

LOCKED = True  # what `field` is to be


def assert_shut_out(field: Field, stranger: Stranger) -> None:
    assert "evil" not in field.peers(field.a) + field.peers(field.b)
    assert field.attempt(stranger.key.public, stranger.membership.ipv4) == 0
    assert field.is_locked(field.a)
    assert field.is_locked(field.b)


def until_refused(field: Field, stranger: Stranger) -> None:
    about = stranger.key.public.hex()[:10]
    for machine in (field.a, field.b):
        field.until_said(machine, "E_FORBIDDEN", f"refused a membership of {about}")
        field.until_said(machine, "E_NOT_A_MEMBER", f"refused a record of {about}")


def right_to_admit(field: Field, by: SigningKeyPair, epoch: int) -> bytes:
    """The registrar may admit, by a word of somebody."""
    registrar = field.truth.registrar.public
    rights = (Right.ADMIT.value, Right.ATTEST.value)
    body = Delegation(counter=field.count(), date=now(), epoch=epoch, delegate=registrar, rights=rights)
    return field.sign(Kind.DELEGATION, body, by)


def test_a_member_that_the_root_signed_gets_its_packets_in_so_the_others_could(
    field: Field, liar: HostilePlace
) -> None:
    """The positive control: the same intruder, the same way, and a membership that counts in a locked network."""
    stranger = field.stranger("guest")
    liar.tell([field.sign(Kind.MEMBERSHIP, stranger.membership, field.truth.root), stranger.record])
    field.until_peer("guest")
    until(  # a first handshake that is lost comes again after 5 s
        lambda: field.attempt(stranger.key.public, stranger.membership.ipv4) > 0, "a packet of the guest gets in", 60.0
    )
    body = Removal(
        epoch=FIRST_EPOCH, counter=field.count(), date=now(), of="membership", subject=stranger.key.public
    )  # fmt: skip
    liar.tell([field.sign(Kind.REMOVAL, body, field.truth.root)])
    field.until_gone("guest")


@pytest.mark.parametrize(
    "lie",
    [
        "its registrar admits",
        "its registrar admitted before the lock",
        "all that was before the lock",
        "its registrar gives itself the right",
        "its own key gives the registrar the right",
    ],
)
def test_with_the_registrars_key_and_the_database_it_admits_nobody(field: Field, liar: HostilePlace, lie: str) -> None:
    truth, subject = field.truth, field.truth.registrar.public + field.truth.root.public
    left, had = (one.find(Kind.DELEGATION, subject).body for one in (truth, field.before))
    assert isinstance(left, Delegation)
    assert isinstance(had, Delegation)
    for _ in range(RUNS):
        stranger = field.stranger()
        under, date, beside = left.epoch, now(), tuple[bytes, ...]()  # what else it takes is as it has to be
        match lie:
            case "its registrar admitted before the lock":
                under, date = had.epoch, left.date - 1
            case "all that was before the lock":
                under, beside = had.epoch, field.before.raw()
            case "its registrar gives itself the right":
                under, beside = left.epoch + 1, (right_to_admit(field, truth.registrar, left.epoch + 1),)
            case "its own key gives the registrar the right":
                under, beside = left.epoch + 1, (right_to_admit(field, truth.server, left.epoch + 1),)
        membership = msgspec.structs.replace(stranger.membership, under=under, date=date, joined=date)
        liar.tell([*beside, field.sign(Kind.MEMBERSHIP, membership, truth.registrar), stranger.record], full=True)
        until_refused(field, stranger)
        assert_shut_out(field, stranger)
        assert field.reaches()


def test_it_re_keys_nobody(field: Field, liar: HostilePlace) -> None:
    victim, registrar = field.identity(field.b), field.truth.registrar
    for _ in range(RUNS):
        swapped = msgspec.structs.replace(
            field.record(field.b), counter=field.count(), wireguard=field.intruder.public
        )  # fmt: skip
        liar.tell([*field.before.raw(), field.sign(Kind.RECORD, swapped, registrar)], full=True)
        by = f"a node record is signed by the node itself, not by {registrar.public.hex()[:10]}: {(0, swapped.counter)}"
        field.until_said(field.a, "E_FORBIDDEN", f"refused a record of {victim.hex()[:10]}: {by}")
        assert field.attempt(victim, field.membership(field.b).ipv4) == 0
        assert field.reaches()


def test_it_brings_no_removed_member_back(field: Field, liar: HostilePlace) -> None:
    root, registrar = field.truth.root, field.truth.registrar
    for _ in range(RUNS):
        gone = field.stranger("guest")
        admitted = field.sign(Kind.MEMBERSHIP, gone.membership, root)
        liar.tell([admitted, gone.record])
        field.until_peer("guest")
        body = Removal(
            epoch=FIRST_EPOCH, counter=field.count(), date=now(), of="membership", subject=gone.key.public
        )  # fmt: skip
        liar.tell([field.sign(Kind.REMOVAL, body, root)])
        field.until_gone("guest")
        about = f"refused a membership of {gone.key.public.hex()[:10]}"
        liar.tell([*field.truth.raw(), admitted, gone.record], full=True)  # the root's own word of before
        for machine in (field.a, field.b):
            field.until_said(machine, "E_REMOVED", f"{about}: the membership ended")
        again = msgspec.structs.replace(gone.membership, counter=field.count(), epoch=FIRST_EPOCH + 1)
        liar.tell([*field.before.raw(), field.sign(Kind.MEMBERSHIP, again, registrar), gone.record], full=True)
        for machine in (field.a, field.b):
            field.until_said(machine, "E_FORBIDDEN", about)
        assert "guest" not in field.peers(field.a) + field.peers(field.b)
        assert field.attempt(gone.key.public, gone.membership.ipv4) == 0
        assert field.reaches()


def test_the_dates_that_it_signs_end_nothing(field: Field, liar: HostilePlace) -> None:
    """Dates are all that the lock left it: by one far ahead whatever has an end would be over, for good."""
    registrar = field.truth.registrar
    left = field.truth.find(Kind.DELEGATION, registrar.public + field.truth.root.public).body
    assert isinstance(left, Delegation)
    guest = field.stranger("guest")
    ending = msgspec.structs.replace(guest.membership, expires=now() + 3600)
    liar.tell([field.sign(Kind.MEMBERSHIP, ending, field.truth.root), guest.record])
    field.until_peer("guest")
    for _ in range(RUNS):
        body = Head(
            counter=field.count(), date=2**40 + field.count(), under=left.epoch, authority=registrar.public,
            digest=os.urandom(32),
        )  # fmt: skip
        liar.tell([field.sign(Kind.HEAD, body, registrar)])
        for machine in (field.a, field.b):
            field.until_said(machine, "date-ahead", f"{body.date} (Unix time)")
            assert "guest" in field.peers(machine)
        assert field.reaches()
    end = Removal(epoch=FIRST_EPOCH, counter=field.count(), date=now(), of="membership", subject=guest.key.public)
    liar.tell([field.sign(Kind.REMOVAL, end, field.truth.root)])
    field.until_gone("guest")


def test_it_rolls_no_policy_back(field: Field, liar: HostilePlace) -> None:
    closed = b'{"version":1,"rules":[]}'
    open_policy = field.truth.find(Kind.POLICY).body
    assert isinstance(open_policy, Policy)
    for _ in range(RUNS):
        before, number = field.policy(), field.counted
        liar.tell([before, field.policy(closed)])
        until(lambda: not field.reaches_now(), "the closed policy counts")
        liar.tell([*field.before.raw(), before], full=True)
        field.until_said(field.a, "E_OUT_OF_ORDER", f"refused a policy: older than what was seen: {(0, number)}")
        liar.bury(field)
        own = msgspec.structs.replace(open_policy, counter=field.count(), date=now())
        liar.tell([field.sign(Kind.POLICY, own, field.truth.registrar)])
        field.until_said(field.a, "E_FORBIDDEN", "refused a policy")
        assert not field.reaches_now()
        liar.tell([field.policy()])
        until(field.reaches_now, "the open policy counts")
