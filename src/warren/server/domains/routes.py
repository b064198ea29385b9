"""`/api/v1/networks/{network}/domains`: see `warren.protocol.rest.domains`."""

from typing import Any, Final

from litestar import Request, delete, get, patch, put
from litestar.params import FromPath, JSONBody

from warren.protocol.rest.domains import Domain, DomainProof, Domains, DomainsChange
from warren.server.accounts.rules import Right
from warren.server.problems import refused
from warren.server.services import caller_of, services_of

HTTPRequest = Request[Any, Any, Any]
_ALL: Final = "/networks/{network:str}/domains"


@get(
    _ALL,
    operation_id="showDomains",
    summary="Show a network's mail domains",
    responses=refused(403, 404),
    opt={"right": Right.ADMIN_NETWORK},
)
async def show_domains(request: HTTPRequest, network: FromPath[str]) -> Domains:
    """By which mail domains people come into a network, and whether they wait for an admin."""
    services = services_of(request)
    return await services.domains.show(services.networks.find(network), caller_of(request).user or "")


@patch(
    _ALL,
    operation_id="changeDomains",
    summary="Say whether an admin approves each person",
    responses=refused(403, 404),
    opt={"right": Right.ADMIN_NETWORK},
)
async def change_domains(request: HTTPRequest, network: FromPath[str], data: JSONBody[DomainsChange]) -> Domains:
    """Who is in already stays; who comes by a mail domain from then on waits, as who asks to be let in does."""
    services, caller = services_of(request), caller_of(request)
    found = services.networks.find(network)
    return await services.domains.set_approve(found, caller.user or "", each=data.approve, actor=caller.actor)


@put(
    "/networks/{network:str}/domain-proof",
    operation_id="proveDomain",
    summary="Prove a mail domain by a TXT record",
    responses=refused(403, 404, 409, 429, 504),
    opt={"right": Right.OWN_NETWORK},
)
async def prove_domain(request: HTTPRequest, network: FromPath[str], data: JSONBody[DomainProof]) -> Domain:
    """The first time it says which record is to hold what; again, it looks for that in the DNS."""
    services, caller = services_of(request), caller_of(request)
    found = services.networks.find(network)
    return await services.domains.prove(
        found, caller.user or "", data.domain, actor=caller.actor, provider=data.provider
    )


@delete(
    f"{_ALL}/{{domain:str}}",
    operation_id="giveUpDomain",
    summary="Give a mail domain up",
    status_code=200,
    responses=refused(403, 404),
    opt={"right": Right.OWN_NETWORK},
)
async def give_up_domain(request: HTTPRequest, network: FromPath[str], domain: FromPath[str]) -> Domains:
    """Nobody comes by it any more; who did stays."""
    services, caller = services_of(request), caller_of(request)
    found = services.networks.find(network)
    await services.domains.give_up(found, domain, actor=caller.actor)
    return await services.domains.show(found, caller.user or "")


DOMAIN_ROUTES: Final = (show_domains, change_domains, prove_domain, give_up_domain)
