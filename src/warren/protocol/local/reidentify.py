"""`POST /v1/reidentify`: be another machine. For one whose state folder is a copy of another machine's."""

import msgspec

from warren.protocol.local.up import UpNetwork


class ReidentifyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which network (None where there is only one), the key that admits the new identity (a secret: never logged; None:
    only forget the old one), and what to be called (None: as this machine is)."""

    network: str | None = None
    auth_key: str | None = None
    hostname: str | None = None
    timeout_s: float = 30.0


class ReidentifyResult(msgspec.Struct, frozen=True, kw_only=True):
    """The network whose identity was forgotten, and this machine's new place in it, if a key was given."""

    network: str
    joined: UpNetwork | None = None
