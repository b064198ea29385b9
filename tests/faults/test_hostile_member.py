"""F26: a member that does what it can: others' inner addresses, endless candidates and victims among them, probes with
the last counter, probes of nobody. Bounded, and nobody is hit by way of us.
"""

import os
import sys
import time
from collections import Counter
from ipaddress import IPv4Address

import pytest
from tests.faults.figures import note, times
from tests.faults.lying import Field, HostilePlace, Stranger, memory_kib
from tests.netlab.host import Host
from tests.netlab.packet import UDP
from tests.netlab.until import until

from warren.limits import CANDIDATES_MAX, PROBES_ADDRESS_MAX, PROBES_UNANSWERED_MAX
from warren.model.addresses import Endpoint
from warren.model.ids import Identity
from warren.model.keys import ExchangeKeyPair
from warren.protocol.control.frames import encode
from warren.protocol.control.messages import Signalled
from warren.protocol.peer.candidates import Candidates, encode_candidates
from warren.protocol.peer.probe import MAGIC, MIN_BYTES, Probe, ProbeKind, encode_probe, probe_key
from warren.trust.documents import Kind
from warren.trust.sealing import seal

pytestmark = pytest.mark.netlab

MEMORY_MIB = 40.0
NOBODYS_PORT = 47_474
FORGED = 200
SEND = """
import socket, sys, time
to = (sys.argv[1], int(sys.argv[2]))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    out.bind(("", int(sys.argv[3])))
    for number, line in enumerate(sys.stdin):
        out.sendto(bytes.fromhex(line.strip()), to)
        if number % 20 == 0:
            time.sleep(0.005)  # the rate of a generator, no wait: more at once than a kernel keeps shows nothing
"""

LISTEN = """
import select, socket, sys
ends = []
for port in sys.argv[2:]:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((sys.argv[1], int(port)))
    ends.append(end)
print("ready", flush=True)
while True:
    for end in select.select(ends, [], [])[0]:
        end.recv(2048)
        print("probed at", end.getsockname()[1], flush=True)
"""


@pytest.fixture(scope="module")
def mallory(field: Field) -> Stranger:
    """A member like any other, but for what it does."""
    hostile = field.hostile
    assert hostile is not None
    mallory = field.stranger("mallory")
    hostile.tell([field.sign(Kind.MEMBERSHIP, mallory.membership, field.truth.registrar), mallory.record])
    until(lambda: "mallory" in field.peers(field.a), "mallory is a peer")
    return mallory


def test_inner_sources_that_are_not_the_members_own_are_dropped(field: Field, mallory: Stranger) -> None:
    own = mallory.membership.ipv4
    until(lambda: field.attempt(mallory.key.public, own) > 0, "a packet of mallory's own gets in", 60.0)
    b = field.identity(field.b)
    for source4, source6 in (
        (field.membership(field.b).ipv4, field.inner(b)),
        (field.membership(field.a).ipv4, field.inner(field.identity(field.a))),
        (str(IPv4Address(own) + 1), "2001:db8::1"),
    ):
        assert field.attempt_from(source4, source6) == 0, source4


def sealed(field: Field, mallory: Stranger, endpoints: tuple[Endpoint, ...], generation: int) -> bytes:
    """What mallory tells `a`."""
    plain = encode_candidates(Candidates(endpoints=endpoints, generation=generation, reply_wanted=True))
    raw = seal(
        plain,
        network=field.truth.network,
        sender=mallory.key.public,
        sender_path=mallory.path,
        receiver=field.identity(field.a),
        receiver_path=field.record(field.a).path,
        ephemeral=ExchangeKeyPair(os.urandom(32)),
    )
    return encode(Signalled(sender=mallory.key.public, sealed=raw))


def test_a_hundred_thousand_candidates_hit_a_victim_with_few_datagrams(
    field: Field, mallory: Stranger, liar: HostilePlace
) -> None:
    """Every endpoint is one of the victim's: some ports many times, and ports that change all the time."""
    victim = field.server.host
    signals = times(10_000, 100_000) // CANDIDATES_MAX
    base = int(time.time() * 1000)
    told = []
    for number in range(signals):
        ports = [5000 + index for index in range(4)]
        ports += [10_000 + (number * CANDIDATES_MAX + index) % 50_000 for index in range(CANDIDATES_MAX - 4)]
        endpoints = tuple(Endpoint(victim.ip, port) for port in ports)
        told.append(sealed(field, mallory, endpoints, base + number))
    pid = field.a.daemon_pid()
    assert pid is not None
    before = memory_kib(pid)
    with victim.capture() as captured:
        liar.frames(told, to=field.identity(field.a))
        until(field.reaches_now, "the daemon has gone through them", 60.0)
        assert field.a.status()["peers"]
        ended = time.monotonic() + 2.5  # longer than one round of probes (agent.TRY_AT)
        until(lambda: time.monotonic() > ended, "what was told has led to all that it leads to")
    hits = [p for p in captured.packets if p.protocol == UDP and p.source == field.a.host.ip and p.payload[:4] == MAGIC]
    ports_hit = Counter(one.destination_port for one in hits)
    assert hits, "nothing was tried at all: the test sends nothing that counts"
    note("probes to one silent endpoint", max(ports_hit.values()), PROBES_UNANSWERED_MAX, "probes")
    note("probes to one silent address", len(hits), PROBES_ADDRESS_MAX, "probes")
    note("memory for candidates without end", max(memory_kib(pid) - before, 0) / 1024, MEMORY_MIB, "MiB")
    assert field.reaches()


