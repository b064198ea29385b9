"""The only door to members: admission, their records, and the end of a membership.

Decides the order of an admission: proof of the key, then one transaction that consumes the key, takes a name and an
address, lets the registrar sign and stores all of it; only after its commit is anything told to anybody. A node that
did not hear the answer asks again with the same identity and is given the membership that it has: the key is not used
twice. Must not know sessions or HTTP. SECURITY.md rules 14, 15, 20 and 22.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.failpoints import reach
from warren.limits import JOIN_ATTEMPTS_MAX, MACHINE_LIFE_S, MEMBERS_PER_NETWORK_MAX, RECORDS_MAX
from warren.model.ids import Identity, NetworkId, show_identity
from warren.protocol.control.messages import Join
from warren.protocol.rest.paging import ByName
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.service import hold_groups
from warren.server.audit.service import Action, record
from warren.server.completions import Completions
from warren.server.db.engine import Database
from warren.server.devices import rules, store
from warren.server.devices.records import check_record
from warren.server.devices.store import MemberRow
from warren.server.invites import service as invites
from warren.server.invites import store as key_store
from warren.server.networks import store as network_store
from warren.server.networks.live import Change, LiveNetwork
from warren.server.networks.service import Networks
from warren.server.networks.store import DocumentRow, NetworkRow
from warren.server.registrar import Registrar
from warren.server.repeats.kept import Keep, keep_nothing
from warren.server.throttle import Throttle
from warren.trust import admission_key
from warren.trust.documents import FIRST_EPOCH, Kind, Membership, Removal, Right, subject_of


@dataclass(frozen=True, slots=True)
class Removed:
    """Who was removed, and the key that was revoked with it."""

    member: MemberRow
    revoked_key: str | None


class Devices:
    """Members of every network. `on_removed` hears of each one after the commit, to end its session."""

    def __init__(
        self,
        *,
        database: Database,
        networks: Networks,
        registrar: Registrar,
        completions: Completions,
        clock: Callable[[], float],
        on_removed: Callable[[NetworkId, Identity], None],
        life_s: int = 0,
    ) -> None:
        """`clock`: Unix seconds. `life_s`: how long a person's or tagged machine is a member; 0: for good."""
        self._database = database
        self._networks = networks
        self._registrar = registrar
        self._completions = completions
        self._clock = clock
        self._on_removed = on_removed
        self._life_s = life_s
        self._records = Throttle(RECORDS_MAX)

    async def join(self, network: LiveNetwork, join: Join, key_challenge: bytes) -> bytes:
        """Admit a node that proved its identity; returns its membership document, committed and told to its peers.

        Raises WarrenError KEY_*, HOSTNAME_TAKEN, INVALID_HOSTNAME, FORBIDDEN (a tag), ADDRESSES_EXHAUSTED, REMOVED,
        MALFORMED (the record) or STORE_UNAVAILABLE; then nothing has changed.
        """
        identity = Identity(join.identity)
        await self.check_key(network, join, key_challenge)
        admitted_before = network.state.document(Kind.MEMBERSHIP, identity)
        if admitted_before is not None:
            # It did not hear our answer. Its record may be the one we have, made anew: only a newer one is taken.
            with suppress(WarrenError):
                await self.publish(network, identity, join.record)
            return admitted_before
        check_record(network, identity, join.record)
        hostname = rules.wanted_hostname(join.hostname, identity)
        for _attempt in range(JOIN_ATTEMPTS_MAX):
            try:
                return await self._completions.finish(self._admit_and_tell(network, join, identity, hostname))
            except IntegrityError:
                continue  # another server of the same database took the name or address; look again
        raise WarrenError(Code.BUSY, "too many machines join at the same moment", "try again")

    async def publish(self, network: LiveNetwork, identity: Identity, raw: bytes) -> None:
        """Store a member's newest record and let its peers have it.

        Raises WarrenError as `check_record` does, NOT_A_MEMBER, STORE_UNAVAILABLE, or BUSY where it changes too often.
        """
        if not network.state.is_member(identity):
            raise WarrenError(Code.NOT_A_MEMBER, "this node is not a member of the network")
        if network.state.document(Kind.RECORD, identity) == raw:
            return
        check_record(network, identity, raw)
        whose, now = f"{network.id.hex()} {identity.hex()}", asyncio.get_running_loop().time()
        if self._records.wait_s(whose, now):
            raise WarrenError(
                Code.BUSY, "this machine's node record changes too often", "try again in a quarter of an hour"
            )
        self._records.fail(whose, now)  # before the outcome is known: many at once are not more than many
        try:
            await self._completions.finish(self._publish(network, identity, raw))
        except WarrenError:
            self._records.take_back(whose)
            raise

    async def _publish(self, network: LiveNetwork, identity: Identity, raw: bytes) -> None:
        change = DocumentRow(Kind.RECORD.value, identity, raw)
        now = int(self._clock())
        async with self._database.write(of=network.id) as connection:
            row = await self._networks.advance(connection, network)
            check_record(network, identity, raw)  # again: another one may have come in while we waited for our turn
            await network_store.put(connection, network.id, [change], now)
            reach("record.written")
        reach("record.committed")
        if network.state.is_member(identity):  # not removed meanwhile; a stray row admits nobody
            self._networks.apply(network, row, [(change.kind, change.subject, change.raw)])

    async def all(self, network: LiveNetwork) -> list[MemberRow]:
        """Every member by hostname."""
        async with self._database.read() as connection:
            return await store.read_all(connection, network.id)

    async def page(self, network: LiveNetwork, *, after: ByName | None, limit: int) -> list[MemberRow]:
        """So many of them behind a place."""
        async with self._database.read() as connection:
            return await store.read_page(connection, network.id, after=after, limit=limit)

    async def ephemeral(self, network: LiveNetwork) -> list[MemberRow]:
        """Members that go when they are away."""
        async with self._database.read() as connection:
            return await store.read_ephemeral(connection, network.id)

    async def find(self, network: LiveNetwork, name: str) -> MemberRow:
        """The member of this hostname or (beginning of) identity in hex. Raises WarrenError NOT_FOUND."""
        return rules.pick_member(await self.all(network), name)

    async def remove(
        self,
        network: LiveNetwork,
        identity: Identity,
        *,
        actor: str,
        revoke_key: bool,
        left: bool = False,
        keep: Keep[Removed] = keep_nothing,
    ) -> Removed:
        """End a membership with a signed removal, told to every peer at once. Raises WarrenError NOT_FOUND."""
        return await self._completions.finish(
            self._remove(network, identity, actor=actor, revoke_key=revoke_key, left=left, keep=keep)
        )

    async def _remove(
        self,
        network: LiveNetwork,
        identity: Identity,
        *,
        actor: str,
        revoke_key: bool,
        left: bool,
        keep: Keep[Removed],
    ) -> Removed:
        self._check_removes(network)
        now = int(self._clock())
        async with self._database.write(of=network.id) as connection:
            row = await self._networks.advance(connection, network)
            self._check_removes(network)  # again: a lock may have come while we waited for our turn
            member = await store.mark_removed(connection, network.id, identity, now)
            if member is None:
                raise WarrenError(Code.NOT_FOUND, "there is no such member", "warren member list shows who there is")
            changes = await self._removal(network, identity, row, now)
            await network_store.drop(connection, network.id, Kind.MEMBERSHIP, identity)
            await network_store.drop(connection, network.id, Kind.RECORD, identity)
            await network_store.put(connection, network.id, _stored(changes), now)
            revoked = None
            if revoke_key and member.key_id is not None:
                key = await invites.revoke_within(connection, network.id, member.key_id, actor=actor, now=now)
                revoked = None if key is None else key.id
            is_kicked_admin = not left and network.is_admin(identity)  # nobody takes anything from who leaves
            if is_kicked_admin and network.admins_of(member.user) <= {identity}:
                await account_store.lower_role(connection, network.id, member.user, Role.ADMIN, Role.MEMBER)
            await record(
                connection,
                Action.MEMBER_LEFT if left else Action.MEMBER_REMOVED,
                actor=actor,
                at=now,
                network=network.id,
                subject=show_identity(identity),
                detail={"hostname": member.hostname, "revoked_key": revoked},
            )
            removed = Removed(member, revoked)
            await keep(connection, removed)
        network.state.drop_presence(identity)
        self._networks.apply(network, row, changes)
        self._on_removed(network.id, identity)
        return removed

    def _check_removes(self, network: LiveNetwork) -> None:
        if not network.may(self._registrar.public, Right.REMOVE):
            raise WarrenError(
                Code.FORBIDDEN,
                "this network is locked: only its owner and admins end memberships, from their own machines",
                "there: warren member kick NAME",
            )

    async def remove_of_user(self, user: str, *, actor: str) -> tuple[str, ...]:
        """End the memberships of a person's machines in every network; names those that this server may not remove.

        Raises WarrenError STORE_UNAVAILABLE; done again, it goes on where it ended.
        """
        kept: list[str] = []
        async with self._database.read() as connection:
            machines = await store.read_of_user(connection, user)
        for machine in machines:
            network = self._networks.get(machine.network)
            if network is None:
                kept += [f"{machine.hostname}.{out.row.name}" for out in self._networks.unserved(machine.network)]
                continue
            try:
                await self.remove(network, machine.identity, actor=actor, revoke_key=False)
            except WarrenError as error:
                if error.code is Code.FORBIDDEN:  # its owner's device alone ends memberships there
                    kept.append(f"{machine.hostname}.{network.row.name}")
                elif error.code is not Code.NOT_FOUND:
                    raise
        return tuple(kept)

    async def renew(self, network: LiveNetwork, identity: Identity) -> None:
        """Give an ephemeral or tagged member that is here a later end, once half of its time is over."""
        now = int(self._clock())
        body = network.membership(identity)
        expires = None if body is None else rules.own_renewal(body, life_s=self._life_s, now=now)
        if body is None or expires is None or not self._networks.admits(network):
            return
        await self._completions.finish(self._renew(network, identity, body, expires, now))

    async def renew_by_key(self, network: LiveNetwork, identity: Identity, key_id: str, signature: bytes) -> Membership:
        """Give a person's machine a later end, by a key that they approved or were given; uses the key.

        Raises WarrenError KEY_*, FORBIDDEN (another person's key; a locked network, or an admin's machine, which people
        sign), NOT_A_MEMBER, CONFLICT (it has no end) or STORE_UNAVAILABLE; then nothing has changed.
        """
        async with self._database.read() as connection:
            key = await key_store.read(connection, key_id)
        signed = key is not None and admission_key.verify_join(
            key.public, identity, network.id, admission_key.renewal_challenge(key_id), signature
        )
        if key is None or key.network != network.id or not signed:
            raise invites.unknown_key()
        body = network.membership(identity)
        if body is None:
            raise WarrenError(Code.NOT_A_MEMBER, "this machine is not a member of the network")
        if body.expires is None:
            raise WarrenError(Code.CONFLICT, "this machine's membership has no end")
        if not self._networks.admits(network) or body.role != "member" or body.epoch != FIRST_EPOCH:
            raise WarrenError(Code.FORBIDDEN, "only the network's owner and admins renew this machine", "ask one")
        now = int(self._clock())
        expires = now + (self._life_s or MACHINE_LIFE_S)
        return await self._completions.finish(self._renew(network, identity, body, expires, now, key_id=key_id))

    async def _renew(
        self,
        network: LiveNetwork,
        identity: Identity,
        body: Membership,
        expires: int,
        now: int,
        *,
        key_id: str | None = None,
    ) -> Membership:
        async with self._database.write(of=network.id) as connection:
            row = await self._networks.advance(connection, network)
            member = await store.read(connection, network.id, identity)
            if member is None or member.removed_at is not None:
                if key_id is not None:
                    raise removed_error()
                return body  # removed while we waited for our turn
            if not self._networks.admits(network) or network.membership(identity) != body:
                if key_id is not None:
                    raise WarrenError(Code.BUSY, "this membership was changed at this moment", "try again")
                return body  # locked, or signed anew, meanwhile: ours would take the place of what counts
            if key_id is not None:
                await self._use_for(connection, network, member, key_id, now)
            later = msgspec.structs.replace(
                body,
                counter=row.sequence,
                date=now,
                under=self._networks.under(network),
                expires=expires,
                heads=network.head_marks(),
                invite=network.invite_of(identity),
            )
            raw = await self._registrar.admit(network.id, later, network.prefix4)
            changes = await self._with_head(network, [(Kind.MEMBERSHIP.value, identity, raw)], row, now)
            await network_store.put(connection, network.id, _stored(changes), now)
        record_raw = network.state.document(Kind.RECORD, identity)
        if record_raw is not None:  # told again: who took the member for gone has forgotten its record with it
            changes.append((Kind.RECORD.value, identity, record_raw))
        self._networks.apply(network, row, changes)
        return later

    async def _use_for(
        self, connection: AsyncConnection, network: LiveNetwork, member: MemberRow, key_id: str, now: int
    ) -> None:
        """Use a key of the machine's own person. Raises KEY_* or FORBIDDEN; the transaction ends with it."""
        key = await invites.consume(connection, network.id, key_id, now)
        if not member.user or key.user != member.user:
            raise WarrenError(Code.FORBIDDEN, "this key is not of the person whose machine it is")
        await hold_groups(connection, key.user)
        await record(
            connection,
            Action.MEMBER_RENEWED,
            actor=f"key:{key.id}",
            at=now,
            network=network.id,
            subject=show_identity(member.identity),
            detail={"hostname": member.hostname},
        )

    async def write_last_seen(self, seen: dict[tuple[NetworkId, Identity], int]) -> None:
        """Store when members had a session last (Unix seconds)."""
        async with self._database.write() as connection:
            await store.write_last_seen(connection, seen)

    async def check_key(self, network: LiveNetwork, join: Join, key_challenge: bytes) -> None:
        """Whether the node holds the key's secret, before anything waits for the write lock. Raises KEY_UNKNOWN."""
        async with self._database.read() as connection:
            key = await key_store.read(connection, join.key_id)
        if (
            key is None
            or key.network != network.id
            or not admission_key.verify_join(
                key.public, Identity(join.identity), network.id, key_challenge, join.key_signature
            )
        ):
            raise invites.unknown_key()

    async def _admit_and_tell(self, network: LiveNetwork, join: Join, identity: Identity, hostname: str) -> bytes:
        admitted = await self._admit(network, join, identity, hostname)
        if admitted.row is not None:
            self._networks.apply(network, admitted.row, admitted.changes)
        return admitted.membership

    async def _admit(self, network: LiveNetwork, join: Join, identity: Identity, hostname: str) -> "_Admitted":
        """The transaction of an admission."""
        now = int(self._clock())
        async with self._database.write(of=network.id) as connection:
            row = await self._networks.advance(connection, network)
            before = await store.read(connection, network.id, identity)
            if before is not None:
                return await self._again(connection, before)
            if not self._networks.admits(network):  # locked while we waited for our turn: nobody would believe it
                raise WarrenError(Code.BUSY, "this network is locked, since this moment", "try again")
            key = await invites.consume(connection, network.id, join.key_id, now)
            reach("admission.consumed")
            groups = await hold_groups(connection, key.user)
            tags = rules.granted_tags(join.tags, msgspec.json.decode(key.tags, type=list[str]))
            given = network.grant_of(key.public) if network.is_invites(key.public) else None
            if given is not None:
                hostname = rules.invited_hostname(hostname, given.limits.hostname)
            offset = await self._place(connection, network, row, hostname)
            ephemeral = key.ephemeral or join.ephemeral
            ipv4 = str(rules.address_at(network.prefix4, offset))
            body = _first_membership(network, row, identity, hostname, ipv4)
            body = msgspec.structs.replace(
                body,
                under=self._networks.under(network),
                invite=key.public if given is not None else b"",  # so that its revocation ends the membership too
                user=key.user or "",
                groups=groups,
                tags=tags,
                date=now,
                joined=now,
                ephemeral=ephemeral,
                expires=rules.first_end(
                    ephemeral=ephemeral, user=key.user or "", tags=tags, life_s=self._life_s, now=now
                ),
            )
            membership = await self._registrar.admit(network.id, body, network.prefix4)
            changes = await self._with_head(network, [(Kind.MEMBERSHIP.value, identity, membership)], row, now)
            changes.append((Kind.RECORD.value, identity, join.record))
            member = MemberRow(
                network=network.id,
                identity=identity,
                hostname=hostname,
                offset=offset,
                user=key.user or "",
                tags=msgspec.json.encode(tags).decode(),
                os=join.os[:255],
                ephemeral=ephemeral,
                key_id=key.id,
                joined_at=now,
                last_seen=now,
                removed_at=None,
            )
            await store.add(connection, member)
            await network_store.set_next_offset(connection, network.id, offset + 1)
            await network_store.put(connection, network.id, _stored(changes), now)
            await record(
                connection,
                Action.MEMBER_JOINED,
                actor=f"key:{key.id}",
                at=now,
                network=network.id,
                subject=show_identity(identity),
                detail={"hostname": hostname, "ipv4": ipv4, "tags": tags, "ephemeral": ephemeral},
            )
            reach("admission.written")
        reach("admission.committed")
        return _Admitted(membership, row, changes)

    async def _again(self, connection: AsyncConnection, member: MemberRow) -> "_Admitted":
        """The same identity once more: its membership, if it has not ended."""
        stored = await network_store.read_document(connection, member.network, Kind.MEMBERSHIP, member.identity)
        if member.removed_at is not None or stored is None:
            raise removed_error()
        return _Admitted(stored, None, [])

    async def _place(self, connection: AsyncConnection, network: LiveNetwork, row: NetworkRow, hostname: str) -> int:
        """The address's place; raises HOSTNAME_TAKEN or ADDRESSES_EXHAUSTED."""
        if await store.taken_hostnames(connection, network.id, [hostname]):
            raise rules.hostname_taken(hostname)
        if rules.is_usable(network.prefix4, row.next_offset) and await store.is_offset_free(
            connection, network.id, row.next_offset
        ):
            return row.next_offset
        taken = await store.taken_offsets(connection, network.id)
        if len(taken) >= MEMBERS_PER_NETWORK_MAX:
            raise WarrenError(
                Code.ADDRESSES_EXHAUSTED, f"a network has at most {MEMBERS_PER_NETWORK_MAX} members", "make another one"
            )
        return rules.next_offset(network.prefix4, row.next_offset, taken)

    async def _removal(self, network: LiveNetwork, identity: Identity, row: NetworkRow, now: int) -> list[Change]:
        membership = network.membership(identity)
        epoch = FIRST_EPOCH if membership is None else membership.epoch
        body = Removal(
            epoch=epoch,
            counter=row.sequence,
            date=now,
            under=self._networks.under(network),
            of="membership",
            subject=identity,
        )
        raw = await self._registrar.remove(network.id, body)
        changes: list[Change] = [
            (Kind.REMOVAL.value, subject_of(body, self._registrar.public), raw),
            (Kind.MEMBERSHIP.value, identity, None),
            (Kind.RECORD.value, identity, None),
        ]
        return await self._with_head(network, changes, row, now)

    async def _with_head(self, network: LiveNetwork, changes: list[Change], row: NetworkRow, now: int) -> list[Change]:
        """The changes, and the registrar's head over what is in force with them."""
        head = await self._networks.registrar_head(network, changes, counter=row.sequence, now=now)
        return [*changes, (head.kind, head.subject, head.raw)]


@dataclass(frozen=True, slots=True)
class _Admitted:
    membership: bytes
    row: NetworkRow | None
    changes: list[Change]


def _first_membership(
    network: LiveNetwork, row: NetworkRow, identity: Identity, hostname: str, ipv4: str
) -> Membership:
    """What every new member's document says, with how far the authorities are: its first floors."""
    return Membership(
        epoch=FIRST_EPOCH,
        counter=row.sequence,
        date=0,
        identity=identity,
        hostname=hostname,
        ipv4=ipv4,
        heads=network.head_marks(),
    )


def removed_error() -> WarrenError:
    """The refusal for an identity whose membership has ended."""
    return WarrenError(
        Code.REMOVED, "this machine was removed from the network", "join anew: warren leave, then warren up with a key"
    )


def _stored(changes: list[Change]) -> list[DocumentRow]:
    return [DocumentRow(kind, subject, raw) for kind, subject, raw in changes if raw is not None]
