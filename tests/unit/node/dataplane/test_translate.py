"""Events of the engine by number become events of peers by identity; what means nothing to a node is left out."""

from ipaddress import ip_address

import pytest
from tests.unit.node.maps import identity

from warren.engine import events as raw
from warren.engine.events import PeerNumber
from warren.engine.tunnel import PeerStats as RawStats
from warren.model.addresses import Endpoint, RelayHop
from warren.node.dataplane import interface
from warren.node.dataplane.translate import translate, translate_stats

DB, GONE = PeerNumber(4), PeerNumber(5)
IDENTITIES = {4: identity("db")}
HERE = Endpoint(ip_address("192.0.2.7"), 51820)
RELAYED = RelayHop(1, 2)
KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (raw.UnknownInitiator(KEY, HERE), interface.UnknownInitiator(KEY, HERE)),
        (
            raw.HandshakeDone(DB, initiated_by_us=True, public_key=KEY, place=HERE),
            interface.HandshakeDone(IDENTITIES[4], initiated_by_us=True, public_key=KEY, endpoint=HERE),
        ),
        (raw.HandshakeGaveUp(DB), interface.HandshakeGaveUp(IDENTITIES[4])),
        (raw.Pong(DB, 77, 0.25, HERE), interface.PongReceived(IDENTITIES[4], 77, 0.25, HERE)),
        (raw.Elsewhere(DB, HERE), interface.HeardElsewhere(IDENTITIES[4], HERE)),
        (raw.Probe(DB, b"probe", HERE), interface.ProbeReceived(IDENTITIES[4], b"probe", HERE)),
        (raw.Elsewhere(DB, RELAYED), interface.HeardElsewhere(IDENTITIES[4], RELAYED)),
        (raw.StunAnswer(b"answer", HERE), interface.StunAnswered(b"answer", HERE)),
        (raw.SendFailed(DB, 101, HERE), interface.SendFailed(IDENTITIES[4], 101, HERE)),
        (raw.WorkerFailed(5), interface.TunnelFailed(5)),
        (raw.EventsLost(3), interface.EventsLost(3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_event_that_a_node_knows_is_said_in_its_words(event: raw.Event, expected: interface.Event) -> None:
    assert translate(event, IDENTITIES) == expected


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(raw.HandshakeGaveUp(GONE), id="a peer that was removed"),
        pytest.param(raw.SendFailed(None, 101, HERE), id="an answer to a stranger"),
        pytest.param(raw.StunAnswer(b"answer", RELAYED), id="a STUN answer by a relay"),
        pytest.param(raw.Probe(DB, b"probe", None), id="a probe from nowhere"),
        pytest.param(raw.Elsewhere(DB, None), id="a packet from nowhere"),
    ],
)
def test_what_means_nothing_here_is_left_out(event: raw.Event) -> None:
    assert translate(event, IDENTITIES) is None


def test_the_endpoint_of_a_peer_on_a_relay_is_its_channel() -> None:
    stats = translate_stats(RawStats(1, 2, 3.5, None, session_alive=True, place=RELAYED))
    assert (stats.rx_bytes, stats.tx_bytes, stats.last_handshake_s, stats.last_received_s) == (1, 2, 3.5, None)
    assert (stats.session_alive, stats.endpoint) == (True, RELAYED)
