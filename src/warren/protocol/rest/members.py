"""`/api/v1/networks/{network}/members`: GET lists in pages (`paging`);

`.../members/{member}`: DELETE kicks (`?keep_key=true`); `.../members/{member}/renew`: POST gives a person's machine a
later end.
`{member}` is a hostname or an identity in hex (or its first 10 digits and more, where only one member begins so).
"""

from typing import Annotated

import msgspec

from warren.protocol.rest.paging import Page


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


class Members(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    members: tuple[Member, ...]


class Kicked(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to DELETE: who was removed, and the key that was revoked with it (None: kept, or there was none).
    `keeps_rights`: its own key may still sign for the network, and so for itself; owners end that on their machines."""

    member: Member
    revoked_key: str | None = None
    keeps_rights: bool = False


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """To renew a machine, needs no token: the key (of the machine's person) that is used up, and the signature with its
    secret half over network, identity and `trust.admission_key.renewal_challenge`, in hex. Network and member are named
    by their whole ids."""

    key_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    signature: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{128}$")]


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the machine is a member now, Unix seconds."""

    expires_at: float
