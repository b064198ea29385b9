"""The only door to networks: made, found, renamed, deleted, and kept in memory for live sessions.

Decides what is signed when a network is made or changed, and in which order: sign, store, commit, then tell (`apply`).
Must not know sessions or HTTP. Roots that were made here lie in the data folder, and `root` says 'this server'.
Invariant: nothing is told to a node that is not committed.
"""

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import COUNTER_AHEAD_MAX, COUNTER_STEP_MAX, EXPIRY_WARNED_S, HEAD_REDATE_S, SERVER_NETWORKS_MAX
from warren.log import Log
from warren.model import prefixes
from warren.model.ids import Identity, NetworkId, short_identity, show_identity, show_network_id
from warren.model.keys import Secret, SigningKeyPair
from warren.model.names import NetworkName, parse_network_name, printable
from warren.policy.language import DEFAULT_TEXT
from warren.policy.language import parse as parse_policy
from warren.protocol.rest.networks import take_over_statement
from warren.server import keys
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.audit.service import Action, deleted_networks, record
from warren.server.completions import Completions
from warren.server.db.engine import Database
from warren.server.devices import store as member_store
from warren.server.files import Folder, check_changeable, delete_private, write_private
from warren.server.networks import store, unserved
from warren.server.networks.founding import ROOT_KINDS, adopted, root_head, signed_row
from warren.server.networks.live import Change, LiveNetwork
from warren.server.networks.store import DocumentRow, NetworkRow
from warren.server.networks.unserved import Unserved
from warren.server.registrar import Registrar
from warren.server.repeats.kept import AnsweredMeanwhileError, Keep, keep_nothing
from warren.trust import root_key
from warren.trust.documents import Head, Kind, Policy, Right, ServerPlace, Settings
from warren.trust.ed25519 import is_signed
from warren.trust.founding import found, suffix_of

log = Log("networks")

DEFAULT_NAME = "default"
Within = Callable[[AsyncConnection, NetworkId], Awaitable[None]]
ROOT_HERE = "this server"
ROOT_OF_OWNER = "owner"
SHORTEST_ID_DIGITS = 10
SEQUENCE_BEGAN_AT = 1_767_225_600
"""Sequence numbers are at least the seconds since 2026, so that a server whose folder was brought back from a backup
signs nothing that is behind what its nodes have seen (a change a second and more, all the time, would outrun it)."""


