"""The messages of the control session, as values.

Each is a msgpack map with the key `t` as its kind. A message with an `id` is a request: it is answered by `Done`,
`Failed` or `Unsupported` with that id. One without is a notice. Signed documents are opaque bytes here; `trust` reads
them. Times are Unix seconds, keys and nonces 32 bytes, signatures Ed25519 (64 bytes) over the bytes of `transcript`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from warren.limits import (
    DELEGATION_SHOWN_MAX_BYTES,
    DOCUMENT_MAX_BYTES,
    GROUP_MAX_CHARS,
    GROUPS_MAX,
    HEAD_MAX_BYTES,
    MAP_MAX_DOCUMENTS,
    MEMBER_MAX_TAGS,
    RELAY_ENDPOINTS_MAX,
    RELAY_GRANT_MAX_BYTES,
    RELAYS_MAX,
    RESUME_MEMBERSHIP_MAX_BYTES,
    SEALED_MAX_BYTES,
    TEXT_MAX_CHARS,
    WAITING_MAX,
)

Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Document = Annotated[bytes, Meta(min_length=1, max_length=DOCUMENT_MAX_BYTES)]
Sealed = Annotated[bytes, Meta(min_length=1, max_length=SEALED_MAX_BYTES)]
Text = Annotated[str, Meta(max_length=TEXT_MAX_CHARS)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
RequestId = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", omit_defaults=True):
    """What every message has in common: the key `t`, and that a field at its default is left out (nil does not
    exist)."""


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Node, first: what it speaks and which network it means (by id, or by the id of the key it joins with)."""

    versions: Annotated[tuple[Count, Count], Meta(description="oldest and newest version spoken")]
    nonce: Nonce
    network: Digest | None = None
    key_id: Annotated[str, Meta(max_length=64)] | None = None
    program: Text = ""


class Challenge(Message, frozen=True, kw_only=True, tag="challenge"):
    """Server, second: who it is, proved over the node's hello; what the node's proof has to cover."""

    version: Count
    server_key: Key
    nonce: Nonce
    network: Digest
    genesis: Annotated[bytes, Meta(max_length=2048)]
    certificate_sha256: Annotated[bytes, Meta(max_length=32)]
    signature: Signature
    prefixes: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=4)] = ()
    """To who means to join: what its addresses will be in, so that a machine where they collide does not use up its
    key. A hint beside the signature; what counts are the network's settings."""
    delegation: Annotated[bytes, Meta(max_length=DELEGATION_SHOWN_MAX_BYTES)] = b""
    """To who joins with an invite of a locked network: the document that lets the invite's key admit it."""
    time: Count = 0
    """The server's clock, Unix seconds (0: an older server). A hint beside the signature: by it a person is told that a
    clock is off, and a key is not spent by a machine that would believe nobody."""


class Resume(Message, frozen=True, kw_only=True, tag="resume"):
    """Node, third, when it is a member already. `membership` and `heads` are what it holds: a server that was brought
    back from a copy sees by them that it knows less than its nodes."""

    identity: Key
    signature: Signature
    membership: Annotated[bytes, Meta(max_length=RESUME_MEMBERSHIP_MAX_BYTES)] = b""
    heads: Annotated[tuple[Annotated[bytes, Meta(max_length=HEAD_MAX_BYTES)], ...], Meta(max_length=2)] = ()


class Join(Message, frozen=True, kw_only=True, tag="join"):
    """Node, third, when it joins with a pre-auth key."""

    identity: Key
    signature: Signature
    key_id: Annotated[str, Meta(min_length=1, max_length=64)]
    key_signature: Signature
    hostname: Annotated[str, Meta(max_length=63)]
    record: Document
    tags: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=MEMBER_MAX_TAGS)] = ()
    os: Text = ""
    ephemeral: bool = False
    membership: Annotated[bytes, Meta(max_length=RESUME_MEMBERSHIP_MAX_BYTES)] = b""
    """Its own membership, signed by the key that it joins with, where that was delegated to."""


