"""What owners and admins ask of their daemon: `POST /v1/network/...`.

`sign` is asked twice: without `confirm` it answers what it would sign, line by line, and the digest of the lines; with
that digest in `confirm` it signs, sends and answers when the server has it. Where the lines are others by then, it
signs nothing and shows them anew. Secrets (a root's line, an invite's) are never logged.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.limits import KEY_LIFETIME_MAX_S, KEY_USES_MAX, MEMBER_MAX_TAGS, RECOVERY_KEYS_MAX

ActName = Literal[
    "lock",
    "unlock",
    "approve",
    "kick",
    "promote",
    "demote",
    "rename",
    "policy",
    "invite",
    "revoke-invite",
    "end-invite",
    "root-change",
    "recovery-set",
    "recovery-start",
    "recovery-sign",
]


class SignRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`who`: members or machines that wait, by name or identity in hex; for a lock, those to leave out. `name`: the new
    name, or the hostname of who is approved or invited. `code`: the words that the machine shows, compared where given.
    `policy`: the text. `uses`, `expires_s`, `tags`: of an invite. `quorum`: how many of `who` recover the network
    together; in `recovery-sign`, `name` is (the beginning of) the proposed key where several are proposed."""

    act: ActName
    network: str | None = None
    who: tuple[str, ...] = ()
    name: str = ""
    code: str = ""
    policy: str = ""
    tags: Annotated[tuple[str, ...], Meta(max_length=MEMBER_MAX_TAGS)] = ()
    uses: Annotated[int, Meta(ge=1, le=KEY_USES_MAX)] = 1
    expires_s: Annotated[int, Meta(ge=1, le=KEY_LIFETIME_MAX_S)] = 86400
    keep_keys: bool = False
    quorum: Annotated[int, Meta(ge=0, le=RECOVERY_KEYS_MAX)] = 0
    confirm: str | None = None


class SignResult(msgspec.Struct, frozen=True, kw_only=True):
    """`lines`: what is (`is_done`) or would be signed; `digest`: to confirm them with; `signer`: root or admin; `code`:
    the words of the machine that is approved; `secret`: an invite's line, once it is done; `server`: its URL."""

    network: str
    lines: tuple[str, ...]
    digest: str
    signer: str
    is_done: bool = False
    code: str = ""
    secret: str = ""
    server: str = ""


class WaitingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which network (None where there is only one); `who`: whom to deny."""

    network: str | None = None
    who: str = ""


class WaitingMachine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that waits; `code`: the words that its own screen shows."""

    name: str
    identity: str
    code: str
    since: float
    user: str = ""
    tags: tuple[str, ...] = ()
    os: str = ""


class WaitingResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits, or who was denied."""

    network: str
    machines: tuple[WaitingMachine, ...]


class FoundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A network to be founded: its root is made on this machine and stays. Keys in hex; `in_use`: prefixes that the
    server has."""

    name: str
    url: str
    server_key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    registrar: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    prefix: str | None = None
    prefix6: str | None = None
    in_use: tuple[str, ...] = ()


class FoundResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes in."""

    network: str
    genesis: bytes
    documents: tuple[bytes, ...]
    lines: tuple[str, ...] = ()


class RootRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Export: which network, by name or id. Import: the line, and what to sign as a proof of having it (hex)."""

    network: str | None = None
    secret: str = ""
    statement: Annotated[str, Meta(pattern="^([0-9a-f]{2})*$", max_length=512)] = ""


class RootResult(msgspec.Struct, frozen=True, kw_only=True):
    """`network`: its id in hex; `secret`: the root's line (export); `proof`: the signature (import), in hex."""

    network: str
    secret: str = ""
    proof: str = ""


class RecoveryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which network (None where there is only one)."""

    network: str | None = None


class RootProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A root that admins vote for: its key in hex, the words to compare it by, who voted, and how many it takes."""

    root: str
    words: str
    votes: tuple[str, ...]
    quorum: int


class RecoveryResult(msgspec.Struct, frozen=True, kw_only=True):
    """`root`: the root in force, in hex; `changes`: how often it has changed; `is_here`: whether its key is on this
    machine; `admins`: who may recover it, `quorum` of them together (0: nobody), but for those `without_vote`, who were
    ended since; `signers`: the keys, in hex, that may sign or vote for something, and the names of those members."""

    network: str
    root: str
    changes: int
    is_here: bool
    admins: tuple[str, ...] = ()
    quorum: int = 0
    proposals: tuple[RootProposal, ...] = ()
    without_vote: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
