"""Which networks this machine is in: found on disk, joined with a key, left.

Decides the order in which a network comes and goes, so that a crash at any point leaves either nothing or something
that the next start understands: keys and settings (`joining`) are on disk, in a folder that gets its name when it is
whole, before the server is asked; `member` after it admitted. Where the answer did not come, the folder stays: the same
identity asks again, with the key or by resuming, and is dropped if the server knows nothing of it. A network
whose folder is damaged is not started, not deleted and not joined anew: it is shown in health. Must not know the API.
"""

import asyncio
import contextlib
import itertools
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import NETWORKS_MAX, SERVER_ANSWER_MAX_S
from warren.log import Log
from warren.model.ids import NetworkId
from warren.model.transport import TransportWish, capabilities, own_transport
from warren.node import keys as node_keys
from warren.node import membership as memberships
from warren.node.control.connection import Connection, UnreachableError
from warren.node.control.joining import Entry, Introduced, enter, introduce, retract
from warren.node.control.place import ServerPlace, parse_server
from warren.node.control.proxy import DIRECT, Proxy
from warren.node.damaged import ASIDE, NETWORK_ID_MIN_DIGITS, Damaged
from warren.node.dataplane.interface import TunnelSpec
from warren.node.health import Health
from warren.node.ledger import GENESIS_FILE, open_ledger
from warren.node.membership import Membership
from warren.node.network import Network, Parts
from warren.node.paths.budget import ProbeBudget
from warren.node.records import first_record
from warren.node.storage import Damage, Store, check_deletable, delete_folder, put_in_place
from warren.trust.admission_key import AdmissionKey

log = Log("roster")
_LEFT = ".gone"  # ends the name of a folder that is being deleted
_FORMER = ".former"  # ends the name of a folder whose identity is being given up for another one
_UNFINISHED = ".new"  # ends the name of a folder that is being written; the server was not asked yet


Fits = Callable[[Sequence[IPv4Network | IPv6Network]], Awaitable[None]]
ALIAS_STEM_CHARS = 58  # of a label's 63, before a hyphen and a number


@dataclass(frozen=True, slots=True)
class Joined:
    """A network and, where it was joined right now, the session that did it."""

    network: Network
    is_new: bool


@dataclass(frozen=True, slots=True)
class Life:
    """The daemon's tasks: `start` runs a network in one, `stop` ends that one, `spawn` runs anything else."""

    start: Callable[[Network, Connection | None], None]
    stop: Callable[[Network], Awaitable[None]]
    spawn: Callable[[Coroutine[None, None, None]], None]


