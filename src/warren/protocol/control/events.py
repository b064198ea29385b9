"""What a control session tells its owner, as values. Each event that needs an answer names the method that gives it."""

from dataclasses import dataclass
from enum import Enum

from warren.errors import Code
from warren.protocol.control.messages import Join, MapUpdate, Relays, WaitingJoin


class Side(Enum):
    """Seen from this machine."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over; nothing follows.

    `by` ended it. `fault` broke a rule of the protocol, None where nobody did (a refusal, a timeout, a lost
    connection). `retry_after_s`: at least this long before the next try.
    """

    code: Code
    text: str
    by: Side
    fault: Side | None = None
    fix: str = ""
    retry_after_s: int = 0


# --- at the node ---


@dataclass(frozen=True, slots=True)
class Challenged:
    """The server showed its key and proved it. Check pin or known key and that `genesis` is of `network`; then `join`,
    `resume` or `refuse`. `key_challenge` is what the pre-auth key signs."""

    version: int
    network: bytes
    server_key: bytes
    genesis: bytes
    key_challenge: bytes
    prefixes: tuple[str, ...] = ()
    delegation: bytes = b""
    time: int = 0


@dataclass(frozen=True, slots=True)
class AdmittedAs:
    """The session is open; this is our membership document (to be verified like any other)."""

    membership: bytes


@dataclass(frozen=True, slots=True)
class MapChanged:
    """What this node may see has changed; `update.full` replaces all that was told before."""

    update: MapUpdate


@dataclass(frozen=True, slots=True)
class RelaysTold:
    """The relays of the network and this node's grant; replaces what was told before."""

    told: Relays


@dataclass(frozen=True, slots=True)
class SignalArrived:
    """Sealed bytes from a peer; `sender` is the server's word until they are opened."""

    sender: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A request of ours was answered: `code` is empty where it was carried out, else a stable code, and `fix` what to
    do (may be empty)."""

    id: int
    code: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class WaitingShown:
    """The answer to a question of ours: the machines that wait to be approved, as the server says."""

    id: int
    joins: tuple[WaitingJoin, ...]


@dataclass(frozen=True, slots=True)
class TellWanted:
    """The server was brought back from a copy and wants to know what this node holds. Answer: `tell`."""


# --- at the server ---


@dataclass(frozen=True, slots=True)
class Greeted:
    """A node said which network it means (by id, or by its key's id). Answer: `challenge` or `refuse`."""

    version: int
    network: bytes | None
    key_id: str | None
    program: str


@dataclass(frozen=True, slots=True)
class ResumeWanted:
    """The node proved this identity; `membership` and `heads` are what it holds, not verified. Answer: `admit` or
    `refuse`.
    """

    identity: bytes
    membership: bytes = b""
    heads: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinWanted:
    """The node proved its identity; `join.key_signature` over `key_challenge` is for the owner to check. Answer:
    `admit` or `refuse`.
    """

    join: Join
    key_challenge: bytes


@dataclass(frozen=True, slots=True)
class RecordPublished:
    """The node's newest record. Answer: `done` or `failed` with the id."""

    id: int
    document: bytes


@dataclass(frozen=True, slots=True)
class HomeStated:
    """The node can be reached at this relay (0: at none). Answer: `done` or `failed` with the id."""

    id: int
    relay: int


@dataclass(frozen=True, slots=True)
class LeaveWanted:
    """The node ends its membership, by its own word where it gives one. Answer: `done` (then `refuse` with REMOVED, or
    just close) or `failed`."""

    id: int
    removal: bytes = b""


@dataclass(frozen=True, slots=True)
class BatchSubmitted:
    """Documents of an owner or admin, or a part of them; not verified. Answer the last: `done` or `failed`."""

    id: int
    documents: tuple[bytes, ...]
    more: bool
    keep_keys: bool


@dataclass(frozen=True, slots=True)
class WaitingAsked:
    """An admin's node wants to know who waits. Answer: `show_waiting` or `failed`."""

    id: int


@dataclass(frozen=True, slots=True)
class DenyWanted:
    """An admin's node refuses a machine that waits. Answer: `done` or `failed`."""

    id: int
    identity: bytes


@dataclass(frozen=True, slots=True)
class FarewellLeft:
    """An ephemeral node's own word that it leaves, for later; not verified. Answer: `done` or `failed`."""

    id: int
    removal: bytes


@dataclass(frozen=True, slots=True)
class SignalWanted:
    """Sealed bytes for another node; dropped where it has no session."""

    to: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class DocumentsTold:
    """What the node holds, not verified; it was asked to tell. `last`: it has told all."""

    documents: tuple[bytes, ...]
    last: bool


NodeEvent = (
    Challenged | AdmittedAs | MapChanged | RelaysTold | SignalArrived | Answered | WaitingShown | TellWanted | Closed
)
ServerEvent = (
    Greeted
    | ResumeWanted
    | JoinWanted
    | RecordPublished
    | HomeStated
    | LeaveWanted
    | BatchSubmitted
    | WaitingAsked
    | DenyWanted
    | FarewellLeft
    | SignalWanted
    | DocumentsTold
    | Closed
)
