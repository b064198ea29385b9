"""`/api/v1/networks/{network}/policy`: see `warren.protocol.rest.policies`."""

from collections.abc import Iterable
from typing import Any

from litestar import Request, get, put
from litestar.params import FromPath, JSONBody

from warren.policy.language import Problem, check
from warren.policy.strangers import strangers
from warren.protocol.rest.policies import Policy, PolicyProblem, PolicySet
from warren.server.accounts.rules import Right
from warren.server.accounts.service import groups_of
from warren.server.networks.live import LiveNetwork
from warren.server.problems import refused
from warren.server.services import Services, caller_of, services_of

HTTPRequest = Request[Any, Any, Any]


@get(
    "/networks/{network:str}/policy",
    operation_id="showPolicy",
    summary="Show the access policy",
    responses=refused(403, 404),
    opt={"right": Right.READ_NETWORK},
)
async def show_policy(request: HTTPRequest, network: FromPath[str]) -> Policy:
    """The policy in force."""
    services = services_of(request)
    found = services.networks.find(network)
    return await _shown(services, found, found.policy_text)


@put(
    "/networks/{network:str}/policy",
    operation_id="setPolicy",
    summary="Replace the access policy",
    responses=refused(403, 404, 409),
    opt={"right": Right.ADMIN_NETWORK},
)
async def set_policy(request: HTTPRequest, network: FromPath[str], data: JSONBody[PolicySet]) -> Policy:
    """Sign and tell another policy; rules that match nothing, and users and groups that are none here, are told in the
    answer. With `check` that is all."""
    services = services_of(request)
    found = services.networks.find(network)
    text = data.text.encode()
    if not data.check:
        await services.networks.set_policy(found, text, actor=caller_of(request).actor)
    return await _shown(services, found, text)


async def _shown(services: Services, network: LiveNetwork, text: bytes) -> Policy:
    users, groups = network.users_and_groups()
    for account in await services.accounts.of_network(network.id):
        users.add(account.id)
        groups.update(groups_of(account))
    known = {"user": users, "group": groups}
    return Policy(text=text.decode(), problems=_told(check(text)), warnings=_told(strangers(text, known)))


def _told(problems: Iterable[Problem]) -> tuple[PolicyProblem, ...]:
    return tuple(PolicyProblem(line=one.line, column=one.column, text=one.text) for one in problems)
