"""The server's own relay: what its front is told of it, and whom it has to refuse.

Decides where the relay listens, whose grants count (this server's), and that every removed member's grant is called
back: at once, and again for each front that starts. Must not know frames; those are the engine's.
"""

import time

from warren.model.ids import Identity, NetworkId
from warren.protocol.control.messages import RelayPlace
from warren.relay import keys as relay_keys
from warren.relay.service import DEFAULT_PORT, RelayService, parse_limits
from warren.server import keys
from warren.server.files import Folder
from warren.server.front import FrontProcess
from warren.server.relays.own import describe_own
from warren.server.services import Services
from warren.server.settings import Settings


def relay_service(settings: Settings, folder: Folder) -> RelayService | None:
    """What the front is told, None where the relay is off. Raises WarrenError STATE_DAMAGED (a key)."""
    if settings.relay_listen == "off":
        return None
    return RelayService(
        listen=(settings.relay_listen or f":{DEFAULT_PORT}",),
        may_move=not settings.relay_listen,
        key=str(folder.relay_key.absolute()),
        signers=(keys.load_or_make(folder.grants_key).public.hex(),),
        limits_mbit_s=parse_limits(settings.relay_limits),
    )


def own_place(settings: Settings, folder: Folder, front: FrontProcess) -> RelayPlace | None:
    """How nodes reach the relay of a front that serves, None where it is off."""
    if not front.relay_addresses:
        return None
    return describe_own(
        relay_keys.load(folder.relay_key).public,
        front.relay_addresses,
        host=settings.host,
        url=settings.base_url,
        announced=settings.relay_announced,
    )


def refuse_removed(front: FrontProcess, services: Services) -> None:
    """Call back the grants of everybody who was removed before, and of everybody who will be."""

    def refuse(network: NetworkId, identity: Identity) -> None:
        front.revoke(network, identity, int(time.time()))

    for network in services.networks.all():
        for identity in network.removed:
            refuse(network.id, identity)
    services.hub.also_on_removed(refuse)