def test_signals_that_nobody_sealed_or_that_come_twice_teach_nothing(
    field: Field, mallory: Stranger, liar: HostilePlace
) -> None:
    """At an address that nobody spent probes on; what is fresh is probed there, so silence says something."""
    place = field.intruders.ip + 50
    field.intruders.ip_batch(f"addr add {place}/32 dev eth0")
    base = int(time.time() * 1000) + 10_000_000  # newer than what the case before told
    first, newest = (sealed(field, mallory, (Endpoint(place, port),), base + port) for port in (7771, 7779))
    late = sealed(field, mallory, (Endpoint(place, 7777),), base + 7777)
    forged = [encode(Signalled(sender=field.identity(field.b), sealed=os.urandom(200))) for _ in range(FORGED)]
    before = [field.refused(field.a, reason) for reason in ("drop_signal_forged", "drop_signal_replayed")]
    listening = field.intruders.start([sys.executable, "-c", LISTEN, str(place), "7771", "7777", "7779"])
    listening.wait_for("ready")
    for fresh, port in ((first, 7771), (newest, 7779)):
        liar.frames([fresh], to=field.identity(field.a))
        listening.wait_for(f"probed at {port}")
    liar.frames([late, late, first, newest, *forged], to=field.identity(field.a))
    until(lambda: field.refused(field.a, "drop_signal_forged") - before[0] == FORGED, "each forged one counts")
    field.a.run("ping", "b", "-c", "2")
    listening.stop()
    assert "probed at 7777" not in listening.output(), "what is older than what was told is believed"
    assert field.refused(field.a, "drop_signal_replayed") - before[1] == 4


def test_a_probe_with_the_last_counter_costs_only_its_sender(field: Field, mallory: Stranger) -> None:
    a = field.identity(field.a)
    key = probe_key(
        own=mallory.path, peer_path_key=field.record(field.a).path, network=field.truth.network,
        sender=mallory.key.public, receiver=a,
    )  # fmt: skip
    last = encode_probe(Probe(ProbeKind.PING, 2**64 - 1, os.urandom(8)), key)
    with field.intruders.capture() as captured:
        send(field.intruders, field, [last] * 5)
        field.a.run("ping", "b", "-c", "2")
    answers = [p for p in captured.packets if p.source == field.a.host.ip and p.payload[:4] == MAGIC]
    assert len(answers) >= 1
    assert all(len(one.payload) <= len(last) for one in answers)
    assert field.reaches()


def test_probes_of_nobody_get_no_answer(field: Field) -> None:
    """Random hints and tags, and probes that are valid for another pair: dropped before Python sees them."""
    stranger = ExchangeKeyPair(os.urandom(32))
    foreign = probe_key(
        own=stranger, peer_path_key=field.record(field.a).path, network=field.truth.network,
        sender=Identity(os.urandom(32)), receiver=field.identity(field.a),
    )  # fmt: skip
    datagrams = [MAGIC + os.urandom(MIN_BYTES - len(MAGIC)) for _ in range(200)]
    datagrams += [encode_probe(Probe(ProbeKind.PING, number, os.urandom(8)), foreign) for number in range(200)]
    reasons = ("drop_probe_unknown", "drop_probe_invalid", "drop_probe_rate")
    before = sum(field.refused(field.a, reason) for reason in reasons)
    with field.intruders.capture() as captured:
        send(field.intruders, field, datagrams, NOBODYS_PORT)
        until(lambda: sum(field.refused(field.a, reason) for reason in reasons) - before >= 400, "each is counted")
        field.a.run("ping", "b", "-c", "2")
    port = field.port()
    answers = [p for p in captured.packets if p.source == field.a.host.ip and p.source_port == port]
    # where mallory's good probes came from it may be looked for; these came from elsewhere
    assert [one for one in answers if one.payload[:4] == MAGIC and one.destination_port == NOBODYS_PORT] == []


def send(host: Host, field: Field, datagrams: list[bytes], source_port: int = 0) -> None:
    """From a host to `a`'s port."""
    lines = "\n".join(one.hex() for one in datagrams) + "\n"
    host.run([sys.executable, "-c", SEND, str(field.a.host.ip), str(field.port()), str(source_port)], stdin=lines)
