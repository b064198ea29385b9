"""Whom the watch over silent paths looks at, and what it makes of counters."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.unit.node.maps import identity
from tests.unit.node.paths.links import endpoint

from warren.limits import SILENCE_BUSY_MAX, SILENCE_DOUBT_S, SILENCE_IDLE_LOOKS, SILENCE_IDLE_MAX, TRAFFIC_BYTES
from warren.model.ids import Identity
from warren.node.dataplane.interface import PeerStats, Tunnel
from warren.node.paths.prober import Prober
from warren.node.paths.silence import Watch, look

NOW = 1_790_000_000.0
DB = identity("db")


@dataclass
class Told:
    """Notes what the prober is told."""

    words: list[str] = field(default_factory=list)

    def handle_silence(self, _peer: Identity) -> None:
        self.words.append("silence")

    def handle_alive(self, _peer: Identity) -> None:
        self.words.append("alive")

    def handle_traffic(self, _peer: Identity) -> None:
        self.words.append("traffic")


@dataclass
class Counted:
    """A tunnel that has counted so much."""

    tx_bytes: int = 0
    received_s: float | None = None

    def stats(self, _peer: Identity) -> PeerStats:
        return PeerStats(0, self.tx_bytes, None, self.received_s, session_alive=True, endpoint=endpoint("192.0.2.1"))


def looked(*counted: Counted) -> list[str]:
    watch, told = Watch(), Told()
    for one in counted:
        look(cast("Tunnel", one), cast("Prober", told), DB, watch)
    return told.words


@pytest.fixture(autouse=True)
def _a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warren.node.paths.silence.time.time", lambda: NOW)


def test_a_peer_that_nothing_is_sent_to_is_left_alone() -> None:
    assert looked(Counted(100), Counted(100)) == []


def test_packets_that_go_out_while_none_comes_in_are_a_doubt() -> None:
    assert looked(Counted(100), Counted(148, NOW - SILENCE_DOUBT_S - 0.01)) == ["silence"]
    assert looked(Counted(100), Counted(148, None)) == ["silence"]


def test_what_came_in_just_now_says_that_it_lives() -> None:
    assert looked(Counted(100), Counted(148, NOW - 0.1)) == ["alive"]


def test_more_than_keepalives_is_traffic() -> None:
    assert looked(Counted(0), Counted(TRAFFIC_BYTES, NOW)) == ["traffic", "alive"]


def test_busy_peers_are_looked_at_every_time_and_the_others_in_turn() -> None:
    peers = tuple(identity(f"peer {number}") for number in range(100))
    watch = Watch(busy=dict.fromkeys(peers[:3]))
    seen: list[Identity] = []
    for _ in range(SILENCE_IDLE_LOOKS):
        chosen = watch.chosen(peers)
        assert set(peers[:3]) <= set(chosen)
        seen += chosen[3:]
    assert set(seen) == set(peers[3:])


def test_a_look_is_bounded_however_many_peers_there_are() -> None:
    peers = tuple(identity(f"peer {number}") for number in range(2000))
    watch = Watch(busy=dict.fromkeys(peers[:500]))
    assert len(watch.chosen(peers)) == SILENCE_BUSY_MAX + SILENCE_IDLE_MAX
