"""Who may do what: the whole table, so that a right without a line here fails."""

import pytest

from warren.errors import Code, WarrenError
from warren.server.accounts.rules import (
    ADMIN_SOCKET,
    Caller,
    Right,
    Role,
    Scope,
    check_password,
    parse_scopes,
    parse_user_name,
    refusal,
)

ALL = frozenset(Scope)
# what the weakest role and scope are that a right takes; None: no role is enough, or none is needed
LEAST = {
    Right.OWN_ACCOUNT: (None, Scope.READ),
    Right.OWN_ACCOUNT_CHANGE: (None, Scope.ADMIN),
    Right.LIST_NETWORKS: (None, Scope.READ),
    Right.CREATE_NETWORK: (None, Scope.MANAGE),
    Right.JOIN_NETWORK: (None, Scope.MANAGE),
    Right.READ_NETWORK: (Role.MEMBER, Scope.READ),
    Right.ADMIN_NETWORK: (Role.ADMIN, Scope.MANAGE),
    Right.OWN_NETWORK: (Role.OWNER, Scope.MANAGE),
}


def user(*, scopes: frozenset[Scope] = ALL, admin: bool = False) -> Caller:
    return Caller(user="uaaaaaaaaaa", name="alice", is_server_admin=admin, scopes=scopes)


@pytest.mark.parametrize("right", Right)
def test_the_admin_socket_and_a_servers_admin_may_everything(right: Right) -> None:
    assert refusal(ADMIN_SOCKET, right, None) is None
    assert refusal(user(admin=True), right, None) is None


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("right", Right)
def test_a_user_may_what_their_role_gives_and_is_told_nothing_of_what_is_not_theirs(
    right: Right, role: Role | None
) -> None:
    refused = refusal(user(), right, role)
    if right is Right.SERVER:
        assert refused is not None
        assert refused.code is Code.FORBIDDEN
        return
    least, _ = LEAST[right]
    if least is None or (role is not None and role >= least):
        assert refused is None
    else:
        assert refused is not None
        assert refused.code is (Code.NETWORK_UNKNOWN if role is None else Code.FORBIDDEN)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("right", Right)
def test_a_token_may_no_more_than_its_scope_even_an_admins(right: Right, scope: Scope) -> None:
    needed = Scope.ADMIN if right is Right.SERVER else LEAST[right][1]
    refused = refusal(user(scopes=parse_scopes((scope.value,)), admin=True), right, Role.OWNER)
    assert (refused is None) == (tuple(Scope).index(scope) >= tuple(Scope).index(needed))


@pytest.mark.parametrize("name", ["", "a b", "-a", "a-", "ä", "\u212aelvin", "a" * 65, "a\nb", "..", "a/b"])
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    with pytest.raises(WarrenError) as caught:
        parse_user_name(name)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_names_are_one_however_they_are_typed() -> None:
    assert parse_user_name(" Alice@Example.ORG ") == "alice@example.org"


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaaaaaaaa", "my alice password 1"])
def test_a_password_that_is_guessed_easily_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(WarrenError) as caught:
        check_password(password, "alice")
    assert password not in str(caught.value)
