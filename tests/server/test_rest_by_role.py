"""The same made-up requests by everybody who may call the public port: no answer is undescribed, nobody gets further
than their role."""

from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import allow_header_conformance, ignored_auth, positive_data_acceptance
from tests.server.running import RunningServer
from tests.server.test_accounts import Person

from warren.server.accounts.rules import NEEDS, Right, Scope
from warren.server.web import ROUTES, describe

EXCLUDED = [
    positive_data_acceptance,  # names and tags have a grammar that refuses what the description calls a string
    allow_header_conformance,  # Litestar's answer to OPTIONS names the methods of one handler of several on a path
    ignored_auth,  # asks whether a call without the token is refused: the stranger here does
]
RIGHT_OF = {handler.operation_id: handler.opt.get("right", Right.SERVER) for handler in ROUTES}
OPEN = {handler.operation_id for handler in ROUTES if handler.opt.get("open")}
schema = schemathesis.openapi.from_dict(dict(describe()))
schema.config.phases.update(phases=["fuzzing"])  # the rest is tried on the admin socket, where nothing is refused first


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody with a token of this scope, or nobody."""

    name: str
    token: str
    scopes: frozenset[Scope]
    is_admin: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What they send."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def may_ask(self, operation: str) -> bool:
        """Whether the guard can let them through; in which networks is another question."""
        need = NEEDS[RIGHT_OF[operation]]
        return operation in OPEN or (
            bool(self.token) and need.scope in self.scopes and (self.is_admin or not need.server_admin)
        )


@pytest.fixture(scope="module", name="roles")
def _roles(server: RunningServer) -> list[Role]:
    reader, owner, admin = Person(server, scope="read"), Person(server), Person(server, admin=True)
    assert owner.call("POST", "/api/v1/networks", {"name": "owned"})[0] == 201
    return [
        Role("stranger", "", frozenset()),
        Role("reader", reader.token, frozenset({Scope.READ})),
        Role("owner", owner.token, frozenset(Scope)),
        Role("the server's admin", admin.token, frozenset(Scope), is_admin=True),
    ]


@schema.parametrize()
@settings(max_examples=3, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_each_role_gets_as_far_as_its_rights_and_no_answer_is_undescribed(
    case: schemathesis.Case[Any], server: RunningServer, roles: list[Role]
) -> None:
    operation = case.operation.definition.raw["operationId"]
    for role in roles:
        answer = case.call(base_url=server.url, headers=role.headers)
        if case.method == case.operation.method.upper():
            refused = 401 if not role.token else 403
            assert role.may_ask(operation) or answer.status_code in {refused, 400, 404, 405, 413}, role.name
            assert role.may_ask(operation) or answer.status_code >= 400
        case.validate_response(answer, excluded_checks=EXCLUDED)


def test_every_operation_is_tried() -> None:
    found = [operation for operation in schema.get_all_operations() if isinstance(operation, Ok)]
    tried = {operation.ok().definition.raw["operationId"] for operation in found}
    assert tried == set(RIGHT_OF)