class Refused(Message, frozen=True, kw_only=True, tag="refused"):
    """Either side, last: why the session ends. `code` is one of warren.errors.Code (a newer program may know more)."""

    code: Annotated[str, Meta(max_length=64)]
    text: Text
    fix: Text = ""
    retry_after_s: Count = 0


class Admitted(Message, frozen=True, kw_only=True, tag="admitted"):
    """Server, fourth: the node is a member by this document."""

    membership: Document


class Presence(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Whether a member has a session, when it last had one (Unix seconds, 0: never), and the number of its home relay
    (0: none, or an older server that does not tell).
    """

    identity: Key
    online: bool
    last_seen: Count = 0
    relay: Count = 0


class MapUpdate(Message, frozen=True, kw_only=True, tag="map"):
    """Server: what this node may see. `full` replaces everything told before, else a difference to it.

    `gone` names documents that the node need not hold any more as (kind, subject); it says nothing about validity.
    """

    version: Count
    full: bool
    documents: Annotated[tuple[Document, ...], Meta(max_length=MAP_MAX_DOCUMENTS)] = ()
    gone: Annotated[tuple[tuple[str, bytes], ...], Meta(max_length=MAP_MAX_DOCUMENTS)] = ()
    presence: Annotated[tuple[Presence, ...], Meta(max_length=MAP_MAX_DOCUMENTS)] = ()


class Tell(Message, frozen=True, kw_only=True, tag="tell"):
    """Server: it was brought back from a copy; tell it every document that you hold. Answered with `Told`."""


class Told(Message, frozen=True, kw_only=True, tag="told"):
    """Node: documents that it holds, in as many of these as they take; the `last` one ends it."""

    documents: Annotated[tuple[Document, ...], Meta(max_length=MAP_MAX_DOCUMENTS)] = ()
    last: bool = False


class RelayPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A relay: its number (from 1, stable, chosen by the server), name, and how it is reached.

    `udp` are `HOST:PORT` texts, `url` is `http(s)://HOST[:PORT]` of its WebSocket (empty: none), `key` the X25519 key
    that proves it.
    """

    number: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    name: Annotated[str, Meta(min_length=1, max_length=63)]
    key: Key
    udp: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=RELAY_ENDPOINTS_MAX)] = ()
    url: Annotated[str, Meta(max_length=300)] = ""


class Relays(Message, frozen=True, kw_only=True, tag="relays"):
    """Server, a notice: every relay of the network and the grant that lets this node use them, both replacing what was
    told before. Comes when the session is open, when something of it changed, and at half the grant's life.

    `grant` is signed bytes for the relays (`protocol.relay`), empty where there are none.
    """

    relays: Annotated[tuple[RelayPlace, ...], Meta(max_length=RELAYS_MAX)] = ()
    grant: Annotated[bytes, Meta(max_length=RELAY_GRANT_MAX_BYTES)] = b""


class HomeRelay(Message, frozen=True, kw_only=True, tag="home"):
    """Node, a request: at this relay I can be reached (0: at none). Told to its peers in `Presence.relay`."""

    id: RequestId
    relay: Count


class PublishRecord(Message, frozen=True, kw_only=True, tag="publish"):
    """Node, a request: its newest node record."""

    id: RequestId
    document: Document


class Leave(Message, frozen=True, kw_only=True, tag="leave"):
    """Node, a request: end my membership. Answered, then the server closes. `removal` is the node's own word for it,
    which a locked network takes since nobody else is there to sign one."""

    id: RequestId
    removal: Annotated[bytes, Meta(max_length=RESUME_MEMBERSHIP_MAX_BYTES)] = b""


