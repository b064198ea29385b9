"""The open session: maps, requests, signals, keepalive, limits."""

from tests.unit.protocol.control.pair import IDENTITY, NETWORK, RECORD, make_pair

from warren.errors import Code
from warren.limits import (
    RELAYS_MAX,
    SESSION_DEAD_S,
    SESSION_DECIDE_MAX_S,
    SESSION_FROM_NODE_MAX_BYTES,
    SESSION_IDLE_S,
    SESSION_OUTBOX_MAX,
    SESSION_SIGNALS_MAX,
    UNPROVEN_MAX_S,
)
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.events import (
    Answered,
    HomeStated,
    LeaveWanted,
    MapChanged,
    RecordPublished,
    RelaysTold,
    Side,
    SignalArrived,
    SignalWanted,
)

PEER = bytes([7]) * 32
UNKNOWN_REQUEST = "the server does not know this request"


class Maps:
    """A naive source: the newest documents, and a difference to what was told at each version."""

    def __init__(self) -> None:
        self.history: dict[int, dict[str, bytes]] = {0: {}}
        self.asked = 0

    def put(self, version: int, **documents: bytes) -> None:
        self.history[version] = documents

    def __call__(self, told: int) -> m.MapUpdate | None:
        self.asked += 1
        newest = max(self.history)
        if newest == told:
            return None
        before, after = self.history[told], self.history[newest]
        changed = [name for name in after if before.get(name) != after[name]]
        return m.MapUpdate(
            version=newest,
            full=told == 0,
            documents=tuple(after[name] for name in changed),
            gone=tuple(("membership", name.encode()) for name in before if name not in after),
            presence=tuple(m.Presence(identity=name.encode().ljust(32), online=True) for name in changed),
        )


def test_the_first_map_is_whole_and_the_next_only_what_changed() -> None:
    pair, maps = make_pair(), Maps()
    pair.open()
    maps.put(1, a=b"A", b=b"B")
    pair.server.stream(maps)
    pair.pump()
    first = pair.node_event()
    assert isinstance(first, MapChanged)
    assert (first.update.full, first.update.documents, first.update.version) == (True, (b"A", b"B"), 1)
    maps.put(2, b=b"B2", c=b"C")
    pair.pump()
    second = pair.node_event()
    assert isinstance(second, MapChanged)
    assert (second.update.full, second.update.documents) == (False, (b"B2", b"C"))
    assert second.update.gone == (("membership", b"a"),)
    assert [one.identity[:1] for one in second.update.presence] == [b"b", b"c"]


def test_a_map_that_tells_nothing_new_is_not_sent() -> None:
    pair, maps = make_pair(), Maps()
    pair.open()
    maps.put(1, a=b"A")
    pair.server.stream(maps)
    pair.pump()
    seen = len(pair.node_events)
    maps.put(2, a=b"A")
    pair.pump()
    assert len(pair.node_events) == seen


def test_a_slow_reader_gets_one_newest_map_however_many_there_were() -> None:
    pair, maps = make_pair(), Maps()
    pair.open()
    maps.put(1, a=b"A")
    pair.server.stream(maps)
    pair.pump()
    asked = maps.asked
    for number in range(2, 1000):
        maps.put(number, a=b"A", b=str(number).encode())
    frame = pair.server.poll_transmit()
    assert frame is not None
    assert maps.asked == asked + 1
    assert pair.server.poll_transmit() is None
    pair.node.handle_bytes(frame, pair.now)
    pair.collect()
    newest = pair.node_event()
    assert isinstance(newest, MapChanged)
    assert (newest.update.version, newest.update.documents) == (999, (b"999",))


def test_a_map_waits_behind_answers_and_signals() -> None:
    pair, maps = make_pair(), Maps()
    pair.open()
    maps.put(1, a=b"A")
    pair.server.stream(maps)
    pair.server.signal(PEER, b"first")
    pair.pump()
    assert [type(event) for event in pair.node_events[-2:]] == [SignalArrived, MapChanged]


def test_a_map_larger_than_a_frame_ends_the_session_and_says_why() -> None:
    pair, maps = make_pair(), Maps()
    pair.open()
    maps.put(1, **{f"d{number}": bytes(60_000) for number in range(150)})
    pair.server.stream(maps)
    pair.pump()
    assert (pair.server_closed().code, pair.node_closed().code) == (Code.TOO_LARGE, Code.TOO_LARGE)


def test_no_map_leaves_before_the_node_is_admitted() -> None:
    pair, maps = make_pair(network=NETWORK), Maps()
    pair.challenge()
    maps.put(1, a=b"A")
    pair.server.stream(maps)
    assert pair.server.poll_transmit() is None
    assert maps.asked == 0


def test_a_published_record_is_answered_by_its_id() -> None:
    pair = make_pair()
    pair.open()
    first, second = pair.node.publish(RECORD), pair.node.publish(b"older")
    pair.pump()
    assert pair.server_events[-2:] == [RecordPublished(first, RECORD), RecordPublished(second, b"older")]
    pair.server.done(first)
    pair.server.failed(second, Code.CONFLICT, "older than the one held", "publish a newer one")
    pair.pump()
    assert pair.node_events[-2:] == [
        Answered(first, "", ""),
        Answered(second, "E_CONFLICT", "older than the one held", "publish a newer one"),
    ]
    assert pair.node.is_open


