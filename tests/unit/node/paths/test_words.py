"""How paths are shown: kinds, names of relays, times, reasons and quality."""

from tests.unit.node.paths.links import endpoint

from warren.limits import PATH_CHANGES_KEPT, QUALITY_BUCKET_S, QUALITY_KEPT
from warren.model.addresses import RelayHop
from warren.node.paths.events import PathState
from warren.node.paths.history import History
from warren.node.paths.words import kind_of, path_words, via_of

DIRECT, RELAYED = endpoint("203.0.113.7", 51901), RelayHop(3, 9)


def name(number: int) -> str:
    return {3: "fra"}[number]


def test_each_hop_has_its_kind_and_name() -> None:
    assert (kind_of(DIRECT), via_of(DIRECT, name)) == ("direct", "203.0.113.7:51901")
    assert (kind_of(RELAYED), via_of(RELAYED, name)) == ("relay", "fra")
    assert (kind_of(None), via_of(None, name)) == ("none", "")


def test_a_relayed_path_names_the_relay_and_what_is_tried() -> None:
    state = PathState(RELAYED, 0.041, 90.0, "trying direct: symmetric NAT", "no answer from 203.0.113.7:51901")
    shown = path_words(state, History(), 41.0, name, 1_000_000.0)
    assert (shown.kind, shown.relay, shown.endpoint) == ("relay", "fra", None)
    assert (shown.since, shown.note, shown.reason) == (1_000_090.0, state.note, state.reason)


def test_without_a_fresh_round_trip_inside_the_session_a_path_is_not_called_connected() -> None:
    shown = path_words(PathState(DIRECT, 0.003, 90.0, "", "the first that answered"), History(), None, name, 0.0)
    assert (shown.latency_ms, shown.note) == (None, "no session yet")


def test_history_and_quality_are_kept_bounded_oldest_first() -> None:
    history = History()
    for number in range(PATH_CHANGES_KEPT + 5):
        history.note_change(RELAYED if number % 2 else DIRECT, f"reason {number}", float(number))
    for minute in range(QUALITY_KEPT + 5):
        history.note_answer(0.010, minute * QUALITY_BUCKET_S)
        history.note_answer(0.030, minute * QUALITY_BUCKET_S + 1)
        history.note_lost(2, minute * QUALITY_BUCKET_S + 2)
    shown = path_words(PathState(DIRECT, 0.01, 0.0, ""), history, 10.0, name, 500.0)
    assert len(shown.history) == PATH_CHANGES_KEPT
    assert (shown.history[0].at, shown.history[0].reason) == (505.0, "reason 5")
    assert (shown.history[0].kind, shown.history[0].via) == ("relay", "fra")
    assert len(shown.quality) == QUALITY_KEPT
    last = shown.quality[-1]
    assert (last.pings, last.loss, last.latency_ms, last.latency_max_ms) == (4, 0.5, 20.0, 30.0)
