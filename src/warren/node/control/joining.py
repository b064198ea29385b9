"""The way into a network with a pre-auth key, up to the membership document.

Decides the order: the server shows the network and its key, the pin of `wk.…` is checked before anything of ours
leaves (not even the name), then that our clock lets us believe what we will be shown; the node's keys are on disk
before the server is asked to admit them, so that a crash cannot lose an admitted identity. Must not know the daemon or
files.
"""

import asyncio
import contextlib
import platform
import time
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from warren.errors import Code, WarrenError
from warren.limits import EPHEMERAL_LOCKED_LIFETIME_S, SERVER_CLOSE_MAX_S
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.control.connection import Connection, UnreachableError, open_connection
from warren.node.control.place import ServerPlace
from warren.node.control.server_time import refusal
from warren.node.keys import NodeKeys
from warren.node.ledger import parse_genesis
from warren.protocol.control.events import AdmittedAs, Answered, Challenged, Closed
from warren.trust.admission_key import AdmissionKey, is_pinned, sign_join
from warren.trust.authenticate import Authentic, authenticate, root_of
from warren.trust.documents import Delegation, Kind, Membership
from warren.trust.signing import sign


@dataclass(frozen=True, slots=True)
class Introduced:
    """A server that the key's pin vouches for, waiting for our proof."""

    connection: Connection
    network: NetworkId
    genesis: Authentic
    server_key: bytes
    key_challenge: bytes
    delegation: bytes
    """By which the key admits on its own, in a locked network; empty where it does not."""
    prefixes: tuple[IPv4Network | IPv6Network, ...]
    """What the network's addresses are in, so the server says; empty where it does not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a node says of itself when it joins; `ipv4` is its own affair: whether it is in the network by that too."""

    hostname: str
    tags: tuple[str, ...]
    ephemeral: bool
    ipv4: bool = True


async def introduce(place: ServerPlace, key: AdmissionKey) -> Introduced:
    """Connect and find out which network the key is for. WarrenError: unreachable, refused, or PIN_MISMATCH."""
    connection = await open_connection(place, key_id=key.id)
    try:
        return await _introduced(connection, key)
    except BaseException:
        connection.abort()
        raise


async def _introduced(connection: Connection, key: AdmissionKey) -> Introduced:
    event = await connection.event()
    if not isinstance(event, Challenged):
        raise closed_error(event, connection.place)
    network, genesis = parse_genesis(event.genesis)
    if network != event.network or not is_pinned(key, network, root_of(genesis), event.server_key):
        await connection.close(Code.PIN_MISMATCH, "the key's pin names another server or network")
        raise WarrenError(
            Code.PIN_MISMATCH,
            f"the server at {connection.place.url} is not the one that made this key",
            "check --server; if it is right, somebody may stand between you and it",
        )
    refused = refusal(connection.server_time, time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
    if refused is not None:
        await connection.close(refused.code, refused.text)
        raise refused
    return Introduced(
        connection,
        network,
        genesis,
        event.server_key,
        event.key_challenge,
        event.delegation,
        _read_prefixes(event.prefixes),
    )


def _read_prefixes(told: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """A hint of a server: what is none is left out."""
    found = []
    for one in told:
        with contextlib.suppress(ValueError):
            found.append(ip_network(one))
    return tuple(found)


async def enter(
    introduced: Introduced,
    key: AdmissionKey,
    keys: NodeKeys,
    record: bytes,
    entry: Entry,
    *,
    now: int,
) -> bytes:
    """Ask to be admitted at `now` (Unix seconds); returns the membership document (to be verified like any other).

    WarrenError if refused.
    """
    connection = introduced.connection
    identity = keys.identity
    connection.join(
        identity,
        key_id=key.id,
        key_signature=sign_join(key.seed, identity.public, introduced.network, introduced.key_challenge),
        hostname=entry.hostname,
        record=record,
        tags=entry.tags,
        os=platform.system().lower(),
        ephemeral=entry.ephemeral,
        membership=_own_membership(introduced, key, identity.public, entry, now),
    )
    event = await connection.event()
    if not isinstance(event, AdmittedAs):
        raise closed_error(event, connection.place)
    return event.membership


def _own_membership(introduced: Introduced, key: AdmissionKey, me: Identity, entry: Entry, now: int) -> bytes:
    """The membership that the key of an invite signs, where it was delegated to; empty where it was not."""
    document = authenticate(introduced.network, introduced.delegation) if introduced.delegation else None
    if not isinstance(document, Authentic) or not isinstance(document.body, Delegation):
        return b""
    given = document.body
    if given.delegate != key.public:
        return b""
    bounds = given.limits
    fixed = "" if "*" in bounds.hostname else bounds.hostname
    body = Membership(
        counter=1,
        date=now,
        under=given.epoch,
        identity=me,
        hostname=fixed or entry.hostname,
        ipv4=bounds.ipv4.removesuffix("/32") if bounds.ipv4.endswith("/32") else "",
        tags=tuple(sorted(bounds.tags or ())),
        joined=now,
        ephemeral=entry.ephemeral,
        expires=now + EPHEMERAL_LOCKED_LIFETIME_S if entry.ephemeral else None,
    )
    return sign(Kind.MEMBERSHIP, introduced.network, body, SigningKeyPair(key.seed.reveal()))


async def retract(connection: Connection) -> None:
    """Take a membership back that this node cannot use after all; what cannot be told in time is left to an admin."""
    try:
        async with asyncio.timeout(SERVER_CLOSE_MAX_S):
            connection.leave()
            while not isinstance(await connection.event(), Answered | Closed):
                pass
    except (TimeoutError, WarrenError):
        return
    finally:
        connection.abort()


def closed_error(event: object, place: ServerPlace) -> WarrenError:
    """What a user hears of a session that ended before it was open."""
    if not isinstance(event, Closed):
        return WarrenError(Code.OUT_OF_ORDER, f"the server at {place.url} said what it may not say now")
    if event.code is Code.SERVER_UNREACHABLE:
        return UnreachableError(f"the server at {place.url} ended the connection", retry_after_s=event.retry_after_s)
    if event.code is Code.TIMEOUT:
        return UnreachableError(f"the server at {place.url} did not answer in time: {event.text}")
    return WarrenError(event.code, event.text, event.fix)
