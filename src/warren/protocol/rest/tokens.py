"""`/api/v1/tokens`: the caller's API tokens. GET lists (`paging`), POST creates; `.../{token}`: DELETE revokes.

On the server's own socket `?user=` names the person whose tokens are meant.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.limits import TOKEN_LIFETIME_MAX_S
from warren.protocol.rest.paging import Page

TokenState = Literal["live", "expired", "revoked"]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret. `scope`: read, manage (networks, keys, members) or admin (all of its person)."""

    id: str
    name: str
    scope: str
    state: TokenState
    created_at: float
    expires_at: float
    revoked_at: float | None = None


class TokenCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires_s`: seconds from now. A token makes none that may more than it may itself."""

    name: Annotated[str, Meta(max_length=80)] = ""
    scope: Literal["read", "manage", "admin"] = "manage"
    expires_s: Annotated[int, Meta(ge=60, le=TOKEN_LIFETIME_MAX_S)] = 90 * 86400


class TokenCreated(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` is the whole token (`wt....`); shown this once."""

    secret: str
    token: Token


class Tokens(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    tokens: tuple[Token, ...]