class Submit(Message, frozen=True, kw_only=True, tag="submit"):
    """Node, a request: documents that an owner or admin signed, to be stored and told all at once. In as many of these
    with one id as they take; the last one has no `more` and is answered. `keep_keys`: the keys of those who are removed
    stay good."""

    id: RequestId
    documents: Annotated[tuple[Document, ...], Meta(max_length=MAP_MAX_DOCUMENTS)] = ()
    more: bool = False
    keep_keys: bool = False


class AskWaiting(Message, frozen=True, kw_only=True, tag="ask-waiting"):
    """Node of an admin, a request: which machines wait to be approved? Answered by `WaitingJoins` or `Failed`."""

    id: RequestId


class Deny(Message, frozen=True, kw_only=True, tag="deny"):
    """Node of an admin, a request: refuse a machine that waits."""

    id: RequestId
    identity: Key


class Farewell(Message, frozen=True, kw_only=True, tag="farewell"):
    """Node that is ephemeral in a locked network, a request: its own word that it leaves, to be kept and told only when
    it has been away for too long. Nobody there would be to sign one then."""

    id: RequestId
    removal: Annotated[bytes, Meta(min_length=1, max_length=RESUME_MEMBERSHIP_MAX_BYTES)]


class WaitingJoin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A machine that waits: what it says of itself, since when (Unix seconds), and the address it would get."""

    identity: Key
    hostname: Annotated[str, Meta(max_length=63)]
    since: Count
    user: Annotated[str, Meta(max_length=255)] = ""
    tags: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=MEMBER_MAX_TAGS)] = ()
    os: Annotated[str, Meta(max_length=255)] = ""
    ipv4: Annotated[str, Meta(max_length=15)] = ""
    groups: Annotated[tuple[Annotated[str, Meta(max_length=GROUP_MAX_CHARS)], ...], Meta(max_length=GROUPS_MAX)] = ()
    """Of the user whose machine it is, as their provider said last: they stand in the membership."""
    ephemeral: bool = False


class WaitingJoins(Message, frozen=True, kw_only=True, tag="waiting"):
    """Server, the answer to `AskWaiting`."""

    id: RequestId
    joins: Annotated[tuple[WaitingJoin, ...], Meta(max_length=WAITING_MAX)] = ()


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """Answer: the request was carried out."""

    id: RequestId


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """Answer: the request was refused; the session goes on. `fix`: what to do (an older server: empty)."""

    id: RequestId
    code: Annotated[str, Meta(max_length=64)]
    text: Text
    fix: Text = ""


class Unsupported(Message, frozen=True, kw_only=True, tag="unsupported"):
    """Answer: this side does not know the request."""

    id: RequestId


class Signal(Message, frozen=True, kw_only=True, tag="signal"):
    """Node: bytes for a peer, sealed; the server cannot read them and drops them where the peer has no session."""

    to: Key
    sealed: Sealed


class Signalled(Message, frozen=True, kw_only=True, tag="signalled"):
    """Server: bytes of a peer. Who sealed them shows only in opening them; `sender` is the server's word."""

    sender: Key
    sealed: Sealed


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Either side: are you there? Answered by `Pong` with the token."""

    token: Count


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """Answer to `Ping`."""

    token: Count


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a kind that this program does not know; a request where it has an id."""

    kind: str
    id: int | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What can be read of any message, known or not."""

    t: Annotated[str, Meta(max_length=64)]
    id: RequestId | None = None


class VersionsOnly(msgspec.Struct, frozen=True, kw_only=True):
    """What must stay readable of a hello of any version."""

    versions: tuple[Count, Count]


FromNode = (
    Hello
    | Resume
    | Join
    | Refused
    | PublishRecord
    | HomeRelay
    | Leave
    | Submit
    | AskWaiting
    | Deny
    | Farewell
    | Signal
    | Ping
    | Pong
    | Unsupported
    | Told
)
FromServer = (
    Challenge
    | Refused
    | Admitted
    | MapUpdate
    | Relays
    | WaitingJoins
    | Signalled
    | Done
    | Failed
    | Unsupported
    | Ping
    | Pong
    | Tell
)
