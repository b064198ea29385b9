"""`GET /v1/whoami`: who this machine is in each of its networks, and what the caller may do here."""

import msgspec


class WhoamiNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """This node's membership in one network; `expires` in Unix seconds, None: never."""

    network: str
    network_id: str
    name: str
    fqdn: str
    addresses: tuple[str, ...]
    identity: str
    user: str
    tags: tuple[str, ...]
    server: str
    expires: float | None = None


class Whoami(msgspec.Struct, frozen=True, kw_only=True):
    """`right` is the caller's: `reader`, `operator` or `root`; `operator` the user who holds that right besides
    root."""

    networks: tuple[WhoamiNetwork, ...]
    right: str
    operator: str | None = None
