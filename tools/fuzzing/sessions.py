"""The control session: frames in both directions, and both roles in every state with whatever the other side sends."""

import json
from collections.abc import Callable
from pathlib import Path

from tools.fuzzing.parser import Parser, require
from warren.errors import Code
from warren.limits import SESSION_FROM_NODE_MAX_BYTES, SESSION_FROM_SERVER_MAX_BYTES, SESSION_OUTBOX_MAX
from warren.model.keys import SigningKeyPair
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.events import Closed
from warren.protocol.control.node_role import PLAIN, NodeSession
from warren.protocol.control.server_role import ServerSession
from warren.protocol.control.states import State

_VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "protocol"
_FRAMES = tuple(bytes.fromhex(text) for text in json.loads((_VECTORS / "control.json").read_text()).values())
_KEY = SigningKeyPair(bytes([0x11]) * 32)
_SEPARATOR = b"\xc1\xc1"  # never in a msgpack value: between two frames of one input


def _says_yes(_key: bytes, _message: bytes, _signature: bytes) -> bool:
    """Signatures are others' business: here every state is to be reached."""
    return True


def check_from_node(frame: bytes) -> bool:
    """A frame of a node is a message that reads back as written, or MalformedError."""
    frames.offered_versions(frame, SESSION_FROM_NODE_MAX_BYTES)
    return _check_frame(frame, lambda data: frames.from_node(data, SESSION_FROM_NODE_MAX_BYTES))


def check_from_server(frame: bytes) -> bool:
    """The same of a server."""
    return _check_frame(frame, lambda data: frames.from_server(data, SESSION_FROM_SERVER_MAX_BYTES))


def _check_frame(frame: bytes, read: Callable[[bytes], m.Message | m.Unknown]) -> bool:
    try:
        message = read(frame)
    except frames.MalformedError as error:
        require(error.code in {Code.MALFORMED, Code.TOO_LARGE} and error.text, "a refusal without a reason")
        return False
    if not isinstance(message, m.Unknown):
        require(read(frames.encode(message)) == message, "it reads back differently")
    return True


def _server(state: int) -> ServerSession:
    session = ServerSession(server_key=_KEY.public, sign=lambda _: bytes(64), verify=_says_yes, now=0.0)
    if state >= 1:
        session.handle_bytes(frames.encode(m.Hello(versions=(1, 1), nonce=bytes(32), key_id="abcdefghij")), 0.0)
    if state >= 2:
        session.challenge(network=bytes(32), genesis=b"g", nonce=bytes(32), now=0.0)
    if state >= 3:
        session.handle_bytes(frames.encode(m.Resume(identity=bytes(32), signature=bytes(64))), 0.0)
    if state >= 4:
        session.admit(b"membership", 0.0)
    return session


def _node(state: int) -> NodeSession:
    session = NodeSession(nonce=bytes(32), verify=_says_yes, carrier=PLAIN, now=0.0, key_id="abcdefghij")
    challenge = m.Challenge(
        version=1, server_key=_KEY.public, nonce=bytes(32), network=bytes(32), genesis=b"g",
        certificate_sha256=b"", signature=bytes(64),
    )  # fmt: skip
    if state >= 1:
        session.handle_bytes(frames.encode(challenge), 0.0)
    if state >= 2:
        session.resume(identity=_KEY, now=0.0)
    if state >= 3:
        session.handle_bytes(frames.encode(m.Admitted(membership=b"membership")), 0.0)
    return session


def check_server_session(data: bytes) -> bool:
    """A node that says anything, from any state on (the first byte names it)."""
    return bool(data) and _check_session(_server(data[0] % 5), data[1:])


def check_node_session(data: bytes) -> bool:
    """A server that says anything."""
    return bool(data) and _check_session(_node(data[0] % 4), data[1:])


def _check_session(session: ServerSession | NodeSession, data: bytes) -> bool:
    """Never raises; ends once and says so last; holds no more than its limits; after the end nothing moves it."""
    closed: list[Closed] = []
    for number, frame in enumerate(data.split(_SEPARATOR)):
        was_closed = session.is_closed
        session.handle_bytes(frame, float(number))
        require(not was_closed or session.is_closed, "a closed session lives again")
        while (event := session.poll_event()) is not None:
            require(not closed, "an event after the end")
            if isinstance(event, Closed):
                closed.append(event)
        if number & 1:
            session.handle_timeout(float(number * 10))
    sent = 0
    while session.poll_transmit() is not None:
        sent += 1
    require(sent <= SESSION_OUTBOX_MAX + 2, f"{sent} frames wait")
    while (event := session.poll_event()) is not None:
        if isinstance(event, Closed):
            closed.append(event)
    require(len(closed) == int(session.is_closed), "the end is told once")
    require(session.is_closed == (session.state is State.CLOSED), "two words for one state")
    require(all(one.text for one in closed), "an end says why")
    return not session.is_closed


_TALKS = tuple(bytes([state]) + frame for state in range(5) for frame in _FRAMES)
_LONG = tuple(bytes([state]) + _SEPARATOR.join(_FRAMES[:4]) for state in (0, 3, 4))

PARSERS = (
    Parser("frame_from_node", _FRAMES, check_from_node, _FRAMES),
    Parser("frame_from_server", _FRAMES, check_from_server, _FRAMES),
    Parser("session_of_server", (*_TALKS, *_LONG), check_server_session, (_SEPARATOR, *_FRAMES)),
    Parser("session_of_node", (*_TALKS, *_LONG), check_node_session, (_SEPARATOR, *_FRAMES)),
)
