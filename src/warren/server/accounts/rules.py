"""Who may do what, and which names and passwords a person may have. Pure.

Decides from the caller, the right that a route asks for and the caller's role in the network that it names. A network
in which a caller has no role is, to them, one that does not exist: the refusal is the same as for a name that nobody
has (SECURITY.md rule 13). Must not know HTTP or the database.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from warren.errors import Code, WarrenError
from warren.model.names import printable

LOCAL_ISSUER: Final = "local"
NAME_MAX_CHARS: Final = 64
PASSWORD_MIN_CHARS: Final = 12  # NIST SP 800-63B-4 asks for 15 without a second factor and 8 with one
PASSWORD_MAX_CHARS: Final = 256  # what is hashed is bounded

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?", re.ASCII)


class Role(IntEnum):
    """What a person is in one network; a higher role may all that a lower one may."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


class Scope(StrEnum):
    """What a token may be used for, within what its person may do."""

    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


class Right(StrEnum):
    """What a route asks for. A route without one is refused to everybody but the admin socket."""

    OWN_ACCOUNT = "own account"
    OWN_ACCOUNT_CHANGE = "change own account"
    LIST_NETWORKS = "list networks"
    CREATE_NETWORK = "create a network"
    JOIN_NETWORK = "join a network"
    READ_NETWORK = "read a network"
    ADMIN_NETWORK = "administer a network"
    OWN_NETWORK = "own a network"
    SERVER = "administer the server"


@dataclass(frozen=True, slots=True)
class Need:
    """What a right takes: a role in the network (None: any account), a scope of the token, or the server's admin."""

    role: Role | None
    scope: Scope
    server_admin: bool = False


NEEDS: Final = {
    Right.OWN_ACCOUNT: Need(None, Scope.READ),
    Right.OWN_ACCOUNT_CHANGE: Need(None, Scope.ADMIN),
    Right.LIST_NETWORKS: Need(None, Scope.READ),
    Right.CREATE_NETWORK: Need(None, Scope.MANAGE),
    Right.JOIN_NETWORK: Need(None, Scope.MANAGE),
    Right.READ_NETWORK: Need(Role.MEMBER, Scope.READ),
    Right.ADMIN_NETWORK: Need(Role.ADMIN, Scope.MANAGE),
    Right.OWN_NETWORK: Need(Role.OWNER, Scope.MANAGE),
    Right.SERVER: Need(None, Scope.ADMIN, server_admin=True),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by which token. The admin socket is a caller without an account who may do everything. `factor_at`:
    when a second factor was shown for the token, Unix seconds."""

    user: str | None
    name: str
    is_server_admin: bool
    scopes: frozenset[Scope]
    token: str | None = None
    factor_at: int | None = None

    @property
    def actor(self) -> str:
        """For the audit log."""
        return self.name if self.user is None else f"{self.name} ({self.user})"


ADMIN_SOCKET: Final = Caller(user=None, name="admin socket", is_server_admin=True, scopes=frozenset(Scope))
"""The file's mode let them in, nobody has a name there."""


ADMINISTERS: Final = frozenset({Right.SERVER, Right.ADMIN_NETWORK, Right.OWN_NETWORK})
"""Rights for which the settings may demand a second factor."""


def refusal(caller: Caller, right: Right, role: Role | None) -> WarrenError | None:
    """Why the caller may not, None where they may. `role` is theirs in the network that the call names."""
    need = NEEDS[right]
    if need.scope not in caller.scopes:
        return WarrenError(
            Code.FORBIDDEN, f"this token may not {right.value}", f"make one with --scope {need.scope.value}"
        )
    if caller.is_server_admin:
        return None
    if need.server_admin:
        return WarrenError(Code.FORBIDDEN, "this is for the server's admins", "ask one of them")
    return None if need.role is None else _of_role(role, need.role)


def _of_role(role: Role | None, needed: Role) -> WarrenError | None:
    if role is None:
        return unknown_network()
    if role < needed:
        return WarrenError(Code.FORBIDDEN, f"this takes the network's {needed.name.lower()}", "ask one of them")
    return None


def may_revoke(caller: Caller, token: str) -> bool:
    """Whether a token of the caller's person may be ended by this call: a token may always end itself."""
    return caller.token == token or Scope.ADMIN in caller.scopes


def unknown_network() -> WarrenError:
    """The one refusal for a network that is not there, and for one that is not theirs."""
    return WarrenError(
        Code.NETWORK_UNKNOWN, "this server has no such network for you", "warren network list shows what there is"
    )


def parse_user_name(text: str) -> str:
    """A name to sign on with, in lower case. WarrenError INVALID_ARGUMENT."""
    lowered = text.strip().lower() if text.isascii() else text
    if _NAME.fullmatch(lowered) is None:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"'{printable(text[:NAME_MAX_CHARS])}' is not a user's name",
            "1 to 64 of a-z, 0-9 and . _ @ + -, beginning and ending with a letter or digit",
        )
    return lowered


def check_password(password: str, name: str) -> None:
    """WarrenError INVALID_ARGUMENT where it is too easy to guess or too long to hash. Never repeats it."""
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"a password has {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters",
            "a few words that nobody would put together are easy to keep",
        )
    if len(set(password)) < 5 or name in password.lower():
        raise WarrenError(Code.INVALID_ARGUMENT, "that password is too easy to guess", "leave your name out of it")


def parse_scopes(words: tuple[str, ...]) -> frozenset[Scope]:
    """The scopes of a token; each holds the weaker ones. WarrenError INVALID_ARGUMENT."""
    order = tuple(Scope)
    try:
        strongest = max(order.index(Scope(word)) for word in words)
    except ValueError as error:
        raise WarrenError(
            Code.INVALID_ARGUMENT, "a scope is one of read, manage and admin", "read is the weakest"
        ) from error
    return frozenset(order[: strongest + 1])
