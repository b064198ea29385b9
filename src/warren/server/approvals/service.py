"""The only door to what owners and admins sign: batches are judged, stored whole and told; machines wait for one.

Decides the order: judge, then in one transaction store the documents, the members' rows, keys and the audit log; after
the commit tell everybody, end the sessions of who is gone, and wake who waited. A machine that waits asks again and
again, and each time its question is held for a few seconds: an approval reaches it at once. Must not know sessions or
HTTP. Invariant: nothing is stored that `verify` would refuse, so nodes never hear of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import Code, WarrenError
from warren.limits import WAITING_HOLD_S, WAITING_KEPT_S, WAITING_MAX
from warren.model.ids import Identity, NetworkId, show_identity
from warren.protocol.control.messages import Join, WaitingJoin
from warren.server.accounts import store as account_store
from warren.server.accounts.rules import Role
from warren.server.accounts.service import groups_of, hold_groups
from warren.server.approvals import minutes, store
from warren.server.approvals.rules import Judged, judge
from warren.server.approvals.store import WaitingRow
from warren.server.audit.service import Action, record
from warren.server.completions import Completions
from warren.server.db.engine import Database
from warren.server.devices import rules as device_rules
from warren.server.devices import store as member_store
from warren.server.devices.store import MemberRow
from warren.server.invites import service as invites
from warren.server.invites import store as key_store
from warren.server.invites.store import KeyRow
from warren.server.networks import store as network_store
from warren.server.networks.live import Change, LiveNetwork
from warren.server.networks.service import Networks
from warren.server.networks.store import DocumentRow
from warren.trust import admission_key
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import ADMIN_ROLE, FIRST_EPOCH, Kind, Membership, Removal, Right
from warren.trust.ephemeral import is_ephemeral
from warren.trust.office import is_locked, newest
from warren.trust.view import View


class Approvals:
    """Batches and machines that wait, of every network. `on_removed` hears of each member that a batch ended."""

    def __init__(
        self,
        *,
        database: Database,
        networks: Networks,
        completions: Completions,
        clock: Callable[[], float],
        on_removed: Callable[[NetworkId, Identity], None],
    ) -> None:
        """`clock`: Unix seconds."""
        self._database = database
        self._networks = networks
        self._completions = completions
        self._clock = clock
        self._on_removed = on_removed
        self._one_batch = asyncio.Lock()
        self._one_considered = asyncio.Lock()
        self._decided: dict[tuple[NetworkId, Identity], asyncio.Event] = {}

    # --- batches ---

    async def submit(self, network: LiveNetwork, raws: Sequence[bytes], *, actor: str, keep_keys: bool = False) -> None:
        """Store a batch and let everybody have it.

        Raises WarrenError with what is wrong with a document, CONFLICT (a name or address is another's), BUSY or
        STORE_UNAVAILABLE; then nothing has changed.
        """
        await self._completions.finish(self._submit(network, tuple(raws), _Errand(actor, keep_keys=keep_keys)))

    async def consider(self, network: LiveNetwork, raws: Sequence[bytes]) -> None:
        """Judge a batch as `submit` will, while nobody waits for it: neither another network's batch nor who writes.
        One at a time. Raises WarrenError with what is wrong with a document."""
        async with self._one_considered:
            await asyncio.to_thread(judge, network.id, network.documents(), tuple(raws), int(self._clock()))

    async def bring(self, network: LiveNetwork, join: Join) -> None:
        """Admit a machine by the membership that the key of its invite signed; uses the key. Raises KEY_*, FORBIDDEN
        (it is not the key's, or not for this machine), or as `submit`."""
        identity = Identity(join.identity)
        async with self._database.read() as connection:
            key = await key_store.read(connection, join.key_id)
        document = authenticate(network.id, join.membership)
        if not isinstance(document, Authentic):
            raise WarrenError(document.code, document.text)
        body = document.body
        if key is None or document.signer != key.public or document.subject != identity:
            raise WarrenError(Code.FORBIDDEN, "the invite's key did not sign this membership for this machine")
        tags = msgspec.json.encode(body.tags).decode() if isinstance(body, Membership) else "[]"
        brought = _asked(network, join, hostname="", user=key.user or "", tags=tags, now=int(self._clock()))
        errand = _Errand(f"key:{key.id}", brought=brought)
        await self._completions.finish(self._submit(network, (join.membership,), errand))

    async def _submit(self, network: LiveNetwork, raws: tuple[bytes, ...], errand: "_Errand") -> None:
        try:
            async with self._one_batch:
                judged = await self._store(network, raws, errand)
        except IntegrityError as error:
            raise WarrenError(Code.CONFLICT, "a name or address of this batch is another's by now") from error
        for identity in judged.gone:
            self._on_removed(network.id, identity)
        for body in judged.came:
            self._decide(network.id, Identity(body.identity))

    async def _store(self, network: LiveNetwork, raws: tuple[bytes, ...], errand: "_Errand") -> Judged:
        """The transaction: what is judged is what is stored beneath it, since its row is locked meanwhile."""
        now, was_locked, actor = int(self._clock()), network.is_locked, errand.actor
        async with self._database.write(of=network.id) as connection:
            row = await self._networks.advance(connection, network)
            if errand.brought is not None:
                await invites.consume(connection, network.id, errand.brought.key_id, now)
            held = [one.raw for one in await network_store.read_documents(connection, network.id)]
            is_joining = errand.brought is not None
            judged = await asyncio.to_thread(
                judge, network.id, [network.row.genesis, *held], raws, now, is_joining=is_joining
            )
            self._networks.check_number(network, judged.counter)
            if judged.view.settings is not None and any(one.kind == Kind.SETTINGS for one in judged.new):
                self._networks.check_place(judged.view.settings)
            if judged.followed >= row.sequence:
                row = await self._networks.advance(connection, network, beyond=judged.followed)
            changes = list(judged.changes)
            for identity in judged.gone:
                await self._end(connection, network, identity, judged, errand=errand, now=now)
            for body in judged.changed:
                await self._change(connection, network, body)
            for identity in judged.unseated:
                await self._unseat(connection, network, identity, judged.view)
            for body in judged.came:
                changes += await self._take_in(connection, network, body, judged, errand=errand, now=now)
            settings = judged.view.settings
            if settings is not None and settings.name != row.name:
                await network_store.rename(connection, network.id, settings.name)
                row = network_store.NetworkRow(
                    **{**{name: getattr(row, name) for name in row.__slots__}, "name": settings.name}
                )
            signed_by = minutes.signers(judged)
            row = await self._networks.follow_root(
                connection, row, judged.view.root, actor=actor, now=now, signed_by=signed_by
            )
            for kind, subject, raw in changes:
                if raw is None:
                    await network_store.drop(connection, network.id, kind, subject)
            stored = [DocumentRow(kind, subject, raw) for kind, subject, raw in changes if raw is not None]
            await network_store.put(connection, network.id, stored, now)
            await self._register_invites(connection, network, judged, errand, now)
            locked = is_locked(judged.view)
            words = {
                "signed_by": signed_by, "says": minutes.lines(judged),
                "documents": len(stored), "came": len(judged.came), "gone": len(judged.gone),
            }  # fmt: skip
            action = Action.SIGNED if locked == was_locked else Action.LOCKED if locked else Action.UNLOCKED
            await record(connection, action, actor=actor, at=now, network=network.id, subject=row.name, detail=words)
        for identity in judged.gone:
            network.state.drop_presence(identity)
        self._networks.apply(network, row, changes)
        return judged

    async def _end(
        self,
        connection: AsyncConnection,
        network: LiveNetwork,
        identity: Identity,
        judged: Judged,
        *,
        errand: "_Errand",
        now: int,
    ) -> None:
        actor = errand.actor
        member = await member_store.mark_removed(connection, network.id, identity, now)
        if member is None:
            return
        left = actor == show_identity(identity)
        revoked = None
        if member.key_id is not None and not errand.keep_keys and not left:
            key = await invites.revoke_within(connection, network.id, member.key_id, actor=actor, now=now)
            revoked = None if key is None else key.id
        await record(
            connection,
            Action.MEMBER_LEFT if left else Action.MEMBER_REMOVED,
            actor=actor,
            at=now,
            network=network.id,
            subject=show_identity(identity),
            detail={
                "hostname": member.hostname, "revoked_key": revoked,
                "signed_by": minutes.signers_of_membership(judged, identity),
            },
        )  # fmt: skip

    async def _register_invites(
        self, connection: AsyncConnection, network: LiveNetwork, judged: Judged, errand: "_Errand", now: int
    ) -> None:
        """Keys that an admin's device delegated to are known by their public half; ended ones are revoked."""
        for key, many in judged.view.delegations.items():
            given = newest(many)
            if given.limits.count is None or given.not_after is None or Right.ADMIT not in given.rights:
                continue
            if await key_store.read(connection, admission_key.id_of(key)) is None:
                row = KeyRow(
                    id=admission_key.id_of(key),
                    network=network.id,
                    public=key,
                    reusable=given.limits.count > 1,
                    ephemeral=False,
                    tags=msgspec.json.encode(given.limits.tags or ()).decode(),
                    user=None,
                    uses=0,
                    created_at=now,
                    expires_at=given.not_after,
                    used_at=None,
                    revoked_at=None,
                    uses_max=given.limits.count,
                )
                await key_store.add(connection, row)
                await record(
                    connection, Action.KEY_CREATED, actor=errand.actor, at=now, network=network.id, subject=row.id,
                    detail={"delegated": True, "uses": row.uses_max},
                )  # fmt: skip
        for ended in network.ended_keys(judged.view.delegations.keys()):
            await invites.revoke_within(connection, network.id, admission_key.id_of(ended), actor=errand.actor, now=now)

    async def _change(self, connection: AsyncConnection, network: LiveNetwork, body: Membership) -> None:
        """An admin's role: what the person may do on the server follows; an admin's machine is not ephemeral."""
        await member_store.set_ephemeral(connection, network.id, Identity(body.identity), is_it=is_ephemeral(body))
        before = network.membership(Identity(body.identity))
        if before is None or before.role == body.role or body.role != ADMIN_ROLE:
            return  # signed again, as renewals do: nobody said anything about the person
        if body.user and await account_store.read_user(connection, body.user) is not None:
            await account_store.set_role(connection, network.id, body.user, Role.ADMIN, but=Role.OWNER)

    async def _unseat(self, connection: AsyncConnection, network: LiveNetwork, identity: Identity, after: View) -> None:
        """An admin's machine no more: the person may do no more on the server than others, unless another machine of
        theirs is an admin's. Who was put out is given no role by that."""
        row, body = await member_store.read(connection, network.id, identity), network.membership(identity)
        user = body.user if body is not None else "" if row is None else row.user
        others = (one for key, one in after.members.items() if key != identity)
        if not any((one.membership.user, one.role) == (user, ADMIN_ROLE) for one in others):
            await account_store.lower_role(connection, network.id, user, Role.ADMIN, Role.MEMBER)

    async def _take_in(
        self,
        connection: AsyncConnection,
        network: LiveNetwork,
        body: Membership,
        judged: Judged,
        *,
        errand: "_Errand",
        now: int,
    ) -> list[Change]:
        """The row of a new member, and the record with which it waited. Raises FORBIDDEN where the person whose machine
        it is was shut out: an admin's signature says who they take it for, not whether this server lets them in."""
        identity = Identity(body.identity)
        await hold_groups(connection, body.user)
        asked = errand.brought or await store.read(connection, network.id, identity)
        await store.drop(connection, network.id, identity)
        if asked is not None and errand.brought is None:
            await key_store.consume(connection, asked.key_id, network.id, now)
        row = MemberRow(
            network=network.id,
            identity=identity,
            hostname=body.hostname or None,
            offset=int(IPv4Address(body.ipv4)) - int(network.prefix4.network_address) if body.ipv4 else None,
            user=body.user,
            tags=msgspec.json.encode(body.tags).decode(),
            os="" if asked is None else asked.os,
            ephemeral=is_ephemeral(body),
            key_id=None if asked is None else asked.key_id,
            joined_at=now,
            last_seen=None,
            removed_at=None,
        )
        await member_store.put(connection, row)
        await record(
            connection,
            Action.MEMBER_JOINED,
            actor=errand.actor,
            at=now,
            network=network.id,
            subject=show_identity(identity),
            detail={
                "hostname": body.hostname, "ipv4": body.ipv4, "tags": body.tags, "approved": True,
                "readmitted": body.epoch > FIRST_EPOCH, "signed_by": minutes.signers_of_membership(judged, identity),
            },
        )  # fmt: skip
        return [] if asked is None or body.epoch else [(Kind.RECORD.value, identity, asked.record)]

    # --- ephemeral machines, whose memberships nobody here may end ---

    async def keep_farewell(self, network: LiveNetwork, identity: Identity, removal: bytes) -> None:
        """Keep a machine's own word that it leaves, for when it has gone. Raises FORBIDDEN where it is none."""
        document, body = authenticate(network.id, removal), network.membership(identity)
        if (
            not isinstance(document, Authentic)
            or not isinstance(document.body, Removal)
            or (document.body.of, document.body.subject, document.signer) != ("membership", identity, identity)
            or body is None
            or not is_ephemeral(body)
        ):
            raise WarrenError(Code.FORBIDDEN, "this is no farewell of an ephemeral machine")
        async with self._database.write() as connection:
            await member_store.keep_farewell(connection, network.id, identity, removal)

    async def end_away(self, network: LiveNetwork, identity: Identity) -> None:
        """End the membership of a machine that has gone, by its own word; nothing where it left none. Raises as
        `submit`."""
        async with self._database.read() as connection:
            removal = await member_store.read_farewell(connection, network.id, identity)
        if removal is not None:
            await self.submit(network, (removal,), actor=show_identity(identity))

    # --- machines that wait ---

    async def ask(self, network: LiveNetwork, join: Join, *, hostname: str) -> None:
        """Remember a machine that proved its identity and its key, until somebody decides. Raises KEY_* or FORBIDDEN
        (it was denied, or asks for tags that its key does not give)."""
        now, identity = int(self._clock()), Identity(join.identity)
        async with self._database.write() as connection:
            key = await key_store.read(connection, join.key_id)
            if key is None or invites.state_of(key, now) != "live":
                raise invites.refusal(key, network.id, now)
            tags = device_rules.granted_tags(join.tags, msgspec.json.decode(key.tags, type=list[str]))
            before = await store.read(connection, network.id, identity)
            if before is not None and before.denied_at is not None and before.key_id == key.id:
                raise denied_error()
            await store.forget_before(connection, network.id, now - WAITING_KEPT_S)
            waiting = await store.read_all(connection, network.id)
            for oldest in waiting[: max(0, len(waiting) + 1 - WAITING_MAX)]:
                await store.drop(connection, network.id, oldest.identity)
            words = msgspec.json.encode(tags).decode()
            since = now if before is None else before.asked_at
            asked = _asked(network, join, hostname=hostname, user=key.user or "", tags=words, now=since)
            asked = replace(asked, ephemeral=join.ephemeral or key.ephemeral)
            await store.put(connection, asked)
            if before is None:
                await record(
                    connection, Action.MEMBER_ASKED, actor=f"key:{key.id}", at=now, network=network.id,
                    subject=show_identity(identity), detail={"hostname": hostname},
                )  # fmt: skip

    async def hold(self, network: LiveNetwork, identity: Identity) -> bool:
        """Whether this machine waits; if so, returns when somebody decided, at most after WAITING_HOLD_S. Raises
        FORBIDDEN where it was denied."""
        decided = self._decided.setdefault((network.id, identity), asyncio.Event())
        try:
            async with self._one_batch, self._database.read() as connection:  # what is stored is also told by then
                row = await store.read(connection, network.id, identity)
            if row is not None and row.denied_at is None:
                try:
                    async with asyncio.timeout(WAITING_HOLD_S):
                        await decided.wait()
                except TimeoutError:
                    return True
                async with self._database.read() as connection:
                    row = await store.read(connection, network.id, identity)
            if row is not None and row.denied_at is not None:
                raise denied_error()
            return row is not None
        finally:
            self._decided.pop((network.id, identity), None)

    async def waiting(self, network: LiveNetwork) -> tuple[WaitingJoin, ...]:
        """Who waits, the longest first."""
        async with self._database.read() as connection:
            rows = await store.read_all(connection, network.id)
            accounts = {one: await account_store.read_user(connection, one) for one in {row.user for row in rows}}
        return tuple(
            WaitingJoin(
                identity=row.identity,
                hostname=row.hostname,
                since=row.asked_at,
                user=row.user,
                tags=tuple(msgspec.json.decode(row.tags, type=list[str])),
                os=row.os,
                groups=() if (account := accounts[row.user]) is None else groups_of(account),
                ephemeral=row.ephemeral,
            )
            for row in rows[:WAITING_MAX]
        )

    async def deny(self, network: LiveNetwork, identity: Identity, *, actor: str) -> None:
        """Refuse a machine that waits; it may ask again with another key. Raises NOT_FOUND."""
        now = int(self._clock())
        async with self._database.write() as connection:
            if not await store.deny(connection, network.id, identity, now):
                raise WarrenError(Code.NOT_FOUND, "no such machine waits", "warren member waiting shows who does")
            await record(
                connection, Action.MEMBER_DENIED, actor=actor, at=now, network=network.id,
                subject=show_identity(identity),
            )  # fmt: skip
        self._decide(network.id, identity)

    def _decide(self, network: NetworkId, identity: Identity) -> None:
        decided = self._decided.get((network, identity))
        if decided is not None:
            decided.set()


@dataclass(frozen=True, slots=True)
class _Errand:
    """Who brought a batch, and how. `brought`: the machine that came with its own membership."""

    actor: str
    keep_keys: bool = False
    brought: WaitingRow | None = None


def _asked(network: LiveNetwork, join: Join, *, hostname: str, user: str, tags: str, now: int) -> WaitingRow:
    return WaitingRow(
        network=network.id,
        identity=Identity(join.identity),
        hostname=hostname,
        user=user,
        tags=tags,
        os=join.os[:255],
        key_id=join.key_id,
        record=join.record,
        asked_at=now,
        denied_at=None,
    )


def denied_error() -> WarrenError:
    """The refusal for a machine that an admin did not let in."""
    return WarrenError(Code.FORBIDDEN, "an admin of the network refused this machine", "ask them for another invite")


def waiting_error() -> WarrenError:
    """What a machine hears that has to wait."""
    return WarrenError(
        Code.WAITING, "this network is locked: one of its admins has to approve this machine", "warren member approve"
    )
