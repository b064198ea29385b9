"""The composition root of `warren server`: constructs every part, joins them, stops them in order; decides nothing.

Order of a start: lock, database, keys, networks, sockets, front; the front comes last, so that nobody outside meets a
server that is not whole. Order of a stop: sessions (told why), the front, sockets, what only memory knows, database.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from warren.errors import Code, WarrenError
from warren.limits import CLOCK_OFF_S, HTTP_DRAIN_S
from warren.log import Log
from warren.server import keys, tls
from warren.server.accounts.service import Accounts
from warren.server.approvals.service import Approvals
from warren.server.audit.service import Audit
from warren.server.completions import Completions
from warren.server.db.engine import Database, database_url
from warren.server.db.migrate import migrate
from warren.server.devices.service import Devices
from warren.server.domains.lookup import TxtLookup
from warren.server.domains.service import DomainProofs
from warren.server.factors.passkeys import Place
from warren.server.factors.service import Factors
from warren.server.files import Folder, locked
from warren.server.front import FrontProcess, FrontSettings
from warren.server.health import Health
from warren.server.housekeeping import Housekeeping
from warren.server.invitations.service import Invitations
from warren.server.invites.service import Invites
from warren.server.metrics import GaugeReader, Metrics
from warren.server.networks.service import Networks
from warren.server.providers.domains import Domains
from warren.server.providers.files import read_providers
from warren.server.providers.service import Providers
from warren.server.registrar import LocalRegistrar
from warren.server.relaying import own_place, refuse_removed, relay_service
from warren.server.relays.files import read_places
from warren.server.relays.service import Relays
from warren.server.repeats.service import Repeats
from warren.server.restored.service import Restored
from warren.server.services import Services
from warren.server.serving import Application, Listener, bind_tcp, bind_unix
from warren.server.sessions.admission import Admission
from warren.server.sessions.endpoint import NodeEndpoint
from warren.server.sessions.hub import Hub
from warren.server.settings import Settings, split_listen
from warren.server.signon.service import SignOn
from warren.server.web import build, door, metrics_only
from warren.trust.clock import SignedClock
from warren.trust.documents import ServerPlace

log = Log("app")


async def run(settings: Settings, announce: Callable[[Networks, str | None], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set. `announce` is called once everything serves. Raises WarrenError where it cannot."""
    folder = Folder(settings.data)
    folder.prepare()
    with locked(folder.lock, f"warren server, process {os.getpid()}"):
        async with AsyncExitStack() as stack:
            database = Database(database_url(settings.database_url, folder.database))
            stack.push_async_callback(database.close)
            await stack.enter_async_context(database.alone())
            await migrate(database)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            services = await _construct(settings, folder, database, group)
            first = await services.signon.offer_first_link()
            await _serve(
                settings, folder, services, group=group, announce=lambda: announce(services.networks, first), stop=stop
            )


async def _construct(settings: Settings, folder: Folder, database: Database, group: asyncio.TaskGroup) -> Services:
    """Everything that needs no socket, loaded."""
    server_key = keys.load_or_make(folder.server_key)
    registrar = LocalRegistrar(keys.load_or_make(folder.registrar_key))
    hub = Hub(time.time)
    clock = SignedClock(time.time, time.monotonic)
    completions = Completions(group)
    networks = Networks(
        database=database,
        folder=folder,
        registrar=registrar,
        place=ServerPlace(url=settings.base_url, key=server_key.public),
        completions=completions,
        clock=clock,
        on_change=hub.changed,
        on_date=clock.see,
    )
    devices = Devices(
        database=database,
        networks=networks,
        registrar=registrar,
        completions=completions,
        clock=clock,
        on_removed=hub.removed,
        life_s=settings.machine_life_s,
    )
    hub.serve(networks)
    await networks.load()
    if clock.behind_s > CLOCK_OFF_S:
        log.warning(
            "this machine's clock is behind what this server signed before: set it", seconds=int(clock.behind_s)
        )
    restored = Restored(
        database=database,
        networks=networks,
        completions=completions,
        group=group,
        clock=clock,
        on_removed=hub.removed,
        on_served=hub.changed,
    )
    invites = Invites(database, server_key.public, clock)
    accounts = Accounts(database, clock)
    providers = read_providers(settings.providers)
    proofs = DomainProofs(database, TxtLookup(), clock, providers)
    factors = Factors(
        database=database,
        key=keys.load_or_make(folder.factors_key).private_bytes(),
        place=Place(settings.host, settings.base_url),
        demands=settings.demands,
        clock=clock,
        monotonic=time.monotonic,
    )
    return Services(
        networks=networks,
        accounts=accounts,
        signon=SignOn(
            database=database,
            accounts=accounts,
            networks=networks,
            invites=invites,
            factors=factors,
            key=keys.load_or_make(folder.factors_key).private_bytes(),
            clock=clock,
            monotonic=time.monotonic,
        ),
        factors=factors,
        providers=Providers(
            providers=providers,
            base_url=settings.base_url,
            database=database,
            accounts=accounts,
            domains=Domains(database, networks, clock),
            proofs=proofs,
            clock=clock,
            monotonic=time.monotonic,
        ),
        invites=invites,
        devices=devices,
        restored=restored,
        hub=hub,
        health=Health(database),
        server_key=server_key,
        base_url=settings.base_url,
        relays=Relays(keys.load_or_make(folder.grants_key), read_places(settings.relays), clock),
        approvals=Approvals(
            database=database, networks=networks, completions=completions, clock=clock, on_removed=hub.removed
        ),
        audit=Audit(database),
        invitations=Invitations(database, clock),
        domains=proofs,
        repeats=Repeats(database, keys.load_or_make(folder.factors_key).private_bytes(), clock),
    )


