"""The rules that both roles of a control session share; a pure state machine, driven by its owner.

Decides when a frame may come or go (by the table of `states`), how much a stranger may send and for how long, when
to ping, when the line is dead, and who broke a rule. Must not know sockets, clocks or documents: `now` (seconds,
monotonic) is an argument, randomness and keys are passed in, documents are bytes.

An owner feeds (`handle_bytes` with one WebSocket message, `handle_timeout`, `handle_disconnect`), then drains:
events with `poll_event`, answering each by the method that the event names, frames with `poll_transmit` until None,
and sleeps until `poll_timeout`. `poll_transmit` hands out one frame at a time: take the next only when the socket
took the last, then a slow reader holds one map and a bounded outbox. When `is_closed` and nothing is left to
transmit, close the socket.

Bytes of the network never raise. They change the session by the rules or close it with a code. What raises is
`LocalError`: the owner called what it may not call now, which is a bug. Words after the end are dropped, since the
end may have come while the owner was deciding: `Closed` waits among the events."""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from warren.errors import Code
from warren.limits import (
    SESSION_DEAD_S,
    SESSION_DECIDE_MAX_S,
    SESSION_EVENTS_MAX,
    SESSION_IDLE_S,
    SESSION_OUTBOX_MAX,
    SESSION_SIGNALS_MAX,
    TEXT_MAX_CHARS,
    UNPROVEN_MAX_BYTES,
    UNPROVEN_MAX_S,
)
from warren.protocol.control import frames
from warren.protocol.control.events import Closed, Side
from warren.protocol.control.messages import Message, Ping, Pong, Refused, Signal, Signalled, Unknown, Unsupported
from warren.protocol.control.states import TURNS, Role, State, is_proven, may_say

Event = TypeVar("Event")

# Codes that a peer answers with when we broke a rule of the protocol, not when it merely does not want us.
_RULE_CODES = frozenset({Code.MALFORMED, Code.TOO_LARGE, Code.OUT_OF_ORDER})


