"""`POST /v1/rekey`: change this machine's WireGuard key in a network, without losing a packet."""

import msgspec


class RekeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which network (None where there is only one); how long to wait until the new key is in use."""

    network: str | None = None
    timeout_s: float = 30.0


class RekeyResult(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys in hex: the one that was in use, and the one that is."""

    network: str
    before: str
    after: str
