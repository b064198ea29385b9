"""`/api/v1/users`: GET lists in pages (`paging`), POST creates; `.../{user}`: PATCH shuts out or lets in;
`.../{user}/factors`: DELETE takes second factors away. For the server's admins.

`{user}` is an id, or the name of a person of this server.
"""

import msgspec

from warren.protocol.rest.paging import Page


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account: (`issuer`, `subject`) is who it is, `name` a label. `issuer` is `local` for this server's own.

    `groups`: what their provider said last. `kept`: in the answer to a PATCH that shuts somebody out, their machines
    that only the owner of a locked network can remove.
    """

    id: str
    issuer: str
    subject: str
    name: str
    admin: bool
    created_at: float
    disabled_at: float | None = None
    groups: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class UserCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person of this server. `admin`: of the server, not only of networks."""

    name: str
    password: str
    admin: bool = False


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`disabled`: shut out, with every token and session, until changed back; machines are removed for good."""

    disabled: bool


class Users(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    users: tuple[User, ...]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """`/api/v1/me`: who calls. `user` is None on the server's own socket."""

    name: str
    admin: bool
    scopes: tuple[str, ...]
    user: User | None = None
