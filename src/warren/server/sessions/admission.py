"""What a session asks of the rest of the server: which network, who is a member, and changes of a membership.

Decides the refusal where a network or member is unknown. Must not know sockets or the hub. It is the only part of
`sessions` that reaches into networks, keys and devices.
"""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from warren.errors import Code, WarrenError
from warren.limits import DELEGATION_SHOWN_MAX_BYTES
from warren.model.ids import Identity, show_identity
from warren.protocol.control.events import Greeted, JoinWanted, ResumeWanted
from warren.protocol.control.messages import WaitingJoin
from warren.protocol.control.server_role import ServerSession
from warren.server.approvals.service import Approvals, waiting_error
from warren.server.devices.records import check_record
from warren.server.devices.rules import wanted_hostname
from warren.server.devices.service import Devices, removed_error
from warren.server.invites.service import Invites, unknown_key
from warren.server.metrics import Metrics
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.relays.service import Relays
from warren.server.restored.service import Restored
from warren.server.throttle import Throttle
from warren.server.words import check_text, check_texts
from warren.trust.documents import Kind

NONCE_BYTES = 32
WRONG_BATCHES_MAX = 10
"""In a quarter of an hour, of a member who is no admin: each costs a look at every signature of the network, and such a
member brings little more than its own farewell or vote."""
_NOT_ITS_FAULT = frozenset({Code.BUSY, Code.STORE_UNAVAILABLE, Code.UNAVAILABLE, Code.TIMEOUT})
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
    approvals: Approvals
    wrong_batches: Throttle = field(default_factory=lambda: Throttle(WRONG_BATCHES_MAX))

    async def greet(self, hello: Greeted) -> tuple[LiveNetwork, Challenge]:
        """The network that a node means, and how to challenge it. Raises NETWORK_UNKNOWN, KEY_UNKNOWN or
        UNAVAILABLE (it is out of service)."""
        network, key = await self._meant(hello)
        nonce = os.urandom(NONCE_BYTES)
        delegation = network.delegation_to(key) if key and not self.networks.admits(network) else b""

        def challenge(machine: ServerSession, now: float) -> None:
            machine.challenge(
                network=network.id,
                genesis=network.row.genesis,
                nonce=nonce,
                now=now,
                certificate_sha256=self.certificate_sha256,
                prefixes=(network.settings.prefix4, network.settings.prefix6) if hello.network is None else (),
                delegation=delegation if len(delegation) <= DELEGATION_SHOWN_MAX_BYTES else b"",
                unix_s=max(int(self.networks.unix_time()), 0),
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
            await self.devices.renew(network, identity)
        self._still_here(network)
        membership = network.state.document(Kind.MEMBERSHIP, identity)
        if membership is not None:
            return membership
        if network.is_removed(identity):
            raise removed_error()
        waits = await self.approvals.hold(network, identity)
        self._still_here(network)
        membership = network.state.document(Kind.MEMBERSHIP, identity)
        if membership is not None:
            return membership
        if waits:
            raise waiting_error()
        raise WarrenError(
            Code.NOT_A_MEMBER, "this machine is not a member of the network", "join it: warren up --auth-key KEY"
        )

    async def join(self, network: LiveNetwork, wanted: JoinWanted) -> bytes:
        """Admit; see Devices.join."""
        check_texts((wanted.join.os, wanted.join.key_id))
        await self.restored.served(network.id)  # names and addresses may be others', of whom nodes are telling
        self._still_here(network)
        began = time.monotonic()
        try:
            if not self.networks.admits(network) and not network.state.is_member(Identity(wanted.join.identity)):
                await self._ask(network, wanted)
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

    async def _ask(self, network: LiveNetwork, wanted: JoinWanted) -> None:
        """Into a locked network: with a membership that an invite's key signed, or by waiting (raises WAITING)."""
        join, identity = wanted.join, Identity(wanted.join.identity)
        if network.is_removed(identity):
            raise removed_error()
        await self.devices.check_key(network, join, wanted.key_challenge)
        check_record(network, identity, join.record)
        if join.membership:
            await self.approvals.bring(network, join)
            return
        await self.approvals.ask(network, join, hostname=wanted_hostname(join.hostname, identity))
        raise waiting_error()

    async def submit(
        self, network: LiveNetwork, identity: Identity, documents: Sequence[bytes], *, keep_keys: bool, now: float
    ) -> None:
        """Store what an owner or admin signed; see Approvals.submit. What counts are the signatures, so any member may
        bring it. BUSY where one who is no admin brought many that were wrong. `now`: monotonic seconds."""
        whose, actor = f"{network.id.hex()} {identity.hex()}", show_identity(identity)
        if network.is_admin(identity):
            await self.approvals.submit(network, documents, actor=actor, keep_keys=keep_keys)
            return
        if self.wrong_batches.wait_s(whose, now):
            raise WarrenError(
                Code.BUSY,
                "this machine brought too many changes that nobody could take",
                "try again in a quarter of an hour",
            )
        self.wrong_batches.fail(whose, now)  # before the outcome is known: many at once are not more than many
        try:
            await self.approvals.consider(network, documents)
            await self.approvals.submit(network, documents, actor=actor, keep_keys=keep_keys)
        except WarrenError as error:
            if error.code in _NOT_ITS_FAULT:
                self.wrong_batches.take_back(whose)
            raise
        self.wrong_batches.take_back(whose)

    async def waiting(self, network: LiveNetwork, identity: Identity) -> tuple[WaitingJoin, ...]:
        """Who waits. Raises FORBIDDEN for whom it does not concern."""
        self._check_admin(network, identity)
        return await self.approvals.waiting(network)

    async def deny(self, network: LiveNetwork, identity: Identity, denied: bytes) -> None:
        """Refuse a machine that waits. Raises FORBIDDEN or NOT_FOUND."""
        self._check_admin(network, identity)
        await self.approvals.deny(network, Identity(denied), actor=show_identity(identity))

    def _check_admin(self, network: LiveNetwork, identity: Identity) -> None:
        if not network.is_admin(identity):
            raise WarrenError(Code.FORBIDDEN, "this takes a machine of one of the network's admins")

    async def leave(self, network: LiveNetwork, identity: Identity, removal: bytes = b"") -> None:
        """End the node's own membership; the key that admitted it stays. In a locked network its own word does."""
        if removal and not self.networks.admits(network):
            await self.approvals.submit(network, (removal,), actor=show_identity(identity))
            return
        await self.devices.remove(network, identity, actor=show_identity(identity), revoke_key=False, left=True)

    async def _meant(self, hello: Greeted) -> tuple[LiveNetwork, bytes]:
        if hello.network is not None:
            network = self.networks.get(hello.network)
            if network is None:
                self._check_served(hello.network)
                raise WarrenError(Code.NETWORK_UNKNOWN, "this server does not serve the network")
            return network, b""
        if hello.key_id is None:
            raise WarrenError(Code.MALFORMED, "a hello names a network or a key")
        check_text(hello.key_id)
        key = await self.invites.find(hello.key_id)
        network = None if key is None else self.networks.get(key.network)
        if network is None or key is None:
            self._check_served(b"" if key is None else key.network)
            raise unknown_key()
        return network, key.public

    def _check_served(self, network: bytes) -> None:
        for out in self.networks.unserved(network):
            raise out.refusal()

    def _still_here(self, network: LiveNetwork) -> None:
        if self.networks.get(network.id) is not network:
            raise WarrenError(Code.NETWORK_UNKNOWN, "this network was deleted")