def test_a_refusal_with_more_words_than_a_message_carries_is_cut_short() -> None:
    pair = make_pair()
    pair.open()
    asked = pair.node.leave()
    pair.server.failed(asked, Code.CONFLICT, "a" * 5000, "b" * 5000)
    pair.pump()
    assert pair.node_event() == Answered(asked, "E_CONFLICT", "a" * 1024, "b" * 1024)
    assert pair.node.is_open


def test_leaving_is_a_request_that_the_owner_answers() -> None:
    pair = make_pair()
    pair.open()
    asked = pair.node.leave()
    pair.pump()
    assert pair.server_event() == LeaveWanted(asked)
    pair.server.done(asked)
    pair.pump()
    assert pair.node_event() == Answered(asked, "", "")


def test_sealed_bytes_pass_both_ways_unread() -> None:
    pair = make_pair()
    pair.open()
    pair.node.signal(PEER, b"sealed to the peer")
    pair.server.signal(PEER, b"sealed to us")
    pair.pump()
    assert pair.server_event() == SignalWanted(PEER, b"sealed to the peer")
    assert pair.node_event() == SignalArrived(PEER, b"sealed to us")


def test_of_too_many_waiting_signals_the_oldest_go_and_nothing_else() -> None:
    pair = make_pair()
    pair.open()
    pair.server.done(1)
    for number in range(SESSION_SIGNALS_MAX + 10):
        pair.server.signal(PEER, number.to_bytes(2, "big"))
    pair.server.done(2)
    pair.pump()
    arrived = [event.sealed for event in pair.node_events if isinstance(event, SignalArrived)]
    assert arrived == [number.to_bytes(2, "big") for number in range(10, SESSION_SIGNALS_MAX + 10)]
    assert [event.id for event in pair.node_events if isinstance(event, Answered)] == [1, 2]


def test_an_unknown_notice_is_skipped_and_an_unknown_request_answered() -> None:
    pair = make_pair()
    pair.open()
    pair.server.handle_bytes(b"\x82\xa1a\x01\xa1t\xa7weather", pair.now)
    assert pair.server.poll_transmit() is None
    pair.server.handle_bytes(b"\x82\xa2id\x2a\xa1t\xa7weather", pair.now)
    frame = pair.server.poll_transmit()
    assert frame is not None
    assert frames.from_server(frame, 4096) == m.Unsupported(id=42)
    pair.node.handle_bytes(frame, pair.now)
    pair.collect()
    assert pair.node_event() == Answered(42, "E_UNSUPPORTED", UNKNOWN_REQUEST, "update Warren on the server")
    assert pair.server.is_open


