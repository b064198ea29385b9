"""Issue 5, shows 9, the server's half: what a server carries between two nodes it can neither read nor forge.

The hostile server keeps every signal of two machines that find each other by signals alone, and looks for anything that
it was not to see. Then it alters bytes, swaps senders and plays old ones again: nobody learns a path from that, and
each is counted.
"""

import time

import pytest
from tests.faults.figures import tell
from tests.faults.lying import Field, HostilePlace, Stranger
from tests.netlab.until import until

from warren.model.ids import Identity
from warren.protocol.peer.candidates import Candidates, decode_candidates, pack_endpoint
from warren.trust.documents import Kind
from warren.trust.sealing import open_sealed

pytestmark = pytest.mark.netlab

FOUND_S = 60.0
MOVED_TO = "192.0.2.99/32"
LIED_S = 3.0  # more than two rounds of an agent without a path
LIED_TO_MIN = 1  # signals that a machine refused meanwhile


@pytest.fixture(scope="module")
def mallory(field: Field) -> Stranger:
    """A member in whose name signals of others come."""
    assert field.hostile is not None
    mallory = field.stranger("mallory")
    field.hostile.tell([field.sign(Kind.MEMBERSHIP, mallory.membership, field.truth.registrar), mallory.record])
    until(lambda: "mallory" in field.peers(field.a), "mallory is a peer")
    return mallory


def find_anew(field: Field, liar: HostilePlace) -> None:
    """Both forget where the other was, so that signals alone lead them together."""
    for machine in (field.a, field.b):
        field.forget_places(machine)
    until(lambda: len(liar.sessions()) == 2, "both have a session again", 30.0)


def is_direct(field: Field) -> bool:
    return field.a.path_to("b").kind == field.b.path_to("a").kind == "direct"


def opened(field: Field, sender: bytes, to: bytes, sealed: bytes) -> Candidates:
    """What a signal says, by the receiver's own key, which no server has."""
    machines = {field.identity(machine): machine for machine in (field.a, field.b)}
    plain = open_sealed(
        sealed,
        network=field.truth.network,
        sender=Identity(sender),
        sender_path=field.record(machines[Identity(sender)]).path,
        receiver=Identity(to),
        receiver_path=field.path_key(machines[Identity(to)]),
    )
    return decode_candidates(plain)


def test_no_address_no_name_and_no_document_can_be_read_in_what_it_carries(field: Field, liar: HostilePlace) -> None:
    liar.signals("carry")
    find_anew(field, liar)
    until(lambda: is_direct(field), "they find each other by signals", FOUND_S)
    carried = liar.signals("carry")
    assert {sender for sender, _, _ in carried} == {field.identity(field.a), field.identity(field.b)}
    told = [opened(field, *one) for one in carried]
    endpoints = {pack_endpoint(one) for each in told for one in each.endpoints}
    assert {field.a.host.ip.packed, field.b.host.ip.packed} <= {one[:-2] for one in endpoints}, "the secrets are there"
    secrets = [
        *endpoints,
        *(one[:-2] for one in endpoints),
        *(str(machine.host.ip).encode() for machine in (field.a, field.b)),
        *(field.membership(machine).ipv4.encode() for machine in (field.a, field.b)),
        *(bytes(field.identity(machine)) for machine in (field.a, field.b)),
        *(head for each in told for head in each.heads),
        field.settings().suffix.encode(),
        b"candidates",
        b"endpoints",
        b"generation",
    ]
    for _, _, sealed in carried:
        assert [one for one in secrets if one in sealed] == []
    assert len({sealed[:33] for _, _, sealed in carried}) == len(carried), "no key seals twice"
    tell(f"server in the middle: {len(carried)} signals carried, {len(endpoints)} endpoints in them, none readable")


def refused(field: Field, reason: str) -> dict[str, int]:
    return {machine.name: field.refused(machine, reason) for machine in (field.a, field.b)}


@pytest.mark.parametrize("how", ["flip", "swap"])
def test_an_altered_signal_and_one_in_anothers_name_lead_nowhere_and_are_counted(
    field: Field, liar: HostilePlace, mallory: Stranger, how: str
) -> None:
    liar.signals(how, mallory.key.public)
    find_anew(field, liar)
    counted = stay_apart(field)
    tell(
        f"server in the middle, {how}: {len(liar.signals('carry'))} signals, refused {counted}, no path in {LIED_S:g} s"
    )
    assert min(counted.values()) >= LIED_TO_MIN
    until(lambda: is_direct(field), "honest again, they find each other", 30.0)


def test_old_signals_lead_nobody_to_old_places(field: Field, liar: HostilePlace) -> None:
    """A machine moved: what it told before is played again in place of what it tells now."""
    liar.signals("carry")
    find_anew(field, liar)
    until(lambda: is_direct(field), "they find each other", FOUND_S)
    before = refused(field, "drop_signal_replayed")
    liar.signals("replay")
    field.b.host.ip_batch(f"addr add {MOVED_TO} dev eth0")
    until(lambda: refused(field, "drop_signal_replayed")["a"] > before["a"], "the old one was played", FOUND_S)
    liar.signals("carry")
    field.b.host.ip_batch(f"addr del {MOVED_TO} dev eth0")
    until(lambda: is_direct(field), "they stay together", 30.0)


def stay_apart(field: Field) -> dict[str, int]:
    """For a while, and until each refused what it was told, neither has a path to the other; how much they refused."""
    began = time.monotonic()
    while True:
        assert not is_direct(field)
        assert {field.a.path_to("b").kind, field.b.path_to("a").kind} == {"none"}
        passed, counted = time.monotonic() - began, refused(field, "drop_signal_forged")
        if passed > LIED_S and (min(counted.values()) >= LIED_TO_MIN or passed > FOUND_S):
            return counted
        time.sleep(0.1)
