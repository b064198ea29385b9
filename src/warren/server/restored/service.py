"""Learning from nodes what the copy of a folder did not have: ask, wait, store, tell. The only door to it.

Decides when maps of a network are held back (from the first node that shows more until those who were asked have told,
at most RESTORED_LISTEN_MAX_S), whom to ask, and that what was learned is committed before it counts. Pre-auth keys for
one use that the copy holds as unused are revoked: who used them since nobody can say (SECURITY.md rule 15). Must not
know sockets; `rules.py` says what is news.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.errors import WarrenError
from warren.limits import (
    MAP_MAX_DOCUMENTS,
    RESTORED_ASK_S,
    RESTORED_LISTEN_MAX_S,
    RESTORED_LISTEN_S,
    RESTORED_TELLERS_MAX,
    RESTORED_TOLD_MAX_BYTES,
)
from warren.log import Log
from warren.model.ids import Identity, NetworkId
from warren.server.audit.service import Action, record
from warren.server.completions import Completions
from warren.server.db.engine import Database
from warren.server.devices import store as member_store
from warren.server.devices.store import MemberRow
from warren.server.invites import store as key_store
from warren.server.networks import store as network_store
from warren.server.networks.live import LiveNetwork
from warren.server.networks.service import Networks
from warren.server.networks.store import DocumentRow
from warren.server.restored.rules import Learned, compare, is_an_invites_word, learn, own_ends, shows_more, without
from warren.trust.ephemeral import is_ephemeral

log = Log("restored")


@dataclass(slots=True)
class _Round:
    """One network that was found to be behind."""

    began_at: float
    asked: set[Identity] = field(default_factory=set)
    waiting: set[Identity] = field(default_factory=set)
    told: set[bytes] = field(default_factory=set)
    """What is still to be taken, and by whose own word they left: those come back by nothing that they kept."""
    told_bytes: int = 0
    brought: Counter[Identity] = field(default_factory=Counter)
    """Bytes of `told` that nobody had told before this node."""
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    served: asyncio.Event = field(default_factory=asyncio.Event)
    """Maps are served (again)."""

    def add(self, teller: Identity, documents: Iterable[bytes]) -> None:
        """Keep what a node tells, as much as one may tell."""
        for raw in documents:
            size = len(raw)
            is_full = len(self.told) >= MAP_MAX_DOCUMENTS or self.told_bytes + size > RESTORED_TOLD_MAX_BYTES
            if raw in self.told or is_full or self.brought[teller] + size > RESTORED_TOLD_MAX_BYTES // 2:
                continue
            self.told.add(raw)
            self.told_bytes += size
            self.brought[teller] += size

    def drop(self, taken: Set[bytes]) -> None:
        """These were taken."""
        self.told -= taken
        self.told_bytes = sum(map(len, self.told))
        self.brought.clear()


class Restored:
    """What this server learns from its nodes. `on_served` hears when a network's maps go out again."""

    def __init__(
        self,
        *,
        database: Database,
        networks: Networks,
        completions: Completions,
        group: asyncio.TaskGroup,
        clock: Callable[[], float],
        on_removed: Callable[[NetworkId, Identity], None],
        on_served: Callable[[NetworkId], None],
    ) -> None:
        """`clock`: Unix seconds."""
        self._database = database
        self._networks = networks
        self._completions = completions
        self._group = group
        self._clock = clock
        self._on_removed = on_removed
        self._on_served = on_served
        self._began_at = int(clock())
        self._rounds: dict[NetworkId, _Round] = {}
        self._one_change = asyncio.Lock()

    def is_listening(self, network: NetworkId) -> bool:
        """Whether maps of this network are held back for now."""
        one = self._rounds.get(network)
        return one is not None and not one.served.is_set()

    async def served(self, network: NetworkId) -> None:
        """Wait until maps of this network are served."""
        if (one := self._rounds.get(network)) is not None:
            await one.served.wait()

    async def look(self, network: LiveNetwork, identity: Identity, membership: bytes, heads: Sequence[bytes]) -> None:
        """A node that proved its identity shows what it holds, before it is admitted.

        Where that is more than we know, the network waits for what nodes tell; and a member that the copy did not know
        is one again at once, since it could tell nothing otherwise. Raises WarrenError STORE_UNAVAILABLE.
        """
        one = self._rounds.get(network.id)
        if shows_more(network, identity, membership, heads):
            if one is None or one.served.is_set():
                one = self._begin(network)
        elif one is None:
            return
        if membership and not network.state.is_member(identity) and not network.is_removed(identity):
            await self._take(network, {membership, *own_ends(network.id, one.told, identity)})

    def should_tell(self, network: NetworkId, identity: Identity) -> bool:
        """Whether this node, whose session is open, is to be asked what it holds; each is asked once."""
        one = self._rounds.get(network)
        if one is None or identity in one.asked or len(one.asked) >= RESTORED_TELLERS_MAX:
            return False
        if asyncio.get_running_loop().time() - one.began_at > RESTORED_ASK_S:
            return False
        one.asked.add(identity)
        one.waiting.add(identity)
        return True

    async def take_told(
        self, network: LiveNetwork, identity: Identity, documents: Sequence[bytes], *, last: bool
    ) -> None:
        """What a node that was asked tells; from who was not it is nothing."""
        one = self._rounds.get(network.id)
        if one is None or identity not in one.waiting:
            return
        if asyncio.get_running_loop().time() - one.began_at <= RESTORED_ASK_S + RESTORED_LISTEN_MAX_S:
            one.add(identity, documents)
        if not last:
            return
        one.waiting.discard(identity)
        one.moved.set()
        if one.served.is_set():  # came back late: what it knows counts as well
            await self._take_told(network, one)

    def forget(self, network: NetworkId, identity: Identity) -> None:
        """Its session ended: nobody waits for it, and it is asked again when it is back."""
        if (one := self._rounds.get(network)) is not None and identity in one.waiting:
            one.waiting.discard(identity)
            one.asked.discard(identity)
            one.moved.set()

    def _begin(self, network: LiveNetwork) -> _Round:
        log.warning("this server was brought back from a copy: it asks its nodes", network=network.id.hex()[:10])
        one = self._rounds[network.id] = _Round(asyncio.get_running_loop().time())
        self._group.create_task(self._listen(network, one))
        return one

    async def _listen(self, network: LiveNetwork, one: _Round) -> None:
        """Wait for who was asked, store what they told, and let maps out, whatever happened."""
        loop = asyncio.get_running_loop()
        try:
            while (now := loop.time()) < one.began_at + RESTORED_LISTEN_MAX_S:
                early = one.began_at + RESTORED_LISTEN_S
                if now >= early and not one.waiting:
                    break
                one.moved.clear()
                try:
                    async with asyncio.timeout_at(early if now < early else one.began_at + RESTORED_LISTEN_MAX_S):
                        await one.moved.wait()
                except TimeoutError:
                    continue
            await self._take_told(network, one)
        except WarrenError as error:
            log.warning("what nodes told cannot be stored", code=error.code.value)
        except Exception as error:  # noqa: BLE001 - a task root: maps go out all the same
            log.bug("what nodes told cannot be taken", error)
        finally:
            one.served.set()
            self._on_served(network.id)

    async def _take_told(self, network: LiveNetwork, one: _Round) -> None:
        """Take what was told, and drop it. Raises WarrenError as `_take`; then it is taken the next time.

        While somebody is telling nothing is dropped: what came may count by what is still to come."""
        taken = frozenset(one.told)
        await self._take(network, taken)
        left = await asyncio.to_thread(own_ends, network.id, taken)
        if not one.waiting:
            one.drop(taken - left)

    async def _take(self, network: LiveNetwork, told: Set[bytes]) -> None:
        """Let what these documents say count. Raises WarrenError STORE_UNAVAILABLE or TOO_LARGE.

        What an invite's key signed counts only while the network waits for its nodes: its holder has that word at any
        time, and would come in by this door with an invite that is used up or revoked."""
        if not self.is_listening(network.id):
            told = {raw for raw in told if not is_an_invites_word(network, raw)}
        if told:
            await self._completions.finish(self._store(network, frozenset(told)))

    async def _store(self, network: LiveNetwork, told: frozenset[bytes]) -> None:
        async with self._one_change:
            now = int(self._clock())
            whole = network.state.difference(0)
            held = {network.row.genesis, *(whole.documents if whole is not None else ())}
            if told <= held:
                return
            furthest = self._networks.furthest(network)
            view = await asyncio.to_thread(learn, network.id, held, told, now, furthest)
            learned = compare(network, view.documents, furthest)
            if not learned.changes:
                return
            async with self._database.write(of=network.id) as connection:
                row = await self._networks.advance(connection, network, beyond=learned.counter)
                row = await self._networks.follow_root(connection, row, view.root, actor="server", now=now)
                learned = without(learned, await self._return(connection, network, learned, now))
                for identity in learned.removed:
                    await member_store.mark_removed(connection, network.id, identity, now)
                for kind, subject, raw in learned.changes:
                    if raw is None:
                        await network_store.drop(connection, network.id, kind, subject)
                stored = [DocumentRow(kind, subject, raw) for kind, subject, raw in learned.changes if raw is not None]
                head = await self._networks.registrar_head(network, learned.changes, counter=row.sequence, now=now)
                stored = [one for one in stored if (one.kind, one.subject) != (head.kind, head.subject)]
                await network_store.put(connection, network.id, [*stored, head], now)
                revoked = await key_store.revoke_unused(connection, network.id, made_before=self._began_at, now=now)
                await record(
                    connection,
                    Action.NETWORK_RESTORED,
                    actor="server",
                    at=now,
                    network=network.id,
                    subject=network.row.name,
                    detail={
                        "returned": len(learned.returned), "removed": len(learned.removed), "revoked_keys": revoked,
                    },
                )  # fmt: skip
            gone = [(kind, subject, raw) for kind, subject, raw in learned.changes if raw is None]
            for identity in learned.removed:
                network.state.drop_presence(identity)
            self._networks.apply(network, row, [*gone, *((one.kind, one.subject, one.raw) for one in [*stored, head])])
            for identity in learned.removed:
                self._on_removed(network.id, identity)
        log.warning(
            "learned from nodes what the copy did not have",
            returned=len(learned.returned), removed=len(learned.removed), revoked_keys=revoked,
        )  # fmt: skip

    async def _return(
        self, connection: AsyncConnection, network: LiveNetwork, learned: Learned, now: int
    ) -> list[Identity]:
        """Members that the copy did not know are back; returns those whose name or address is another's by now."""
        left_out = []
        for one in learned.returned:
            body = one.membership
            taken = await member_store.taken_hostnames(connection, network.id, [body.hostname])
            free = await member_store.is_offset_free(connection, network.id, one.offset)
            if taken or not free or await member_store.read(connection, network.id, one.identity) is not None:
                left_out.append(one.identity)
                continue
            row = MemberRow(
                network=network.id,
                identity=one.identity,
                hostname=body.hostname,
                offset=one.offset,
                user=body.user,
                tags=msgspec.json.encode(body.tags).decode(),
                os="",
                ephemeral=is_ephemeral(body),
                key_id=None,
                joined_at=body.joined,
                last_seen=now,
                removed_at=None,
            )
            await member_store.add(connection, row)
        return left_out
