"""The server's features on a real database file, without sockets, on a clock that tests move."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.engine import URL
from tests.server.conftest import DATABASES, postgresql

from warren.errors import Code
from warren.model.ids import Identity
from warren.model.keys import Secret, SigningKeyPair
from warren.protocol.control.messages import Join
from warren.server.approvals.service import Approvals
from warren.server.completions import Completions
from warren.server.db.engine import Database, database_url
from warren.server.db.migrate import migrate
from warren.server.devices.service import Devices
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.files import Folder
from warren.server.housekeeping import Housekeeping
from warren.server.invites.service import Invites
from warren.server.metrics import Metrics
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.registrar import LocalRegistrar
from warren.server.relays.service import Relays
from warren.server.repeats.service import Repeats
from warren.server.restored.service import Restored
from warren.server.sessions.admission import Admission
from warren.server.sessions.hub import Hub
from warren.trust import admission_key
from warren.trust.documents import NodeRecord, ServerPlace
from warren.trust.signing import sign

__all__ = ["postgresql"]

CHALLENGE = bytes(range(32))


@dataclass(slots=True)
class Ended:
    """A session as the hub sees one, and what it was told."""

    woken: int = 0
    began_at: float = 0.0
    signals: list[tuple[bytes, bytes]] = field(default_factory=list)
    ended: list[Code] = field(default_factory=list)
    relays_due_at: float = 0.0
    relays_told: int = 0

    def wake(self) -> None:
        self.woken += 1

    def tell_relays(self) -> None:
        self.relays_told += 1

    def take_signal(self, sender: Identity, sealed: bytes) -> None:
        self.signals.append((sender, sealed))

    def end(self, code: Code, text: str, fix: str = "") -> None:  # noqa: ARG002  # the hub's interface
        self.ended.append(code)


@dataclass(slots=True)
class Features:
    """Everything of a server that needs no socket."""

    database: Database
    networks: Networks
    invites: Invites
    devices: Devices
    restored: Restored
    hub: Hub
    housekeeping: Housekeeping
    clock: list[float]
    approvals: Approvals

    @property
    def network(self) -> LiveNetwork:
        """The default network."""
        return self.networks.all()[0]

    async def key(self, *, reusable: bool = True, ephemeral: bool = False) -> str:
        """A fresh key's line."""
        created = await self.invites.create(
            self.network, reusable=reusable, ephemeral=ephemeral, tags=(), expires_s=3600, actor="test"
        )
        return created.secret.reveal()

    def join_message(
        self, key: str, identity: SigningKeyPair, hostname: str, network: LiveNetwork | None = None
    ) -> Join:
        """What a node that holds the key sends to come into the network, the default one unless told."""
        into = (network or self.network).id
        parsed = admission_key.parse(key)
        record = NodeRecord(counter=1, date=1, identity=identity.public, wireguard=os.urandom(32), path=os.urandom(32))
        return Join(
            identity=identity.public,
            signature=bytes(64),
            key_id=parsed.id,
            key_signature=admission_key.sign_join(parsed.seed, identity.public, into, CHALLENGE),
            hostname=hostname,
            record=sign("record", into, record, identity),
        )

    async def join(self, key: str, hostname: str) -> Identity:
        """Admit a fresh node."""
        identity = SigningKeyPair(os.urandom(32))
        await self.devices.join(self.network, self.join_message(key, identity, hostname), CHALLENGE)
        return identity.public


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | URL:
    """A fresh database of each kind."""
    is_sqlite = request.param == "sqlite"
    return database_url("" if is_sqlite else request.getfixturevalue("postgresql").database(), tmp_path / "warren.db")


@pytest.fixture
async def features(tmp_path: Path, url: str | URL) -> AsyncIterator[Features]:
    """A fresh server's features, the default network made."""
    clock = [1_800_000_000.0]
    folder = Folder(tmp_path)
    folder.prepare()
    database = Database(url)
    await migrate(database)
    registrar = LocalRegistrar(SigningKeyPair(os.urandom(32)))
    server = SigningKeyPair(os.urandom(32))
    async with asyncio.TaskGroup() as group:
        completions = Completions(group)
        hub = Hub(lambda: clock[0])
        networks = Networks(
            database=database,
            folder=folder,
            registrar=registrar,
            place=ServerPlace(url="http://127.0.0.1:1", key=server.public),
            completions=completions,
            clock=lambda: clock[0],
            on_change=hub.changed,
        )
        hub.serve(networks)
        await networks.load()
        devices = Devices(
            database=database,
            networks=networks,
            registrar=registrar,
            completions=completions,
            clock=lambda: clock[0],
            on_removed=hub.removed,
        )
        approvals = Approvals(
            database=database,
            networks=networks,
            completions=completions,
            clock=lambda: clock[0],
            on_removed=hub.removed,
        )
        housekeeping = Housekeeping(
            networks=networks,
            devices=devices,
            approvals=approvals,
            domains=DomainProofs(database, TxtLookup(), lambda: clock[0]),
            hub=hub,
            repeats=Repeats(database, Secret(os.urandom(32)), lambda: clock[0]),
            clock=lambda: clock[0],
            unix_time=lambda: clock[0],
        )
        invites = Invites(database, server.public, lambda: clock[0])
        restored = Restored(
            database=database,
            networks=networks,
            completions=completions,
            group=group,
            clock=lambda: clock[0],
            on_removed=hub.removed,
            on_served=hub.changed,
        )
        yield Features(database, networks, invites, devices, restored, hub, housekeeping, clock, approvals)
    await database.close()


@pytest.fixture
def admission(features: Features) -> Admission:
    """The door of their sessions."""
    return Admission(
        features.networks,
        features.invites,
        features.devices,
        features.restored,
        Metrics(),
        certificate_sha256=b"",
        relays=Relays(SigningKeyPair(bytes(32)), (), lambda: features.clock[0]),
        approvals=features.approvals,
    )
