"""What the user chose for one network and what the join taught: the file `settings.json` of a network's folder.

Decides nothing. `state` is `joining` from before the server is asked to admit until it did; whoever finds it after a
crash asks the server (by resuming) whether this node was admitted.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.errors import Code, WarrenError
from warren.model.transport import TransportWish
from warren.node.control.place import parse_server
from warren.node.storage import Store

SETTINGS_FILE = "settings.json"


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """`server` is the URL, `server_key` what the pin vouched for. `port` 0: any, kept. `name` is the last known one.
    `force_relay`: no direct path is looked for or answered. `transport`: what may seal packets. `alias`: what the
    network is called on this machine, empty: as it calls itself. `ipv4`: whether it is here by IPv4 too.
    """

    server: str
    server_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    state: Literal["joining", "member"]
    joined_at: float
    hostname: str = ""
    tags: tuple[str, ...] = ()
    ephemeral: bool = False
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    name: str = ""
    force_relay: bool = False
    transport: TransportWish = "auto"
    alias: Annotated[str, Meta(max_length=63)] = ""
    ipv4: bool = True


def load(store: Store) -> Membership:
    """The file; WarrenError STATE_DAMAGED where it is gone or cannot be read."""
    membership = store.read(SETTINGS_FILE, _parse)
    if membership is None:
        raise WarrenError(Code.STATE_DAMAGED, f"{store.folder / SETTINGS_FILE} is gone", "delete the folder, join anew")
    return membership


def _parse(content: bytes) -> Membership:
    membership = msgspec.json.decode(content, type=Membership)
    parse_server(membership.server)  # where it cannot be, the file is no good
    return membership


def save(store: Store, membership: Membership) -> None:
    """Write it; on disk when this returns."""
    store.write(SETTINGS_FILE, msgspec.json.encode(membership))
