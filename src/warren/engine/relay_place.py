"""What the engine needs to use one relay: a frozen value made by the node's `paths.relays`.

Pure. Must not know how relays are chosen, nor what certificate and grant say: they are bytes for the relay.
"""

from dataclasses import dataclass

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair


@dataclass(frozen=True, slots=True)
class RelaySession:
    """One relay and this node's right to use it.

    `endpoints`: UDP, the best first (none: WebSocket only); `url`: `http(s)://HOST[:PORT]` of the WebSocket (empty: UDP
    only); `proxy`: `http://[USER:PASSWORD@]HOST:PORT` for that (empty: none). `certificate` is about `session_key`,
    signed by the identity key; both it and `grant` are what `protocol.relay` makes.
    """

    relay: int
    relay_key: bytes
    session_key: ExchangeKeyPair
    certificate: bytes
    grant: bytes
    endpoints: tuple[Endpoint, ...]
    url: str = ""
    proxy: str = ""
