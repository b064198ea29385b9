"""`/api/v1/networks`: GET lists, POST creates; `/api/v1/networks/{network}`: GET shows, PATCH renames, DELETE deletes.

`{network}` is a name or an id in hex.
"""

import msgspec


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
    """`prefix`: an IPv4 prefix of /8 to /28; None: the server draws a /16 of 100.64.0.0/10."""

    name: str
    prefix: str | None = None


class NetworkRename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new name. Names of peers change with it."""

    name: str


class Networks(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to GET."""

    networks: tuple[Network, ...]