async def _serve(
    settings: Settings,
    folder: Folder,
    services: Services,
    *,
    group: asyncio.TaskGroup,
    announce: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    """Open the sockets and the front, wait, close them."""
    certificate = tls.prepare(settings, folder, time.time())
    front = FrontProcess(
        FrontSettings(
            listen=(settings.listen,),
            hosts=(settings.host,),
            web_socket=str(folder.web_socket.absolute()),
            certificate=certificate.chain,
            private_key=certificate.private_key,
            relay=relay_service(settings, folder),
            turn=settings.turn,
        )
    )
    refuse_removed(front, services)
    housekeeping = Housekeeping(
        approvals=services.approvals,
        domains=services.domains,
        networks=services.networks,
        devices=services.devices,
        hub=services.hub,
        repeats=services.repeats,
        clock=time.monotonic,
        unix_time=time.time,
    )
    async with _listening(settings, folder, services, certificate.sha256, front):
        await front.start()
        services.relays.set_own(own_place(settings, folder, front))
        front_task = group.create_task(front.run())
        rounds = group.create_task(housekeeping.run())
        announce()
        await stop.wait()
        rounds.cancel()
        services.hub.end_all(Code.UNAVAILABLE, "the server stops")
        await front.stop()
        await front_task
    with suppress(WarrenError):
        await housekeeping.store_last_seen()


@asynccontextmanager
async def _listening(
    settings: Settings, folder: Folder, services: Services, certificate_sha256: bytes, front: FrontProcess
) -> AsyncIterator[None]:
    """The sockets of this process, from bind to drained."""
    metrics = Metrics()
    gauges = GaugeReader("warren_front")
    metrics.add_gauges(gauges)
    memberships = GaugeReader("warren_memberships")
    metrics.add_gauges(memberships)
    networks = GaugeReader("warren_networks")
    metrics.add_gauges(networks)

    async def scrape() -> bytes:
        memberships.set(services.networks.count_ending())
        networks.set({"unserved": float(len(services.networks.unserved()))})
        with suppress(WarrenError):
            counters = await front.stats() | {"restarts": front.restarts}
            gauges.set({name: float(value) for name, value in counters.items()})
        return metrics.text()

    node = NodeEndpoint(
        admission=Admission(
            services.networks,
            services.invites,
            services.devices,
            services.restored,
            metrics,
            certificate_sha256,
            services.relays,
            services.approvals,
        ),
        hub=services.hub,
        metrics=metrics,
        server_key=services.server_key,
        now=asyncio.get_running_loop().time,
        prove=front.prove,
    )
    application: Application = build(services, node)
    listeners = [
        Listener(door(application, metrics, admin=False), bind_unix(folder.web_socket)),
        Listener(door(application, metrics, admin=True, scrape=scrape), bind_unix(folder.admin_socket)),
    ]
    if settings.metrics_listen:
        host, port = split_listen(settings.metrics_listen)
        listeners.append(Listener(metrics_only(scrape), bind_tcp(host, port)))
    try:
        for listener in listeners:
            await listener.start()
        yield
    finally:
        await node.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(HTTP_DRAIN_S * 3), asyncio.TaskGroup() as stopping:
                for listener in listeners:
                    stopping.create_task(listener.stop())
        folder.admin_socket.unlink(missing_ok=True)
        folder.web_socket.unlink(missing_ok=True)
