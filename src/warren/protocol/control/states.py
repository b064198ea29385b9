"""The states of a control session and whose turn each is: one table for both roles.

A session is a short strict dialogue and then an open line. While the dialogue lasts exactly one side is to speak, and
the state is named after what that side has to say:

HELLO --node--> CHALLENGE --server--> PROOF --node--> ADMISSION --server--> OPEN --> CLOSED

Both roles are in the same state at the same time, but for what is on the wire; `Role` says whether the turn is ours
(then the owner of the machine is to call a method) or the other's (then a frame is to come). That is why one table
serves both: the machine checks with it what it sends (a wrong call is a bug of ours, LocalError) and what it receives
(a wrong frame is the other side's fault, and the session ends with OUT_OF_ORDER). `Refused` may come from either side
in every state and ends the session; so do the transport's end and a deadline.

Until PROOF was passed the other side is a stranger: at most UNPROVEN_MAX_BYTES are read from it and it gets
UNPROVEN_MAX_S in all, our own turns included. In ADMISSION the server may have to write to a disk, so it has a deadline
of its own. In OPEN both sides ping when the line is silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from warren.protocol.control import messages as m


class Role(Enum):
    """Which side of the session."""

    NODE = "node"
    SERVER = "server"

    @property
    def other(self) -> "Role":
        """The other side."""
        return Role.SERVER if self is Role.NODE else Role.NODE


class State(Enum):
    """What has to be said next (see the module)."""

    HELLO = "hello"
    CHALLENGE = "challenge"
    PROOF = "proof"
    ADMISSION = "admission"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Turn:
    """In a state of the dialogue: who speaks, what, and what comes after."""

    speaker: Role
    says: frozenset[type[m.Message]]
    then: State
    proven: bool
    reason: str
    """What the deadline of the state waits for, in words."""


TURNS: Final[Mapping[State, Turn]] = MappingProxyType(
    {
        State.HELLO: Turn(Role.NODE, frozenset({m.Hello}), State.CHALLENGE, proven=False, reason="the node's hello"),
        State.CHALLENGE: Turn(
            Role.SERVER, frozenset({m.Challenge}), State.PROOF, proven=False, reason="the server's challenge"
        ),
        State.PROOF: Turn(
            Role.NODE, frozenset({m.Join, m.Resume}), State.ADMISSION, proven=False, reason="the node's proof"
        ),
        State.ADMISSION: Turn(
            Role.SERVER, frozenset({m.Admitted}), State.OPEN, proven=True, reason="the server's decision"
        ),
    }
)

OPEN_LINE: Final[Mapping[Role, frozenset[type[m.Message]]]] = MappingProxyType(
    {
        Role.NODE: frozenset(
            {
                m.PublishRecord,
                m.HomeRelay,
                m.Leave,
                m.Submit,
                m.AskWaiting,
                m.Deny,
                m.Farewell,
                m.Signal,
                m.Ping,
                m.Pong,
                m.Unsupported,
                m.Told,
            }
        ),
        Role.SERVER: frozenset(
            {
                m.MapUpdate,
                m.Relays,
                m.WaitingJoins,
                m.Signalled,
                m.Done,
                m.Failed,
                m.Unsupported,
                m.Ping,
                m.Pong,
                m.Tell,
            }
        ),
    }
)
"""What either side may say once the session is open, in any order."""


def may_say(state: State, speaker: Role, kind: type[m.Message]) -> bool:
    """Return whether the table lets this side say this now."""
    if state is State.CLOSED:
        return False
    if kind is m.Refused:
        return True
    if state is State.OPEN:
        return kind in OPEN_LINE[speaker]
    turn = TURNS[state]
    return turn.speaker is speaker and kind in turn.says


def is_proven(state: State) -> bool:
    """Return whether the other side has proved who it is by the time this state is reached."""
    turn = TURNS.get(state)
    return turn is None or turn.proven
