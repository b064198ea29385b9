"""`/api/v1/networks/{network}/policy`: see `warren.protocol.rest.policies`."""

from typing import Any

from litestar import Request, get, put
from litestar.params import FromPath, JSONBody

from warren.policy.language import check
from warren.protocol.rest.policies import Policy, PolicyProblem, PolicySet
from warren.server.accounts.rules import Right
from warren.server.networks.live import LiveNetwork
from warren.server.problems import refused
from warren.server.services import caller_of, services_of

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
    return _shown(services_of(request).networks.find(network))


@put(
    "/networks/{network:str}/policy",
    operation_id="setPolicy",
    summary="Replace the access policy",
    responses=refused(403, 404, 409),
    opt={"right": Right.ADMIN_NETWORK},
)
async def set_policy(request: HTTPRequest, network: FromPath[str], data: JSONBody[PolicySet]) -> Policy:
    """Sign and tell another policy; rules that match nothing are told in the answer."""
    services = services_of(request)
    found = services.networks.find(network)
    await services.networks.set_policy(found, data.text.encode(), actor=caller_of(request).actor)
    return _shown(found)


def _shown(network: LiveNetwork) -> Policy:
    text = network.policy_text
    problems = tuple(PolicyProblem(line=one.line, column=one.column, text=one.text) for one in check(text))
    return Policy(text=text.decode(), problems=problems)
