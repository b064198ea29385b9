"""What strangers, probes and STUN servers send to a tunnel's port: only what is proven or awaited comes up."""

import json
import os
import sys
from collections.abc import Iterator

import pytest
from tests.interop.engine import Engine
from tests.netlab.lab import Host, Lab

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair
from warren.protocol.peer.probe import Probe, ProbeKey, ProbeKind, encode_probe, probe_key

pytestmark = pytest.mark.netlab

_SEND = """
import json, socket, sys
port, address, count, datagrams = json.load(sys.stdin)
sender = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(count):
    for datagram in datagrams:
        sender.sendto(bytes.fromhex(datagram), (address, port))
"""


class _Target:
    """A tunnel with one peer, and a host beside it that sends what it likes."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch()
        self.host, self.stranger = lab.host("target", lan), lab.host("stranger", lan)
        self.engine = _open(self.host, ExchangeKeyPair(os.urandom(32)))
        self.engine.set_peer(ExchangeKeyPair(os.urandom(32)).public, "10.77.0.2/32")

    def hear(self, *datagrams: bytes, count: int = 1) -> None:
        text = [self.engine.port, str(self.host.ip), count, [datagram.hex() for datagram in datagrams]]
        self.stranger.run([sys.executable, "-I", "-S", "-c", _SEND], stdin=json.dumps(text))

    def counter(self, name: str) -> int:
        return int(self.engine.ask("counters")[name])


def _open(host: Host, pair: ExchangeKeyPair) -> Engine:
    return Engine(host, "warren%d", pair.private_bytes().reveal())


@pytest.fixture
def target(lab: Lab) -> Iterator[_Target]:
    target = _Target(lab)
    with target.engine:
        yield target


def _key() -> ProbeKey:
    ours, theirs = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    sender, receiver = bytes([1]) * 32, bytes([2]) * 32
    return probe_key(own=ours, peer_path_key=theirs.public, network=bytes(32), sender=sender, receiver=receiver)


@pytest.mark.parametrize("size", [66, 1232])
def test_a_probe_made_by_the_protocol_is_proven_by_the_engine(target: _Target, size: int) -> None:
    key = _key()
    target.engine.ask("set_probe_key", key.hint.hex(), key.key.hex())
    probe = encode_probe(Probe(ProbeKind.PING, 5, bytes(8), size=size), key)
    target.hear(probe)
    peer, datagram, place = target.engine.wait_for("Probe")
    assert (peer, bytes.fromhex(datagram)) == (1, probe)
    assert place.startswith(f"{target.stranger.ip}:")


def test_a_probe_with_one_wrong_bit_is_counted_and_told_to_nobody(target: _Target) -> None:
    key = _key()
    target.engine.ask("set_probe_key", key.hint.hex(), key.key.hex())
    probe = encode_probe(Probe(ProbeKind.PING, 5, bytes(8)), key)
    target.hear(probe[:-1] + bytes([probe[-1] ^ 1]), bytes([*probe[:20], probe[20] ^ 1, *probe[21:]]))
    target.hear(probe)
    target.engine.wait_for("Probe")
    assert target.counter("drop_probe_invalid") == 2
    with pytest.raises(TimeoutError):
        target.engine.wait_for("Probe", 0.1)


def test_a_stun_answer_comes_up_once_and_only_if_it_is_awaited(target: _Target) -> None:
    transaction = bytes(range(12))
    answer = bytes.fromhex("010100002112a442") + transaction
    target.hear(answer)
    target.engine.ask("expect_stun", transaction.hex(), 5.0)
    target.hear(answer, answer)
    datagram, place = target.engine.wait_for("StunAnswer")
    assert bytes.fromhex(datagram) == answer
    assert place.startswith(f"{target.stranger.ip}:")
    assert target.counter("drop_stun") == 2


def test_an_initiation_of_an_unknown_key_is_told_with_that_key(lab: Lab) -> None:
    lan = lab.switch()
    a, b = lab.host("a", lan), lab.host("b", lan)
    keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    with _open(a, keys[0]) as ours, _open(b, keys[1]) as theirs:
        ours.set_peer(keys[1].public, "10.77.0.2/32", endpoint=str(Endpoint(b.ip, theirs.port)))
        ours.ask("initiate")
        key, place = theirs.wait_for("UnknownInitiator")
        assert bytes.fromhex(key) == keys[0].public
        assert place == str(Endpoint(a.ip, ours.port))
        theirs.set_peer(keys[0].public, "10.77.0.1/32", endpoint=place)
        theirs.ask("initiate")
        assert theirs.wait_for("HandshakeDone", 2.0)[1] is True


def test_a_flood_of_strangers_datagrams_costs_python_nothing(target: _Target) -> None:
    looks_like_probe = bytes.fromhex("d757524e") + os.urandom(62)
    looks_like_stun = bytes.fromhex("010100002112a442") + os.urandom(12)
    looks_like_initiation = bytes([1, 0, 0, 0]) + os.urandom(144)
    target.hear(looks_like_probe, looks_like_stun, looks_like_initiation, os.urandom(1200), count=5000)
    assert target.engine.ask("events", 0.1) == []
    assert target.counter("rx_datagrams") > 10_000
