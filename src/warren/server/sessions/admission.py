"""What a session asks of the rest of the server: which network, who is a member, and changes of a membership.

Decides the refusal where a network or member is unknown. Must not know sockets or the hub. It is the only part of
`sessions` that reaches into networks, keys and devices.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, show_identity
from warren.protocol.control.events import Greeted, JoinWanted, ResumeWanted
from warren.protocol.control.server_role import ServerSession
from warren.server.devices.service import Devices, removed_error
from warren.server.invites.service import Invites, unknown_key
from warren.server.metrics import Metrics
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.relays.service import Relays
from warren.server.restored.service import Restored
from warren.trust.documents import Kind

NONCE_BYTES = 32
Challenge = Callable[[ServerSession, float], None]


@dataclass(frozen=True, slots=True)
class Admission:
    """The doors that sessions use. `certificate_sha256`: of the public port, empty without TLS."""

    networks: Networks
    invites: Invites
    devices: Devices
    restored: Restored
    metrics: Metrics
    certificate_sha256: bytes
    relays: Relays

    async def greet(self, hello: Greeted) -> tuple[LiveNetwork, Challenge]:
        """The network that a node means, and how to challenge it. Raises NETWORK_UNKNOWN or KEY_UNKNOWN."""
        network = await self._meant(hello)
        nonce = os.urandom(NONCE_BYTES)

        def challenge(machine: ServerSession, now: float) -> None:
            machine.challenge(
                network=network.id,
                genesis=network.row.genesis,
                nonce=nonce,
                now=now,
                certificate_sha256=self.certificate_sha256,
                prefixes=(network.settings.prefix4, network.settings.prefix6) if hello.network is None else (),
            )

        return network, challenge

    async def resume(self, network: LiveNetwork, wanted: ResumeWanted) -> bytes:
        """The membership of a node that proved its identity. Raises REMOVED, NOT_A_MEMBER or NETWORK_UNKNOWN.

        One that is about to run out (or did, while nobody looked) is renewed first, if the database lets us.
        """
        self._still_here(network)
        identity = Identity(wanted.identity)
        with contextlib.suppress(WarrenError):
            await self.restored.look(network, identity, wanted.membership, wanted.heads)
            await self.devices.renew_ephemeral(network, identity)
        self._still_here(network)
        membership = network.state.document(Kind.MEMBERSHIP, identity)
        if membership is not None:
            return membership
        if network.is_removed(identity):
            raise removed_error()
        raise WarrenError(
            Code.NOT_A_MEMBER, "this machine is not a member of the network", "join it: warren up --auth-key KEY"
        )

    async def join(self, network: LiveNetwork, wanted: JoinWanted) -> bytes:
        """Admit; see Devices.join."""
        await self.restored.served(network.id)  # names and addresses may be others', of whom nodes are telling
        self._still_here(network)
        began = time.monotonic()
        try:
            membership = await self.devices.join(network, wanted.join, wanted.key_challenge)
        except WarrenError as error:
            self.metrics.joins.labels(error.code.value).inc()
            raise
        self.metrics.joins.labels("ok").inc()
        self.metrics.join_seconds.observe(time.monotonic() - began)
        return membership

    async def publish(self, network: LiveNetwork, identity: Identity, raw: bytes) -> None:
        """Store a record; see Devices.publish."""
        await self.devices.publish(network, identity, raw)

    async def leave(self, network: LiveNetwork, identity: Identity) -> None:
        """End the node's own membership; the key that admitted it stays."""
        await self.devices.remove(network, identity, actor=show_identity(identity), revoke_key=False, left=True)

    async def _meant(self, hello: Greeted) -> LiveNetwork:
        if hello.network is not None:
            network = self.networks.get(hello.network)
            if network is None:
                raise WarrenError(Code.NETWORK_UNKNOWN, "this server does not serve the network")
            return network
        if hello.key_id is None:
            raise WarrenError(Code.MALFORMED, "a hello names a network or a key")
        key = await self.invites.find(hello.key_id)
        network = None if key is None else self.networks.get(key.network)
        if network is None:
            raise unknown_key()
        return network

    def _still_here(self, network: LiveNetwork) -> None:
        if self.networks.get(network.id) is not network:
            raise WarrenError(Code.NETWORK_UNKNOWN, "this network was deleted")
