"""Tuples of the border become values."""

import pytest

from warren.engine import _native, events
from warren.engine.events import RawEvent, decode
from warren.engine.places import show_endpoint
from warren.model.addresses import parse_endpoint

_PLACE = parse_endpoint("192.0.2.1:9")
_BYTES = show_endpoint(_PLACE)
_PEER = events.PeerNumber(7)


def _handshake(*, initiated_by_us: bool) -> events.HandshakeDone:
    return events.HandshakeDone(_PEER, initiated_by_us, b"k" * 32, _PLACE)


@pytest.mark.parametrize(
    ("raw", "event"),
    [
        ((_native.EVENT_UNKNOWN_INITIATOR, 0, 0, b"k" * 32, _BYTES), events.UnknownInitiator(b"k" * 32, _PLACE)),
        ((_native.EVENT_HANDSHAKE, 7, 1, b"k" * 32, _BYTES), _handshake(initiated_by_us=True)),
        ((_native.EVENT_HANDSHAKE, 7, 2, b"k" * 32, _BYTES), _handshake(initiated_by_us=False)),
        ((_native.EVENT_HANDSHAKE_GAVE_UP, 7, 0, b"", b""), events.HandshakeGaveUp(_PEER)),
        ((_native.EVENT_PONG, 7, 2_500_000, bytes([0] * 7 + [9]), _BYTES), events.Pong(_PEER, 9, 0.0025, _PLACE)),
        ((_native.EVENT_ELSEWHERE, 7, 0, b"", _BYTES), events.Elsewhere(_PEER, _PLACE)),
        ((_native.EVENT_PROBE, 7, 0, b"probe", _BYTES), events.Probe(_PEER, b"probe", _PLACE)),
        ((_native.EVENT_STUN, 0, 0, b"stun", _BYTES), events.StunAnswer(b"stun", _PLACE)),
        ((_native.EVENT_SEND_FAILED, 0, 101, b"", _BYTES), events.SendFailed(None, 101, _PLACE)),
        ((_native.EVENT_SEND_FAILED, 7, 101, b"", _BYTES), events.SendFailed(_PEER, 101, _PLACE)),
        ((_native.EVENT_WORKER_FAILED, 0, 77, b"", b""), events.WorkerFailed(77)),
        ((_native.EVENT_LOST, 0, 3, b"", b""), events.EventsLost(3)),
    ],
)
def test_every_kind_has_its_value(raw: RawEvent, event: events.Event) -> None:
    assert decode(raw) == event


def test_every_kind_of_the_binary_is_known() -> None:
    kinds = {value for name, value in vars(_native).items() if name.startswith("EVENT_")}
    assert kinds == set(events._DECODERS)
