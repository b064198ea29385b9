"""The same made-up requests by everybody who may call the public port: no answer is undescribed, nobody gets further
than their role."""

from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import allow_header_conformance, ignored_auth, positive_data_acceptance
from tests.server.running import RunningServer
from tests.server.test_accounts import Person
from tests.server.test_route_table import let_in, make_admin

from warren.server.accounts.rules import NEEDS, Right, Scope
from warren.server.accounts.rules import Role as NetworkRole
from warren.server.web import ROUTES, describe

EXCLUDED = [
    positive_data_acceptance,  # names and tags have a grammar that refuses what the description calls a string
    allow_header_conformance,  # Litestar's answer to OPTIONS names the methods of one handler of several on a path
    ignored_auth,  # asks whether a call without the token is refused: the stranger here does
]
RIGHT_OF = {handler.operation_id: handler.opt.get("right", Right.SERVER) for handler in ROUTES}
OPEN = {handler.operation_id for handler in ROUTES if handler.opt.get("open")}
OWNED = "owned"
schema = schemathesis.openapi.from_dict(dict(describe()))
schema.config.phases.update(phases=["fuzzing"])  # the rest is tried on the admin socket, where nothing is refused first


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody with a token of this scope, or nobody."""

    name: str
    token: str
    scopes: frozenset[Scope]
    is_admin: bool = False
    role: NetworkRole | None = None
    """In the network that the requests are about."""

    @property
    def headers(self) -> dict[str, str]:
        """What they send."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def may_ask(self, operation: str) -> bool:
        """Whether the guard can let them through, about that network."""
        need = NEEDS[RIGHT_OF[operation]]
        has_role = self.is_admin or (not need.server_admin and (self.role or 0) >= (need.role or 0))
        return operation in OPEN or (bool(self.token) and need.scope in self.scopes and has_role)

    def refusals(self, operation: str) -> set[int]:
        """How they are refused: a network in which they have no role is, to them, none."""
        if not self.token:
            return {401}
        need = NEEDS[RIGHT_OF[operation]]
        return {404} if need.scope in self.scopes and need.role is not None and self.role is None else {403}


@pytest.fixture(scope="module", name="roles")
def _roles(server: RunningServer) -> list[Role]:
    reader, owner, member, helper, admin = (Person(server, admin=one == 4) for one in range(5))
    assert owner.call("POST", "/api/v1/networks", {"name": OWNED})[0] == 201
    for person in (member, helper):
        let_in(owner, person, OWNED)
    make_admin(server, helper)
    every = frozenset(Scope)
    return [
        Role("stranger", "", frozenset()),
        Role("reader", reader.make_token("read"), frozenset({Scope.READ})),
        Role("member", member.token, every, role=NetworkRole.MEMBER),
        Role("the network's admin", helper.token, every, role=NetworkRole.ADMIN),
        Role("owner", owner.token, every, role=NetworkRole.OWNER),
        Role("the server's admin", admin.token, every, is_admin=True),
    ]


@schema.parametrize()
@settings(max_examples=3, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_each_role_gets_as_far_as_its_rights_and_no_answer_is_undescribed(
    case: schemathesis.Case[Any], server: RunningServer, roles: list[Role]
) -> None:
    operation = case.operation.definition.raw["operationId"]
    is_whole = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    is_whole = is_whole and operation != "deleteNetwork"  # it would be gone for the others
    if is_whole and "network" in case.path_parameters:
        case.path_parameters["network"] = OWNED  # what somebody has a role in, not a name that nobody drew
    for role in roles:
        answer = case.call(base_url=server.url, headers=role.headers)
        if case.method == case.operation.method.upper() and not role.may_ask(operation):
            # what is no request of this route need not get as far as its guard
            other = set() if is_whole else {400, 404, 405, 413}
            assert answer.status_code in role.refusals(operation) | other, role.name
        case.validate_response(answer, excluded_checks=EXCLUDED)


def test_every_operation_is_tried() -> None:
    found = [operation for operation in schema.get_all_operations() if isinstance(operation, Ok)]
    tried = {operation.ok().definition.raw["operationId"] for operation in found}
    assert tried == set(RIGHT_OF)