class LocalError(RuntimeError):
    """The owner called a method that the state of the session does not allow: a bug on this side."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    frame: bytes
    is_signal: bool


class Session(ABC, Generic[Event]):
    """One side of a session. Use NodeSession or ServerSession."""

    def __init__(self, role: Role, frame_max_bytes: int, now: float) -> None:
        self._role = role
        self._frame_max_bytes = frame_max_bytes
        self._state = State.HELLO
        self._began_at = now
        self._state_since = now
        self._heard_at = now
        self._pings_unanswered = 0
        self._stranger_bytes = 0
        self._outbox: deque[_Waiting] = deque()
        self._signals_waiting = 0
        self._events: deque[Event | Closed] = deque()

    # --- what the owner drives ---

    @property
    def state(self) -> State:
        """The state, for logs and tests."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether both sides are proved and the node is admitted."""
        return self._state is State.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether the session is over; frames may still wait in `poll_transmit`."""
        return self._state is State.CLOSED

    def handle_bytes(self, frame: bytes, now: float) -> None:
        """Take one binary WebSocket message. Never raises, whatever the bytes."""
        if self.is_closed:
            return
        if not self._is_within_limits(frame):
            return
        try:
            message = self._decode(frame, self._frame_max_bytes)
        except frames.MalformedError as error:
            self._break(error.code, error.text)
            return
        self._heard_at = now
        self._pings_unanswered = 0
        if isinstance(message, Unknown):
            self._handle_unknown(message)
        elif isinstance(message, Refused):
            self._handle_refused(message)
        elif not may_say(self._state, self._role.other, type(message)):
            self._break(
                Code.OUT_OF_ORDER, f"'{message.__struct_config__.tag}' may not come in state {self._state.value}"
            )
        elif isinstance(message, Ping):
            self._answer(Pong(token=message.token))
        elif not isinstance(message, Pong):
            self._handle_message(message, frame, now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Calling early or late is harmless."""
        while (due := self.poll_timeout()) is not None and due[0] <= now:
            if self._state is State.OPEN and now < self._heard_at + SESSION_DEAD_S:
                self._pings_unanswered += 1
                self._send(Ping(token=self._pings_unanswered))
                continue
            self._end(Code.TIMEOUT, f"no sign in time: {due[1]}", by=Side.LOCAL, retry_after_s=0)

    def handle_disconnect(self, now: float) -> None:  # noqa: ARG002 - one shape for every input
        """The transport ended (or failed) without a refusal."""
        if not self.is_closed:
            self._drop_outbox()
            self._close(Closed(Code.SERVER_UNREACHABLE, "the connection ended", Side.REMOTE))

    def poll_transmit(self) -> bytes | None:
        """Return the next frame to send, None where there is none now."""
        if not self._outbox:
            self._fill_outbox()
        if not self._outbox:
            return None
        waiting = self._outbox.popleft()
        self._signals_waiting -= waiting.is_signal
        return waiting.frame

    def poll_event(self) -> Event | Closed | None:
        """Return the next event, None where there is none."""
        return self._events.popleft() if self._events else None

    def poll_timeout(self) -> tuple[float, str] | None:
        """Return when `handle_timeout` is due and what for; None once closed."""
        if self._state is State.CLOSED:
            return None
        if self._state is State.OPEN:
            ping_at = self._heard_at + SESSION_IDLE_S * (self._pings_unanswered + 1)
            dead_at = self._heard_at + SESSION_DEAD_S
            return (ping_at, "a ping") if ping_at < dead_at else (dead_at, "an answer to our pings")
        reason = TURNS[self._state].reason
        if self._state is State.ADMISSION:
            return self._state_since + SESSION_DECIDE_MAX_S, reason
        return self._began_at + UNPROVEN_MAX_S, reason

    def refuse(self, code: Code, text: str, *, fix: str = "", retry_after_s: int = 0) -> None:
        """End the session and tell the other side why. Harmless once closed."""
        if not self.is_closed:
            self._end(code, text, by=Side.LOCAL, fix=fix, retry_after_s=retry_after_s)

    # --- what a role adds ---

    @abstractmethod
    def _decode(self, frame: bytes, max_bytes: int) -> Message | Unknown:
        """Return the message in the frame; raises frames.MalformedError."""

    @abstractmethod
    def _handle_message(self, message: Message, frame: bytes, now: float) -> None:
        """Act on a message that the table allows."""

    def _fill_outbox(self) -> None:
        """Put what is only made when the line is free into the outbox."""

    # --- what a role uses ---

    def _say(self, message: Message, now: float) -> bytes:
        """Send a message of the dialogue and pass the turn; returns its frame."""
        frame = self._send(message)
        if not self.is_closed:
            self._advance(now)
        return frame

    def _send(self, message: Message) -> bytes:
        """Put a message into the outbox and return its frame; empty where the session is over."""
        if self.is_closed:
            return b""
        if not may_say(self._state, self._role, type(message)):
            raise LocalError(f"{type(message).__name__} may not be sent in state {self._state.value}")
        frame = frames.encode(message)
        is_signal = isinstance(message, Signal | Signalled)
        if is_signal and self._signals_waiting >= SESSION_SIGNALS_MAX:
            self._drop_oldest_signal()
        self._outbox.append(_Waiting(frame, is_signal))
        self._signals_waiting += is_signal
        return frame

    def _answer(self, message: Message) -> None:
        """Send what the other side provoked; who provokes without reading is cut."""
        if len(self._outbox) >= SESSION_OUTBOX_MAX:
            self._drop_outbox()
            self._end(Code.BUSY, "too many answers wait to be read", by=Side.LOCAL, fault=Side.REMOTE)
            return
        self._send(message)

    def _advance(self, now: float) -> None:
        self._state = TURNS[self._state].then
        self._state_since = now

    def _emit(self, event: Event) -> None:
        if len(self._events) >= SESSION_EVENTS_MAX:
            self._end(Code.BUSY, "frames come faster than they are looked at", by=Side.LOCAL)
            return
        self._events.append(event)

    def _break(self, code: Code, text: str) -> None:
        """The other side broke a rule: say which and end."""
        self._end(code, text, by=Side.LOCAL, fault=Side.REMOTE)

    # --- within ---

    def _is_within_limits(self, frame: bytes) -> bool:
        if is_proven(self._state):
            return True  # the decoder holds each frame to the role's maximum
        self._stranger_bytes += len(frame)
        if self._stranger_bytes <= UNPROVEN_MAX_BYTES:
            return True
        self._break(Code.TOO_LARGE, f"more than {UNPROVEN_MAX_BYTES} bytes before a proof")
        return False

    def _handle_unknown(self, message: Unknown) -> None:
        if self._state is not State.OPEN:
            self._break(Code.OUT_OF_ORDER, f"an unknown message may not come in state {self._state.value}")
        elif message.id is not None:
            self._answer(Unsupported(id=message.id))

    def _handle_refused(self, message: Refused) -> None:
        try:
            code, text = Code(message.code), message.text
        except ValueError:
            code, text = Code.INTERNAL, f"{message.code}: {message.text}"
        self._drop_outbox()
        self._close(
            Closed(
                code=code,
                text=text,
                by=Side.REMOTE,
                fault=Side.LOCAL if code in _RULE_CODES else None,
                fix=message.fix,
                retry_after_s=min(message.retry_after_s, 3600),
            )
        )

    def _end(
        self, code: Code, text: str, *, by: Side, fault: Side | None = None, fix: str = "", retry_after_s: int = 0
    ) -> None:
        text, fix = text[:TEXT_MAX_CHARS], fix[:TEXT_MAX_CHARS]
        self._outbox = deque(waiting for waiting in self._outbox if not waiting.is_signal)
        self._signals_waiting = 0
        self._send(Refused(code=code.value, text=text, fix=fix, retry_after_s=retry_after_s))
        self._close(Closed(code, text, by, fault, fix, retry_after_s))

    def _close(self, closed: Closed) -> None:
        self._state = State.CLOSED
        self._events.append(closed)

    def _drop_outbox(self) -> None:
        self._outbox.clear()
        self._signals_waiting = 0

    def _drop_oldest_signal(self) -> None:
        oldest = next(index for index, waiting in enumerate(self._outbox) if waiting.is_signal)
        del self._outbox[oldest]
        self._signals_waiting -= 1
