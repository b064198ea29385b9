"""`/api/v1/networks`: GET lists, POST creates; `/api/v1/networks/{network}`: GET shows, PATCH renames, DELETE deletes.

`{network}` is a name or an id in hex. A network whose root lives on its owner's device is founded there: `GET
/api/v1/founding` says what its documents have to name, POST brings them. `POST .../{network}/take-over` moves a root
that a server holds: it shows the key, and with a proof of it (Ed25519 over `take_over_statement`) forgets its own.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from warren.protocol.rest.paging import Page


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network on this server. `root` says where its root key lives (`this server`, `owner`)."""

    id: str
    name: str
    suffix: str
    prefixes: tuple[str, ...]
    root: str
    root_key: str
    server_key: str
    locked: bool
    members: int
    online: int
    created_at: float


class NetworkCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`prefix`: an IPv4 prefix of /8 to /28, within 100.64.0.0/10 or RFC 1918; None: the server draws a /16 of the
    first. `prefix6`: a /64 of fd00::/8; None: a random one. `genesis` and `documents` (base64): of a network that was
    founded on its owner's device; they say the prefixes then."""

    name: str
    prefix: str | None = None
    prefix6: str | None = None
    genesis: Annotated[bytes, Meta(max_length=2048)] = b""
    documents: Annotated[tuple[bytes, ...], Meta(max_length=16)] = ()


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """What the documents of a network on this server name: its URL and key, its registrar's key (both in hex), and
    which IPv4 prefixes are in use here."""

    url: str
    server_key: str
    registrar: str
    prefixes: tuple[str, ...]


class TakeOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`proof`: empty to be shown the root key, then its signature (hex), by which the server forgets it."""

    proof: Annotated[str, Meta(max_length=128)] = ""


class TakenOver(msgspec.Struct, frozen=True, kw_only=True):
    """`secret`: the root key's line (`wr.…`), empty once a proof was given; `network` as it is then."""

    network: Network
    secret: str = ""


def take_over_statement(network: bytes) -> bytes:
    """What the root signs to prove that it has arrived; `network` is the id, 32 bytes."""
    return b"warren/take-over/v1\0" + network


class NetworkRename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new name. Names of peers change with it."""

    name: str


class Networks(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    networks: tuple[Network, ...]
