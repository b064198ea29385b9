"""What the routes of `/api/v1` may call: the doors of the features, and who is calling.

Decides nothing. The value is made once by `app.py` and reached through the request.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request

from warren.model.keys import SigningKeyPair
from warren.server.accounts.rules import Caller
from warren.server.accounts.service import Accounts
from warren.server.approvals.service import Approvals
from warren.server.audit.service import Audit
from warren.server.devices.service import Devices
from warren.server.domains.service import DomainProofs
from warren.server.factors.service import Factors
from warren.server.health import Health
from warren.server.invitations.service import Invitations
from warren.server.invites.service import Invites
from warren.server.networks.service import Networks
from warren.server.providers.service import Providers
from warren.server.relays.service import Relays
from warren.server.repeats.service import Repeats
from warren.server.restored.service import Restored
from warren.server.sessions.hub import Hub
from warren.server.signon.service import SignOn

STATE_KEY = "services"
CALLER_KEY = "warren_caller"


@dataclass(frozen=True, slots=True)
class Services:
    """The doors of the features."""

    networks: Networks
    accounts: Accounts
    signon: SignOn
    providers: Providers
    factors: Factors
    invites: Invites
    devices: Devices
    restored: Restored
    hub: Hub
    health: Health
    server_key: SigningKeyPair
    base_url: str
    relays: Relays
    approvals: Approvals
    audit: Audit
    invitations: Invitations
    domains: DomainProofs
    repeats: Repeats


def services_of(request: Request[Any, Any, Any]) -> Services:
    """The doors, from a request."""
    services: Services = request.app.state[STATE_KEY]
    return services


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Who calls; `rights.py` put it there before any handler ran."""
    caller: Caller = request.scope["state"][CALLER_KEY]
    return caller
