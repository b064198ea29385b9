"""`/api/v1/networks/{network}/members`: GET lists; `.../members/{member}`: DELETE kicks (`?keep_key=true`).

`{member}` is a hostname or an identity in hex (or its first 10 digits and more, where only one member begins so).
"""

import msgspec


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a network as the server knows it; times in Unix seconds."""

    identity: str
    name: str
    fqdn: str
    addresses: tuple[str, ...]
    user: str
    tags: tuple[str, ...]
    ephemeral: bool
    online: bool
    joined_at: float
    last_seen: float | None = None
    expires_at: float | None = None
    os: str = ""
    key_id: str | None = None


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to GET."""

    members: tuple[Member, ...]


class Kicked(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to DELETE: who was removed, and the key that was revoked with it (None: kept, or there was none)."""

    member: Member
    revoked_key: str | None = None