class Networks:
    """Every network of this server. `load` before anything else; `on_change` hears of each change after its commit."""

    def __init__(
        self,
        *,
        database: Database,
        folder: Folder,
        registrar: Registrar,
        place: ServerPlace,
        completions: Completions,
        clock: Callable[[], float],
        on_change: Callable[[NetworkId], None],
        on_date: Callable[[float], None] = lambda _date: None,
    ) -> None:
        """`place`: this server's URL and key as settings name it; `clock`: Unix seconds, which may depend on the dates
        in documents of which `on_date` hears."""
        self._database = database
        self._folder = folder
        self._registrar = registrar
        self._place = place
        self._completions = completions
        self._clock = clock
        self._on_change = on_change
        self._on_date = on_date
        self._live: dict[NetworkId, LiveNetwork] = {}
        self._unserved: dict[NetworkId, Unserved] = {}
        self._order = asyncio.Lock()  # one change of a network's root documents at a time
        self.heads_overtaken = asyncio.Event()
        """Set when something was signed so much later than a head that nodes will take that head for old news."""

    async def load(self) -> None:
        """Read every network; make the default one where there is none; follow a changed URL. What is wrong with one
        is logged, and the others are served. Raises WarrenError where none can be, and STATE_DAMAGED where a key of
        this server is another one than they know: nothing is signed with it."""
        async with self._database.read() as connection:
            rows = await store.read_all(connection)
            found_documents = [await store.read_documents(connection, row.id) for row in rows]
            deleted = await deleted_networks(connection)
        await asyncio.to_thread(self._forget_left_roots, rows, deleted)
        self._unserved.clear()
        for row, documents in zip(rows, found_documents, strict=True):
            with self._or_leave(row):
                self._live[row.id] = unserved.begin(row, documents, self._clock)
        self._check_keys()
        for network in list(self._live.values()):
            with self._or_leave(network.row):
                self._check_root(network)
                self._follow(network)
        if self._unserved and not self._live:
            raise next(iter(self._unserved.values())).reason
        if not rows:
            await self._create(parse_network_name(DEFAULT_NAME), self._draw_prefix(), actor="server", owner=None)
        for network in list(self._live.values()):
            if network.settings.servers != (self._place,) and network.row.root == ROOT_HERE:
                await self._change_settings(
                    network, Action.SETTINGS_CHANGED, "server", {"url": self._place.url}, servers=(self._place,)
                )

    def _forget_left_roots(self, rows: Sequence[NetworkRow], deleted: Sequence[NetworkId]) -> None:
        """Delete the root keys that a crash left where the database says already that they are here no more. One that
        it does not know at all stays: a database from a backup may be older than the keys."""
        here = {short_identity(row.id) for row in rows if row.root == ROOT_HERE}
        over = {short_identity(one) for one in (*deleted, *(row.id for row in rows))} - here
        for name, path in self._folder.root_keys().items():
            if name not in over:
                continue
            try:
                delete_private(path)
            except WarrenError as error:
                log.warning("a root key that has no place here is still there", file=path.name, reason=error.text)
            else:
                log.info("a root key that has no place here was left and is deleted", file=path.name)

    @contextmanager
    def _or_leave(self, row: NetworkRow) -> Iterator[None]:
        """Do this for a network, or leave it out of service."""
        try:
            yield
        except WarrenError as error:
            self._live.pop(row.id, None)
            self._unserved[row.id] = Unserved(row, error)
            log.warning(
                "a network is out of service", network=row.name, code=error.code.value, reason=error.text, fix=error.fix
            )

    def unserved(self, network: bytes | None = None) -> list[Unserved]:
        """The networks that are out of service; `network`: the one with this id, where it is."""
        return [one for one in self._unserved.values() if network in {None, one.row.id}]

    def unix_time(self) -> float:
        """This server's time, which is never before what it signed."""
        return self._clock()

    def all(self) -> list[LiveNetwork]:
        """Every network, the oldest first."""
        return list(self._live.values())

    def get(self, network: bytes) -> LiveNetwork | None:
        """The network with this id."""
        return self._live.get(NetworkId(network))

    def find(self, name_or_id: str) -> LiveNetwork:
        """The network of this name or (beginning of) id in hex. Raises WarrenError NETWORK_UNKNOWN, or UNAVAILABLE
        where it is out of service."""
        lowered = name_or_id.lower()
        for network in self._live.values():
            if network.row.name == lowered:
                return network
        by_id = [
            network
            for network in self._live.values()
            if len(lowered) >= SHORTEST_ID_DIGITS and show_network_id(network.id).startswith(lowered)
        ]
        if len(by_id) != 1:
            for out in self._unserved.values():
                if out.row.name == lowered or (
                    len(lowered) >= SHORTEST_ID_DIGITS and show_network_id(out.row.id).startswith(lowered)
                ):
                    raise out.refusal()
            raise WarrenError(
                Code.NETWORK_UNKNOWN,
                f"this server has no network {printable(name_or_id[:80])!r}",
                "warren network list shows what there is",
            )
        return by_id[0]

    async def create(
        self,
        name: str,
        prefix: str | None,
        *,
        actor: str,
        owner: str | None = None,
        prefix6: str | None = None,
        within: Within | None = None,
        keep: Keep[LiveNetwork] = keep_nothing,
    ) -> LiveNetwork:
        """Make a network whose root is in this server's data folder. `owner`: the account that gets the role; `within`
        is done in the same transaction, where `keep` hears of it.

        Raises WarrenError INVALID_ARGUMENT, CONFLICT (name taken), BUSY (too many) or STORE_UNAVAILABLE.
        """
        label = parse_network_name(name)
        prefix4 = prefixes.parse_prefix(prefix) if prefix is not None else self._draw_prefix()
        wanted6 = prefixes.parse_prefix6(prefix6) if prefix6 is not None else None
        self._check_room()
        return await self._completions.finish(
            self._create(label, prefix4, actor=actor, owner=owner, prefix6=wanted6, within=within, keep=keep)
        )

    async def adopt(
        self,
        name: str,
        genesis: bytes,
        raws: Sequence[bytes],
        *,
        actor: str,
        owner: str | None = None,
        keep: Keep[LiveNetwork] = keep_nothing,
    ) -> LiveNetwork:
        """Take in a network that was founded elsewhere: its root lives on the owner's device. As `create`, and
        MALFORMED or FORBIDDEN where the documents are not what a network here begins with."""
        label = parse_network_name(name)
        network, documents, view = adopted(genesis, raws, int(self._clock()))
        if view.settings is None or view.settings.name != label or view.settings.servers != (self._place,):
            raise WarrenError(Code.FORBIDDEN, "the settings of this network name another network or server")
        if view.members or not {Kind.SETTINGS.value, Kind.POLICY.value} <= {one.kind for one in documents}:
            raise WarrenError(Code.FORBIDDEN, "a network begins with settings and a policy, and without members")
        if network in self._live or network in self._unserved:
            raise WarrenError(Code.CONFLICT, "this network is here already")
        self._check_room()
        now = int(self._clock())
        row = NetworkRow(
            id=network,
            name=label,
            genesis=genesis,
            root=ROOT_OF_OWNER,
            root_key=view.root,
            sequence=1,
            next_offset=0,
            created_at=now,
        )
        return await self._completions.finish(self._store(row, documents, actor=actor, owner=owner, keep=keep))

    @property
    def registrar_key(self) -> Identity:
        """The key that networks here delegate admission to."""
        return self._registrar.public

    def root_secret(self, network: LiveNetwork) -> Secret[str]:
        """The line of a root key that lives here. Raises WarrenError FORBIDDEN where it does not."""
        return Secret(root_key.format_root(network.id, self._root(network)))

    async def forget_root(
        self, network: LiveNetwork, proof: bytes, *, actor: str, keep: Keep[None] = keep_nothing
    ) -> None:
        """The owner's device proved that it holds the root: delete it here. Raises WarrenError BAD_SIGNATURE, or
        STORE_UNAVAILABLE."""
        self._root(network)
        if not is_signed(network.row.root_key, take_over_statement(network.id), proof):
            raise WarrenError(Code.BAD_SIGNATURE, "this is no proof that the root key arrived")
        await self._completions.finish(self._forget_root(network, actor=actor, keep=keep))

    async def _forget_root(self, network: LiveNetwork, *, actor: str, keep: Keep[None]) -> None:
        await asyncio.to_thread(check_changeable, self._folder.keys)
        async with self._database.write(of=network.id) as connection:
            row = await self.advance(connection, network)
            await store.set_root(connection, network.id, ROOT_OF_OWNER)
            await record(
                connection, Action.ROOT_TAKEN, actor=actor, at=int(self._clock()), network=network.id, subject=row.name
            )
            await keep(connection, None)
        row = NetworkRow(**{**{name: getattr(row, name) for name in row.__slots__}, "root": ROOT_OF_OWNER})
        self.apply(network, row, ())
        await asyncio.to_thread(delete_private, self._folder.root_key(short_identity(network.id)))

    async def follow_root(
        self,
        connection: AsyncConnection,
        row: NetworkRow,
        root: Identity,
        *,
        actor: str,
        now: int,
        signed_by: Sequence[str] = (),
    ) -> NetworkRow:
        """Within a transaction: note a root that took another's place; its key is with whoever made it. `signed_by`:
        whose keys signed the change, where that is known."""
        if root == row.root_key:
            return row
        await store.set_root(connection, row.id, ROOT_OF_OWNER, root)
        detail = {
            "from": show_identity(Identity(row.root_key)),
            "to": show_identity(root),
            "signed_by": list(signed_by),
        }
        await record(
            connection, Action.ROOT_CHANGED, actor=actor, at=now, network=row.id, subject=row.name, detail=detail
        )
        return dataclasses.replace(row, root=ROOT_OF_OWNER, root_key=root)

    def _check_room(self) -> None:
        if len(self._live) + len(self._unserved) >= SERVER_NETWORKS_MAX:
            raise WarrenError(Code.BUSY, f"this server has {SERVER_NETWORKS_MAX} networks already", "delete one")

    async def _create(
        self,
        label: NetworkName,
        prefix4: IPv4Network,
        *,
        actor: str,
        owner: str | None,
        prefix6: IPv6Network | None = None,
        within: Within | None = None,
        keep: Keep[LiveNetwork] = keep_nothing,
    ) -> LiveNetwork:
        private = keys.generate()
        root = SigningKeyPair(private)
        now = int(self._clock())
        founded = found(
            root,
            random=os.urandom(16),
            name=label,
            prefix4=prefix4,
            prefix6=prefix6 or prefixes.make_ipv6(os.urandom(5)),
            server=self._place,
            registrar=self._registrar.public,
            policy=DEFAULT_TEXT,
            now=now,
        )
        row = NetworkRow(
            id=founded.network,
            name=label,
            genesis=founded.genesis,
            root=ROOT_HERE,
            root_key=root.public,
            sequence=1,
            next_offset=0,
            created_at=now,
        )
        documents = [DocumentRow(one.kind.value, one.subject, one.raw) for one in founded.documents]
        # The root's key is on disk before the network exists: a crash between leaves a file that nothing names.
        key_file = self._folder.root_key(short_identity(founded.network))
        await asyncio.to_thread(write_private, key_file, private)
        try:
            return await self._store(row, documents, actor=actor, owner=owner, within=within, keep=keep)
        except (WarrenError, AnsweredMeanwhileError) as error:
            if not isinstance(error, WarrenError) or error.code is Code.CONFLICT:
                key_file.unlink(missing_ok=True)
            raise

    async def _store(
        self,
        row: NetworkRow,
        documents: Sequence[DocumentRow],
        *,
        actor: str,
        owner: str | None,
        within: Within | None = None,
        keep: Keep[LiveNetwork] = keep_nothing,
    ) -> LiveNetwork:
        """A new network in the database and in memory. Raises WarrenError CONFLICT where its name is taken."""
        network, now = LiveNetwork(row, documents, self._clock), row.created_at
        head = await self.registrar_head(network, (), counter=1, now=now)
        try:
            async with self._database.write() as connection:
                await store.add(connection, row)
                await store.put(connection, row.id, [*documents, head], now)
                if owner is not None:
                    await account_store.add_role(connection, row.id, owner, Role.OWNER)
                if within is not None:
                    await within(connection, row.id)
                await record(connection, Action.NETWORK_CREATED, actor=actor, at=now, network=row.id, subject=row.name)
                await keep(connection, network)
        except IntegrityError as error:
            raise _name_taken(row.name) from error
        network.apply(row, [(head.kind, head.subject, head.raw)])
        self._live[row.id] = network
        self._follow(network)
        return network

    async def rename(self, network: LiveNetwork, name: str, *, actor: str) -> None:
        """Give another name, and with it another DNS suffix. Raises WarrenError INVALID_ARGUMENT or CONFLICT."""
        label = parse_network_name(name)
        if label == network.row.name:
            return
        detail = {"from": network.row.name, "to": label}
        try:
            await self._completions.finish(
                self._change_settings(
                    network, Action.NETWORK_RENAMED, actor, detail, name=label, suffix=suffix_of(label)
                )
            )
        except IntegrityError as error:
            raise _name_taken(label) from error

    async def set_policy(self, network: LiveNetwork, text: bytes, *, actor: str) -> None:
        """Replace the access policy. Raises WarrenError INVALID_CONFIG (it is none), FORBIDDEN (root elsewhere)."""
        parse_policy(text)
        await self._completions.finish(self._set_policy(network, text, actor=actor))

    async def _set_policy(self, network: LiveNetwork, text: bytes, *, actor: str) -> None:
        now = int(self._clock())
        root = self._root(network)
        async with self._order:
            before = network.state.document(Kind.POLICY, b"")
            replaces = hashlib.sha256(before).digest() if before is not None else b""
            async with self._database.write(of=network.id) as connection:
                row = await self.advance(connection, network)
                body = Policy(counter=row.sequence, date=now, text=text, replaces=replaces)
                signed = signed_row(Kind.POLICY, network.id, body, root)
                others = [one for one in await self._root_documents(connection, network) if one.kind != Kind.POLICY]
                head = root_head(root, network.id, [*others, signed], counter=row.sequence, now=now)
                await store.put(connection, network.id, [signed, head], now)
                detail = {"sha256": hashlib.sha256(text).hexdigest()}
                await record(
                    connection,
                    Action.POLICY_SET,
                    actor=actor,
                    at=now,
                    network=network.id,
                    subject=network.row.name,
                    detail=detail,
                )
            self.apply(network, row, [(one.kind, one.subject, one.raw) for one in (signed, head)])

    async def delete(self, network: LiveNetwork, *, actor: str) -> None:
        """Forget the network, its members and keys; the root key's file goes last. Raises STORE_UNAVAILABLE."""
        await self._completions.finish(self._delete(network, actor=actor))

    async def _delete(self, network: LiveNetwork, *, actor: str) -> None:
        now = int(self._clock())
        if network.row.root == ROOT_HERE:
            await asyncio.to_thread(check_changeable, self._folder.keys)
        async with self._database.write(of=network.id) as connection:
            await store.remove(connection, network.id)
            await record(
                connection, Action.NETWORK_DELETED, actor=actor, at=now, network=network.id, subject=network.row.name
            )
        self._live.pop(network.id, None)
        self._on_change(network.id)
        await asyncio.to_thread(delete_private, self._folder.root_key(short_identity(network.id)))

    def count_ending(self) -> dict[str, float]:
        """How many memberships have ended, or end within EXPIRY_WARNED_S; but for ephemeral ones."""
        now = self._clock()
        ends = [end for network in self._live.values() for end in network.ending().values()]
        return {
            "ending_soon": float(sum(now < end <= now + EXPIRY_WARNED_S for end in ends)),
            "ended": float(sum(end <= now for end in ends)),
        }

    async def member_counts(self) -> Mapping[bytes, int]:
        """How many members each network has."""
        async with self._database.read() as connection:
            return await member_store.count(connection)

    def furthest(self, network: LiveNetwork) -> int:
        """The greatest number that a document of others may have here: what this server signs comes after it, and must
        not be a jump to nodes. Where an admin's stands at it, what people sign next is a few further still."""
        ahead = int(self._clock()) - SEQUENCE_BEGAN_AT + COUNTER_AHEAD_MAX
        return max(network.row.sequence + COUNTER_STEP_MAX, ahead)

    def check_number(self, network: LiveNetwork, number: int) -> None:
        """Raises OUT_OF_ORDER where a document's number is past `furthest`."""
        if number > self.furthest(network):
            raise WarrenError(Code.OUT_OF_ORDER, "a document's number is far ahead of all others of this network")

    def check_place(self, settings: Settings) -> None:
        """Raises FORBIDDEN where settings do not name this server: nobody would find or believe it by them."""
        if self._place.key not in {place.key for place in settings.servers}:
            raise WarrenError(Code.FORBIDDEN, "these settings do not name this server")

    async def advance(self, connection: AsyncConnection, network: LiveNetwork, *, beyond: int = 0) -> NetworkRow:
        """Within a transaction that took the network's turn: take the next sequence number, greater than `beyond`.
        Raises NETWORK_UNKNOWN, or OUT_OF_ORDER where that is past `furthest`.

        The turn is what keeps memory and disk in one order: heads are signed over what is in memory, and `apply`
        follows the commit at once.
        """
        if not self._database.is_turn_of(connection, network.id):
            raise RuntimeError("a change of a network begins with write(of=network.id)")
        self.check_number(network, beyond)
        at_least = max(int(self._clock()) - SEQUENCE_BEGAN_AT, beyond + 1)
        row = await store.advance(connection, network.id, at_least)
        if row is None:
            raise WarrenError(Code.NETWORK_UNKNOWN, "this network was deleted")
        return row

    def admits(self, network: LiveNetwork) -> bool:
        """Whether this server may let machines in: what counts is its own registrar, not whether another key admits;
        nor does an admin's word to that one unlock a network."""
        return not network.is_locked and network.may(self._registrar.public, Right.ADMIT)

    def under(self, network: LiveNetwork) -> int:
        """The epoch of the delegation under which the registrar signs."""
        grant = network.grant_of(self._registrar.public)
        return 0 if grant is None else grant.epoch

    async def registrar_head(
        self, network: LiveNetwork, changes: Iterable[Change], *, counter: int, now: int
    ) -> DocumentRow:
        """The registrar's head as it is with these changes."""
        body = Head(
            counter=counter,
            date=now,
            under=self.under(network),
            authority=self._registrar.public,
            digest=network.registrar_digest(changes),
        )
        return DocumentRow(Kind.HEAD.value, self._registrar.public, await self._registrar.attest(network.id, body))

    def apply(self, network: LiveNetwork, row: NetworkRow, changes: Iterable[Change]) -> None:
        """At once after a commit, without waiting for anything between: let sessions see the change."""
        network.apply(row, changes)
        self._follow(network)
        self._on_change(network.id)
        newest = min(network.newest_date(), int(self._clock()))  # others may be ahead: nothing is dated as they are
        if network.stale_heads(newest - HEAD_REDATE_S):
            self.heads_overtaken.set()

    def _follow(self, network: LiveNetwork) -> None:
        """Go by the dates of the key that never leaves this server: a root's owner could leap the clock of all."""
        self._on_date(network.dated_by(self._registrar.public))

    async def redate_heads(self) -> None:
        """Date the heads anew that are older than HEAD_REDATE_S, so that no node has to think it is cut off."""
        now = int(self._clock())
        for network in list(self._live.values()):
            stale = network.stale_heads(now - HEAD_REDATE_S)
            if not stale:
                continue
            async with self._order:
                async with self._database.write(of=network.id) as connection:
                    row = await self.advance(connection, network)
                    heads = [await self.registrar_head(network, (), counter=row.sequence, now=now)]
                    heads += [
                        await self._redated(network, head, now)
                        for head in stale
                        if head.authority not in {self._registrar.public, *([row.root_key] * (row.root == ROOT_HERE))}
                    ]
                    if row.root == ROOT_HERE:
                        in_force = await self._root_documents(connection, network)
                        heads.append(
                            root_head(self._root(network), network.id, in_force, counter=row.sequence, now=now)
                        )
                    await store.put(connection, network.id, heads, now)
                self.apply(network, row, [(head.kind, head.subject, head.raw) for head in heads])

    async def _redated(self, network: LiveNetwork, head: Head, now: int) -> DocumentRow:
        raw = await self._registrar.redate(network.id, head, now, self.under(network))
        return DocumentRow(Kind.HEAD.value, head.authority + self._registrar.public, raw)

    async def _change_settings(
        self, network: LiveNetwork, action: Action, actor: str, detail: Mapping[str, object], **fields: object
    ) -> None:
        """Sign and store new settings and the root's head over them."""
        now = int(self._clock())
        root = self._root(network)
        async with self._order:
            async with self._database.write(of=network.id) as connection:
                row = await self.advance(connection, network)
                settings: Settings = msgspec.structs.replace(network.settings, counter=row.sequence, date=now, **fields)
                if settings.name != row.name:
                    await store.rename(connection, network.id, settings.name)
                    row = NetworkRow(**{**{name: getattr(row, name) for name in row.__slots__}, "name": settings.name})
                signed = signed_row(Kind.SETTINGS, network.id, settings, root)
                others = [one for one in await self._root_documents(connection, network) if one.kind != Kind.SETTINGS]
                head = root_head(root, network.id, [*others, signed], counter=row.sequence, now=now)
                await store.put(connection, network.id, [signed, head], now)
                await record(
                    connection,
                    action,
                    actor=actor,
                    at=now,
                    network=network.id,
                    subject=settings.name,
                    detail=detail,
                )
            self.apply(network, row, [(one.kind, one.subject, one.raw) for one in (signed, head)])

    async def _root_documents(self, connection: AsyncConnection, network: LiveNetwork) -> list[DocumentRow]:
        return [one for one in await store.read_documents(connection, network.id) if one.kind in ROOT_KINDS]

    def _root(self, network: LiveNetwork) -> SigningKeyPair:
        """The root key, from this server's folder. Raises WarrenError FORBIDDEN where it lives elsewhere."""
        if network.row.root != ROOT_HERE:
            raise WarrenError(
                Code.FORBIDDEN, "this network's root is not on this server", "its owner changes it from their device"
            )
        return keys.load(self._folder.root_key(short_identity(network.id)))

    def _check_keys(self) -> None:
        """That the keys in the folder are those that the networks' machines know. One that was lost or damaged would
        sign on as well as before, and they would believe nothing of it; but no network that knows another alone keeps
        the server from those that know it: its owner or an admin says so by their own word."""
        networks = self._live.values()
        servers = [(one, {place.key for place in one.settings.servers}) for one in networks]
        for file, key, knowing in (
            (self._folder.server_key.name, self._place.key, servers),
            (
                self._folder.registrar_key.name,
                self._registrar.public,
                [(one, one.registrar_keys()) for one in networks],
            ),
        ):
            told = [(one, key in known) for one, known in knowing if known]
            strange = [one for one, is_known in told if not is_known]
            if strange and len(strange) == len(told):
                raise _not_the_key(file, strange[0])
            for one in strange:
                log.warning("a network knows another key than this server's", network=one.row.name, file=file)

    def _check_root(self, network: LiveNetwork) -> None:
        if network.row.root == ROOT_HERE and self._root(network).public != network.row.root_key:
            raise _not_the_key(self._folder.root_key(short_identity(network.id)).name, network)

    def _draw_prefix(self) -> IPv4Network:
        in_use = [network.prefix4 for network in self._live.values()]
        return prefixes.draw_ipv4(int.from_bytes(os.urandom(4), "big"), in_use)


def _not_the_key(file: str, network: LiveNetwork) -> WarrenError:
    return WarrenError(
        Code.STATE_DAMAGED,
        f"keys/{file} is not the key that the network {network.row.name} knows: no machine would believe this server",
        "restore the folder keys/ from a backup; the database may stay as it is",
    )


def _name_taken(name: str) -> WarrenError:
    return WarrenError(Code.CONFLICT, f"this server has a network {name!r} already", "choose another name")