def test_unknown_fields_are_ignored_unless_they_must_be_understood() -> None:
    pair = make_pair()
    pair.open()
    pair.server.handle_bytes(b"\x83\xa1t\xa4ping\xa5token\x01\xa1z\x01", pair.now)
    assert pair.server.is_open
    pair.server.handle_bytes(b"\x83\xa2!z\x01\xa1t\xa4ping\xa5token\x01", pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.MALFORMED


def test_a_ping_is_answered_with_its_token() -> None:
    pair = make_pair()
    pair.open()
    pair.server.handle_bytes(frames.encode(m.Ping(token=123456)), pair.now)
    frame = pair.server.poll_transmit()
    assert frame is not None
    assert frames.from_server(frame, 4096) == m.Pong(token=123456)


def test_a_silent_line_is_pinged_and_stays_open_while_pings_are_answered() -> None:
    pair = make_pair()
    pair.open()
    for _ in range(20):
        before = pair.now
        assert pair.jump() == "a ping"
        assert pair.now == before + SESSION_IDLE_S
        pair.pump()
    assert pair.node.is_open
    assert pair.server.is_open


def test_a_dead_line_is_closed_after_unanswered_pings() -> None:
    pair = make_pair()
    pair.open()
    began = pair.now
    reasons = [pair.jump() for _ in range(3)]
    assert reasons == ["a ping", "a ping", "an answer to our pings"]
    assert pair.now == began + SESSION_DEAD_S
    assert pair.node_closed().code is Code.TIMEOUT
    assert pair.server_closed().code is Code.TIMEOUT
    assert pair.node_closed().fault is None
    assert pair.node.poll_timeout() is None


def test_a_machine_that_slept_for_hours_finds_its_session_dead_at_once() -> None:
    pair = make_pair()
    pair.open()
    pair.now += 8 * 3600
    pair.node.handle_timeout(pair.now)
    pair.collect()
    assert pair.node_closed().code is Code.TIMEOUT


def test_a_stranger_that_says_nothing_is_cut_after_ten_seconds() -> None:
    pair = make_pair()
    deadline = pair.server.poll_timeout()
    assert deadline == (pair.now + UNPROVEN_MAX_S, "the node's hello")
    assert pair.jump() in {"the node's hello", "the server's challenge"}
    assert pair.server_closed().code is Code.TIMEOUT


def test_time_that_a_stranger_spends_is_counted_over_all_its_states() -> None:
    pair = make_pair()
    began = pair.now
    pair.now += UNPROVEN_MAX_S - 1
    pair.challenge()
    assert pair.server.poll_timeout() == (began + UNPROVEN_MAX_S, "the node's proof")


def test_a_server_that_does_not_decide_in_time_says_so() -> None:
    pair = make_pair(network=NETWORK)
    pair.challenge()
    pair.node.resume(IDENTITY, pair.now)
    pair.pump()
    assert pair.server.poll_timeout() == (pair.now + SESSION_DECIDE_MAX_S, "the server's decision")
    pair.jump()
    assert pair.server_closed().code is Code.TIMEOUT


def test_an_oversized_frame_ends_an_open_session_too() -> None:
    pair = make_pair()
    pair.open()
    pair.server.handle_bytes(bytes(SESSION_FROM_NODE_MAX_BYTES + 1), pair.now)
    pair.pump()
    assert (pair.server_closed().code, pair.server_closed().fault) == (Code.TOO_LARGE, Side.REMOTE)


def test_who_asks_without_reading_the_answers_is_cut() -> None:
    pair = make_pair()
    pair.open()
    for number in range(SESSION_OUTBOX_MAX + 1):
        pair.server.handle_bytes(frames.encode(m.Ping(token=number)), pair.now)
    pair.collect()
    assert (pair.server_closed().code, pair.server_closed().fault) == (Code.BUSY, Side.REMOTE)
    last = pair.server.poll_transmit()
    assert last is not None
    assert isinstance(frames.from_server(last, 4096), m.Refused)
    assert pair.server.poll_transmit() is None


def test_a_lost_connection_closes_without_anybodys_fault() -> None:
    pair = make_pair()
    pair.open()
    pair.node.handle_disconnect(pair.now)
    pair.collect()
    closed = pair.node_closed()
    assert (closed.code, closed.by, closed.fault) == (Code.SERVER_UNREACHABLE, Side.REMOTE, None)
    assert pair.node.poll_transmit() is None


def test_nothing_is_heard_after_the_end() -> None:
    pair = make_pair()
    pair.open()
    pair.server.refuse(Code.REMOVED, "no longer a member")
    pair.pump()
    assert pair.node_closed().code is Code.REMOVED
    seen = len(pair.server_events)
    pair.server.handle_bytes(frames.encode(m.Signal(to=PEER, sealed=b"late")), pair.now)
    pair.server.refuse(Code.BUSY, "twice")
    pair.collect()
    assert len(pair.server_events) == seen


def test_words_after_the_end_are_dropped_because_the_end_may_have_come_meanwhile() -> None:
    pair = make_pair()
    pair.node.handle_timeout(pair.now + 60)
    pair.server.handle_timeout(pair.now + 60)
    pair.collect()
    while pair.node.poll_transmit() is not None:
        pass
    pair.node.resume(IDENTITY, pair.now + 60)
    pair.node.signal(PEER, b"late")
    pair.node.publish(RECORD)
    assert pair.node.poll_transmit() is None
    assert isinstance(frames.from_server(pair.server.poll_transmit() or b"", 4096), m.Refused)
    pair.server.admit(b"late", pair.now + 60)
    pair.server.challenge(network=NETWORK, genesis=b"late", nonce=bytes(32), now=pair.now + 60)
    assert pair.server.poll_transmit() is None
    assert (pair.node.is_closed, pair.server.is_closed) == (True, True)


def test_a_node_hears_of_relays_and_states_its_home() -> None:
    pair = make_pair()
    pair.open()
    place = m.RelayPlace(number=7, name="fra", key=PEER, udp=("192.0.2.1:3478",), url="https://fra.example.org")
    pair.server.tell_relays((place,), b"grant")
    pair.pump()
    assert pair.node_event() == RelaysTold(m.Relays(relays=(place,), grant=b"grant"))
    request = pair.node.state_home(7)
    pair.pump()
    assert pair.server_event() == HomeStated(request, 7)
    pair.server.done(request)
    pair.pump()
    assert pair.node_event() == Answered(request, "", "")


def test_a_server_from_before_relays_does_not_know_the_home() -> None:
    pair = make_pair()
    pair.open()
    request = pair.node.state_home(7)
    pair.to_server = lambda frame: frame.replace(b"\xa4home", b"\xa4hoMe")
    pair.pump()
    assert pair.node_event() == Answered(request, "E_UNSUPPORTED", UNKNOWN_REQUEST, "update Warren on the server")


def test_relays_with_too_many_entries_break_the_rules() -> None:
    pair = make_pair()
    pair.open()
    place = m.RelayPlace(number=7, name="fra", key=PEER)
    pair.server.tell_relays((place,) * (RELAYS_MAX + 1), b"")
    pair.pump()
    assert pair.node_closed().code is Code.MALFORMED
