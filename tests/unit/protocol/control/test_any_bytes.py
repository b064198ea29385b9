"""Whatever bytes come, in whatever state: nothing raises, and the session is unchanged, goes on by the rules, or is
closed with a code."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol.control.pair import GENESIS, IDENTITY, MEMBERSHIP, NETWORK, SERVER_NONCE, Pair, make_pair
from tools.golden_protocol import control_messages

from warren.errors import Code
from warren.protocol.control import frames
from warren.protocol.control.events import Closed
from warren.protocol.control.node_role import NodeSession
from warren.protocol.control.server_role import ServerSession
from warren.protocol.control.states import State

VALID = tuple(frames.encode(message) for message in control_messages().values())
STEPS = ("fresh", "greeted", "challenged", "proved", "open", "closed")


def brought_to(step: str) -> Pair:
    """A pair that has come so far."""
    pair = make_pair(network=NETWORK)
    if step == "fresh":
        return pair
    pair.pump()
    if step == "greeted":
        return pair
    pair.server.challenge(network=NETWORK, genesis=GENESIS, nonce=SERVER_NONCE, now=pair.now)
    pair.pump()
    if step == "challenged":
        return pair
    pair.node.resume(IDENTITY, pair.now)
    pair.pump()
    if step == "proved":
        return pair
    pair.server.admit(MEMBERSHIP, pair.now)
    pair.pump()
    if step == "closed":
        pair.server.refuse(Code.BUSY, "enough")
        pair.pump()
    return pair


def drain(session: NodeSession | ServerSession) -> list[object]:
    """Take every frame and event, a bounded number."""
    for _ in range(1000):
        if session.poll_transmit() is None:
            break
    events: list[object] = []
    while (event := session.poll_event()) is not None:
        events.append(event)
    return events


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid frame with a few bytes changed, cut or added."""
    frame = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(frame)))
        match draw(st.sampled_from(["set", "cut", "add"])):
            case "set" if at < len(frame):
                frame[at] = draw(st.integers(0, 255))
            case "cut":
                del frame[at:]
            case _:
                frame[at:at] = draw(st.binary(min_size=1, max_size=4))
    return bytes(frame)


def check(session: NodeSession | ServerSession, sent: list[bytes], now: float) -> None:
    was_closed = session.is_closed
    drain(session)
    for frame in sent:
        before = session.state
        session.handle_bytes(frame, now)
        events = drain(session)
        closed = [event for event in events if isinstance(event, Closed)]
        assert len(closed) == (session.is_closed and before is not State.CLOSED)
        assert all(isinstance(one.code, Code) and one.text for one in closed)
        if was_closed:
            assert events == []
        due = session.poll_timeout()
        assert (due is None) == session.is_closed
    session.handle_timeout(now + 1e9)
    drain(session)
    assert session.is_closed


@pytest.mark.parametrize("step", STEPS)
@settings(max_examples=150, deadline=None)
@given(sent=st.lists(st.one_of(st.binary(max_size=200), mutated()), min_size=1, max_size=6))
def test_nothing_that_comes_raises(step: str, sent: list[bytes]) -> None:
    pair = brought_to(step)
    check(pair.node, sent, pair.now)
    check(pair.server, sent, pair.now)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("frame", VALID, ids=list(control_messages()))
def test_no_valid_message_raises_wherever_it_comes(step: str, frame: bytes) -> None:
    pair = brought_to(step)
    check(pair.node, [frame], pair.now)
    check(pair.server, [frame], pair.now)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"\x81" * 5000, b"\x91" * 100, b"\x81\xa1t\xd9\x02\xff\xfe", b"\x82\xa1t\xa4ping\xa1t\xa4ping"],
    ids=["empty", "unused byte", "nested maps", "nested arrays", "no UTF-8", "a key twice"],
)
def test_bytes_that_are_no_message_close_with_a_code_and_blame_the_sender(frame: bytes) -> None:
    pair = brought_to("open")
    pair.server.handle_bytes(frame, pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.MALFORMED
    assert pair.node_closed().code is Code.MALFORMED