class Roster:
    """All networks of one daemon. `networks` are those that run."""

    def __init__(
        self,
        folder: Path,
        health: Health,
        on_change: Callable[[], None],
        life: Life,
        *,
        fits: Fits | None = None,
        proxy: Proxy = DIRECT,
        has_fast_aes: bool = False,
    ) -> None:
        """`fits` raises WarrenError where a network of these prefixes could not come up on this host; `proxy` is the
        way outside, of servers and relays; `has_fast_aes` is this machine's processor's.
        """
        self._folder = folder / "networks"
        self._budget = ProbeBudget()
        self._health = health
        self._on_change = on_change
        self._life = life
        self._fits = fits
        self._proxy = proxy
        self._has_fast_aes = has_fast_aes
        self._running: dict[NetworkId, Network] = {}
        self.damaged = Damaged(self._folder, health)
        self._one_change = asyncio.Lock()
        self._has_ended = False
        """Whether `stop_all` was: a network that began after it would keep the daemon from ending."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those that run, in the order in which they were joined."""
        return tuple(sorted(self._running.values(), key=lambda network: network.parts.membership.joined_at))

    def find(self, text: str | None) -> Network:
        """The network by name or the start of its id, or the only one. WarrenError NETWORK_UNKNOWN, or CONFLICT where
        several have that name: every server's first network is called `default`."""
        networks = self.networks
        if text is None:
            if len(networks) == 1:
                return networks[0]
            if not networks:
                raise self.damaged.none_runs()
            raise WarrenError(Code.NETWORK_UNKNOWN, "this machine is in several networks", "name one with --network")
        named = [network for network in networks if network.name == text]
        if not named and len(text) >= NETWORK_ID_MIN_DIGITS:
            named = [network for network in networks if network.id.hex().startswith(text.lower())]
        if len(named) > 1:
            listed = ", ".join(f"{show_short(one)} by {one.parts.membership.server}" for one in named[:4])
            raise WarrenError(
                Code.CONFLICT, f"'{text[:64]}' means several networks: {listed}", "give the start of the id instead"
            )
        if named:
            return named[0]
        raise WarrenError(Code.NETWORK_UNKNOWN, f"this machine is in no network '{text[:64]}'", "see `warren status`")

    def tunnel_spec(self, network: NetworkId) -> TunnelSpec:
        """Keys, port and stamps for its tunnel. WarrenError NETWORK_UNKNOWN where it runs no more: networks are left
        while a run of the reconciler awaits the host."""
        if network not in self._running:
            raise WarrenError(Code.NETWORK_UNKNOWN, "the network was left while the host was changed for it")
        return self._running[network].tunnel_spec()

    async def load(self) -> None:
        """Start every network that is on disk and is not running; one that is being joined, left or joined anew at this
        moment is half there, so its turn is waited for."""
        async with self._one_change:
            if not self._has_ended:
                self._load()

    def _load(self) -> None:
        self.damaged.look()
        if not self._folder.is_dir():
            return
        for former in [folder for folder in self._folder.iterdir() if folder.suffix == _FORMER]:
            self._put_back(former)  # a kill came between the two identities
        folders = list(self._folder.iterdir())
        for folder in folders:
            if folder.suffix == _LEFT:  # a kill cut its deletion short
                shutil.rmtree(folder, ignore_errors=True)
        whole = [folder for folder in folders if folder.suffix not in {_LEFT, _UNFINISHED, _FORMER, ASIDE}]
        for folder in sorted(whole)[:NETWORKS_MAX]:
            if folder.is_dir() and folder.name not in {_folder_name(network) for network in self._running}:
                self._load_one(folder)

    def refusal(self) -> WarrenError | None:
        """Why a network that is on disk could not be started, if there is one."""
        return self.damaged.refusal()

    async def join(
        self, place: ServerPlace, key: AdmissionKey, entry: Entry, port: int | None, transport: TransportWish = "auto"
    ) -> Joined:
        """Join the key's network, or find that this node is in it already. WarrenError; nothing is left then."""
        async with self._one_change:
            self._check_goes_on()
            place = place.through(self._proxy)
            introduced = await introduce(place, key)
            known = self._running.get(introduced.network)
            if known is not None and known.parts.membership.state == "joining":
                introduced.connection.abort()
                await self._end(known)
                # of two sessions the server keeps the younger: ours must be that, not one which `known` began just now
                introduced = await introduce(place, key)
                return Joined(await self._enter(introduced, key, known.parts), is_new=True)
            if known is not None or (self._folder / _folder_name(introduced.network)).exists():
                await introduced.connection.close(Code.CONFLICT, "this node is a member already")
                if known is None:
                    raise self._damaged(introduced.network)
                return Joined(known, is_new=False)
            if len(self._running) >= NETWORKS_MAX:
                introduced.connection.abort()
                raise WarrenError(Code.CONFLICT, f"this machine is in {NETWORKS_MAX} networks", "leave one first")
            try:
                if self._fits is not None:  # before the key is used up
                    await self._fits([one for one in introduced.prefixes if entry.ipv4 or one.version == 6])
                parts = await asyncio.to_thread(self._begin, introduced, entry, port or 0, transport)
            except BaseException:
                introduced.connection.abort()
                raise
            return Joined(await self._enter(introduced, key, parts), is_new=True)

    async def leave(self, network: Network, *, tell: bool = True) -> bool:
        """End the membership and delete everything of it; returns whether the server heard of it. WarrenError where
        the folder cannot be deleted; then nothing was said and the network goes on."""
        async with self._one_change:
            told = False
            if self._running.get(network.id) is not network:
                return told  # its folder is another's by now: a join went on with it, or it was left before
            folder = network.parts.store.folder
            await asyncio.to_thread(check_deletable, folder, folder.with_suffix(_FORMER))
            if tell:
                try:
                    await network.link.leave(SERVER_ANSWER_MAX_S, network.own_removal())
                    told = True
                except WarrenError as error:
                    told = network.link.state.code is Code.REMOVED  # it knows: it ended the membership itself
                    log.warning("the server was not told", code=error.code.value, reason=error.text)
            await self._end(network)
            await asyncio.to_thread(_delete, folder)
            self.damaged.forget_all(folder.name)
            return told

    async def put_aside(self, text: str | None) -> Path | None:
        """Give up the network that cannot be started whose id begins so; returns where its folder lies, None where none
        is meant. WarrenError as `Damaged.put_aside`."""
        async with self._one_change:
            name = self.damaged.find(text)
            return None if name is None else await asyncio.to_thread(self.damaged.put_aside, name)

    async def reidentify(self, network: Network, key: AdmissionKey, entry: Entry) -> Network:
        """Be another machine in this network: a new identity joins with the key, the old one is forgotten without a
        word to the server, where the machine that this one is a copy of goes on with it. WarrenError; then this machine
        is what it was."""
        async with self._one_change:
            self._check_goes_on()
            before = network.parts
            if self._running.get(network.id) is not network:
                raise WarrenError(Code.NETWORK_UNKNOWN, "this network was left meanwhile")
            introduced = await introduce(parse_server(before.membership.server).through(self._proxy), key)
            if introduced.network != network.id:
                await introduced.connection.close(Code.CONFLICT, "the key is of another network")
                raise WarrenError(Code.INVALID_ARGUMENT, f"this key is of another network than {network.name}")
            folder = before.store.folder
            former = folder.with_suffix(_FORMER)
            await self._end(network)
            try:
                await asyncio.to_thread(put_in_place, folder, former)
                parts = await asyncio.to_thread(
                    self._begin, introduced, entry, before.membership.port, before.membership.transport
                )
                joined = await self._enter(introduced, key, parts)
            except BaseException:
                introduced.connection.abort()
                self._put_back(former)
                if folder.is_dir():
                    self._load_one(folder)
                raise
            await asyncio.to_thread(_delete, former)
            return joined

    def _put_back(self, former: Path) -> None:
        """The identity from before, where another one has not become a member in its place."""
        folder = former.with_suffix("")
        with contextlib.suppress(WarrenError):  # a disk that refuses: the next start tries again
            if not former.is_dir():
                return
            if folder.is_dir():
                if memberships.load(self._store(folder)).state == "member":
                    _delete(former)
                    return
                _delete(folder)
            put_in_place(former, folder)

    @property
    def names_clash(self) -> bool:
        """Whether two networks have one name on this machine, so that names of machines mean two."""
        networks = self.networks
        return len({network.name for network in networks}) < len(networks)

    async def settle_names(self) -> None:
        """Call networks something else on this machine where one that was joined before has their name; that one keeps
        it, whoever renames what."""
        every, before = {network.name for network in self.networks}, set[str]()
        for network in self.networks:
            if network.name in before and network.map is not None:
                free = (f"{network.name[:ALIAS_STEM_CHARS]}-{number}" for number in itertools.count(2))
                await network.set_here(alias=next(name for name in free if name not in every))
            before.add(network.name)
            every.add(network.name)

    async def stop_all(self) -> None:
        """Say goodbye everywhere, for good; the folders stay."""
        async with self._one_change:
            self._has_ended = True
            await asyncio.gather(*(network.close() for network in self.networks))
            for network in self.networks:
                await self._end(network)

    def _check_goes_on(self) -> None:
        if self._has_ended:
            raise WarrenError(Code.NOT_UP, "the daemon is ending", "try again in a moment: `warren up` starts another")

    async def _end(self, network: Network) -> None:
        del self._running[network.id]
        self._on_change()
        await self._life.stop(network)

    def _begin(self, introduced: Introduced, entry: Entry, port: int, transport: TransportWish) -> Parts:
        """The folder of a network to join: its name is there when everything in it is."""
        folder = self._folder / _folder_name(introduced.network)
        unfinished = folder.with_suffix(_UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        joining = Membership(
            server=introduced.connection.place.url,
            server_key=introduced.server_key,
            state="joining",
            joined_at=time.time(),
            hostname=entry.hostname,
            tags=entry.tags,
            ephemeral=entry.ephemeral,
            port=port,
            transport=transport,
            ipv4=entry.ipv4,
        )
        own_keys = node_keys.generate()
        _write_new(self._store(unfinished), own_keys, introduced.genesis.raw, joining)
        put_in_place(unfinished, folder)
        self.damaged.forget_all(folder.name)
        store = self._store(folder)
        return Parts(store, joining, own_keys, open_ledger(store))

    async def _enter(self, introduced: Introduced, key: AdmissionKey, parts: Parts) -> Network:
        """Ask to be admitted with what is on disk. Where the server refuses, or its answer is of no use, that goes."""
        connection, joining = introduced.connection, parts.membership
        entry = Entry(hostname=joining.hostname, tags=joining.tags, ephemeral=joining.ephemeral)
        is_admitted = False
        try:
            now = int(time.time())
            offers = capabilities(own_transport(joining.transport, has_fast_aes=self._has_fast_aes))
            record = first_record(introduced.network, parts.keys, now, offers)
            membership = await enter(introduced, key, parts.keys, record, entry, now=now)
            is_admitted = True
            member = msgspec.structs.replace(joining, state="member")
            await asyncio.to_thread(memberships.save, parts.store, member)
            network = self._made(Parts(parts.store, member, parts.keys, parts.ledger))
            await network.handle_admitted(membership)
        except BaseException as error:
            if is_admitted:
                self._life.spawn(retract(connection))
            else:
                connection.abort()
            if isinstance(error, WarrenError) and error.code is Code.WAITING:
                return self._wait(parts)
            if is_admitted or not isinstance(error, UnreachableError | asyncio.CancelledError):
                with contextlib.suppress(WarrenError):  # what went wrong first is what the user hears
                    _delete(parts.store.folder)
            raise
        self._running[network.id] = network
        self._life.start(network, connection)
        return network

    def _wait(self, parts: Parts) -> Network:
        """A locked network: the machine asks by resuming, until an admin approved it or refused."""
        network = self._made(parts)
        self._running[network.id] = network
        self._life.start(network, None)
        return network

    def _load_one(self, folder: Path) -> None:
        try:
            store = self._store(folder)
            membership = memberships.load(store)
            own_keys = node_keys.load(store)
            network = self._made(Parts(store, membership, own_keys, open_ledger(store)))
            network.load()
        except WarrenError as error:
            log.warning("a network cannot be started", folder=folder.name, code=error.code.value, reason=error.text)
            self.damaged.note(folder.name, error, time.time())
            return
        self.damaged.forget(folder.name)
        self._running[network.id] = network
        self._life.start(network, None)

    def _made(self, parts: Parts) -> Network:
        return Network(
            parts, self._health, self._on_change, self._drop_stillborn, proxy=self._proxy, budget=self._budget,
            has_fast_aes=self._has_fast_aes,
        )  # fmt: skip

    def _drop_stillborn(self, network: Network) -> None:
        """A join that a crash cut short, of which the server knows nothing."""
        log.info("a join that was cut short is dropped", network=network.id.hex()[:10])
        self._life.spawn(self._leave_quietly(network))

    async def _leave_quietly(self, network: Network) -> None:
        await self.leave(network, tell=False)

    def _store(self, folder: Path) -> Store:
        def report(damage: Damage) -> None:
            self.damaged.note_file(folder.name, damage, time.time())

        return Store(folder, report)

    def _damaged(self, network: NetworkId) -> WarrenError:
        return WarrenError(
            Code.STATE_DAMAGED,
            "this machine is in that network already, but its state cannot be used (see `warren status`)",
            f"bring networks/{_folder_name(network)} back from a backup, or put it aside and join anew:"
            f" warren leave {network.hex()[:10]}",
        )


def _write_new(store: Store, own_keys: node_keys.NodeKeys, genesis: bytes, membership: Membership) -> None:
    node_keys.save(store, own_keys)
    store.write(GENESIS_FILE, genesis)
    memberships.save(store, membership)


def _delete(folder: Path) -> None:
    delete_folder(folder, folder.with_suffix(_LEFT))


def show_short(network: Network) -> str:
    """The start of a network's id, as `Roster.find` takes it."""
    return network.id.hex()[:10]


def _folder_name(network: NetworkId) -> str:
    return network.hex()[:16]
