"""`POST /v1/up`: be on; join a network where `server` and `auth_key` say so. Streams `Progress`, ends in `UpResult`."""

import msgspec

from warren.model.transport import TransportWish
from warren.protocol.local.stream import Broken, Line, Progress


class UpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user typed; None means 'as it was'.

    Without `server` the networks on disk are brought up; `network` names the one that is waited for. `state` is the
    folder that the caller means: a daemon of another one refuses. `auth_key` is a secret: never logged. `alias`: what
    the network is called on this machine; `ipv6_only`: it is here by IPv6 alone.
    """

    server: str | None = None
    network: str | None = None
    state: str | None = None
    auth_key: str | None = None
    hostname: str | None = None
    tags: tuple[str, ...] | None = None
    ephemeral: bool | None = None
    operator: str | None = None
    port: int | None = None
    force_relay: bool | None = None
    transport: TransportWish | None = None
    alias: str | None = None
    ipv6_only: bool | None = None
    timeout_s: float = 30.0


class UpNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network that is in force. `state_of` is set (Unix seconds) where the server is away and disk's state is
    used."""

    network: str
    name: str
    fqdn: str
    addresses: tuple[str, ...]
    server: str
    joined: bool
    state_of: float | None = None


class UpResult(Line, frozen=True, kw_only=True, tag="up"):
    """The last line of a stream that succeeded."""

    networks: tuple[UpNetwork, ...]
    warnings: tuple[str, ...] = ()
    survives_reboot: bool = False


UpLine = Progress | UpResult | Broken
