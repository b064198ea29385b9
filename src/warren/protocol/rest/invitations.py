"""People and networks of whom one has spoken.

`/api/v1/networks/{network}/invitations`: GET lists, POST invites (or lets in who asked); `.../invitations/{user}`:
DELETE withdraws, denies, or ends a plain member's role. `/api/v1/networks/{network}/listing`: PUT lists the network,
DELETE does not any more. `/api/v1/invitations`: GET lists the caller's own; `.../{name}`: POST accepts, DELETE
declines. `/api/v1/listing`: GET lists networks that people may ask to be let into; `.../{name}`: POST asks.

Lists come in pages (`paging`).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.protocol.rest.paging import Page

Words = Annotated[str, Meta(max_length=200)]


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: `invited` waits for the person, `asked` for an admin. `user` is the account's id, `issuer` who vouches
    for it, `name` its label; `by`: who spoke."""

    network: str
    user: str
    name: str
    issuer: str
    kind: str
    by: str
    text: str
    created_at: float
    expires_at: float


class Invitations(Page, frozen=True, kw_only=True):
    """Answer to GET."""

    invitations: tuple[Invitation, ...]


class Invite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to invite: an id, the name of a person of this server, or a label that one account alone has."""

    user: Annotated[str, Meta(min_length=1, max_length=255)]
    text: Words = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words to go with it."""

    text: Words = ""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: `in` the network, or the other side's word is waited for, or it is over (`out`)."""

    network: str
    user: str
    state: Literal["in", "invited", "asked", "out"]


class ListedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network that people may ask to be let into; `state`: the caller's own, as of `Came`."""

    name: str
    about: str
    state: Literal["in", "invited", "asked", "out"] = "out"


class Listing(Page, frozen=True, kw_only=True):
    """Answer to GET, and to PUT and DELETE the one network that was changed."""

    networks: tuple[ListedNetwork, ...]
