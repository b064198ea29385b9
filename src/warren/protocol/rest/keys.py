"""`/api/v1/networks/{network}/keys`: GET lists in pages (`paging`), POST creates; `.../keys/{id}`: DELETE revokes.

The server makes the key, shows it once in `KeyCreated` and stores its public half only.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.limits import KEY_LIFETIME_MAX_S, KEY_USES_MAX, MEMBER_MAX_TAGS
from warren.protocol.rest.paging import Page

KeyState = Literal["live", "used", "expired", "revoked"]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A pre-auth key without its secret. `uses` counts the members that it admitted. `delegated`: an admin signed that
    it may admit (an invite's), and machines believe it until one signs its end or its time is over."""

    id: str
    network: str
    reusable: bool
    ephemeral: bool
    tags: tuple[str, ...]
    state: KeyState
    uses: int
    created_at: float
    expires_at: float
    used_at: float | None = None
    revoked_at: float | None = None
    uses_max: int | None = None
    delegated: bool = False


class KeyCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires_s`: seconds from now; single-use unless `reusable` or for so many `uses`; `tags` mark the machines that
    join with it."""

    reusable: bool = False
    ephemeral: bool = False
    tags: Annotated[tuple[str, ...], Meta(max_length=MEMBER_MAX_TAGS)] = ()
    expires_s: Annotated[int, Meta(ge=1, le=KEY_LIFETIME_MAX_S)] = 3600
    uses: Annotated[int, Meta(ge=1, le=KEY_USES_MAX)] | None = None


class KeyCreated(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` is the whole key (`wk....`); shown this once."""

    secret: str
    key: Key


class Keys(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    keys: tuple[Key, ...]
