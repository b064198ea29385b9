"""What a network keeps on disk about its port mappings: the nonce that owns them, and the one in force a family.

Decides what a run after a crash may do with it: the same port asks for the same mapping again, which renews it; a
mapping for another port is given back where the gateway can tell that it is ours (PCP by its nonce, UPnP by our tag in
its description), and is left to run out where it cannot (NAT-PMP, pinholes of UPnP), since by now it may be another
program's. A lost or damaged file costs at most a mapping that runs out. File: `portmap.json`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from warren.errors import WarrenError
from warren.log import Log
from warren.model.addresses import parse_endpoint
from warren.node.paths.portmap.client import Gateway, Method
from warren.node.storage import Store
from warren.wire.pcp import NONCE_BYTES

PORTMAP_FILE = "portmap.json"
log = Log("portmap")


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """One mapping; `until` is Unix seconds, the gateway's address and ours are text."""

    method: Method
    gateway: str
    source: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    external: str
    until: float


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `mappings` by family: `4`, `6`."""

    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    mappings: dict[str, Leftover] = msgspec.field(default_factory=dict)

    @property
    def tag(self) -> str:
        """What tells our UPnP entries from others; nobody can make a PCP nonce of it."""
        return self.nonce[:4].hex()


def read_kept(store: Store, fresh_nonce: bytes) -> Kept:
    """What is on disk, or a new beginning with this nonce."""
    try:
        return store.read(PORTMAP_FILE, _parse) or Kept(nonce=fresh_nonce)
    except WarrenError as error:
        log.warning("what is kept of port mappings cannot be read", reason=error.text)
        return Kept(nonce=fresh_nonce)


def write_kept(store: Store, kept: Kept) -> None:
    """Put it on disk; a disk that refuses costs no more than a mapping that runs out."""
    try:
        store.write(PORTMAP_FILE, msgspec.json.encode(kept))
    except WarrenError as error:
        log.warning("a port mapping cannot be kept", reason=error.text)


def is_here(leftover: Leftover, gateway: Gateway, now: float) -> bool:
    """Whether it may still stand at this gateway, for this address of ours. `now`: Unix seconds."""
    return leftover.until > now and leftover.gateway == str(gateway.address) and leftover.source == str(gateway.source)


def may_release(leftover: Leftover, gateway: Gateway) -> bool:
    """Whether the gateway can tell that it is ours, so that giving it back harms nobody."""
    return leftover.method is Method.PCP or (leftover.method is Method.UPNP and gateway.source.version == 4)


def _parse(content: bytes) -> Kept:
    kept = msgspec.json.decode(content, type=Kept)
    for leftover in kept.mappings.values():
        parse_endpoint(leftover.external)
    return kept
