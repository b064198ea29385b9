"""One network in this process: its settings, policy and state, and what its registrar's head covers.

Decides who may see whom (by asking the policy) and keeps the values that every change needs at hand, so that a change
costs the same in a network of ten and of ten thousand. Must not know the database, sessions or sockets; `service.py`
puts in what was committed.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

import msgspec

from warren.limits import DOCUMENT_LIST_MAX
from warren.model.addresses import member_ipv6
from warren.model.ids import ID_BYTES, Identity, NetworkId, UserId
from warren.policy.language import Policy, parse
from warren.policy.verdict import Party, allows
from warren.protocol.control.messages import Presence
from warren.server.networks.founding import REGISTRAR_KINDS
from warren.server.networks.grants import KINDS as RIGHTS_KINDS
from warren.server.networks.grants import Grants
from warren.server.networks.state import NetworkState
from warren.server.networks.store import DocumentRow, NetworkRow
from warren.trust.documents import (
    ADMIN_ROLE,
    PLAIN_ROLE,
    REMOVED_MEMBER,
    Delegation,
    Genesis,
    Head,
    HeadMark,
    Kind,
    Membership,
    NodeRecord,
    Right,
    Settings,
)
from warren.trust.documents import Policy as PolicyBody
from warren.trust.ephemeral import is_ephemeral
from warren.trust.founding import digest_of
from warren.trust.office import is_invite, is_registrar
from warren.trust.signing import Envelope

BodyT = TypeVar("BodyT", bound=msgspec.Struct)
Change = tuple[str, bytes, bytes | None]
"""(kind, subject, the document or None where it is gone)"""


class LiveNetwork:
    """What this server knows of a network without asking the database."""

    def __init__(
        self, row: NetworkRow, documents: Iterable[DocumentRow], clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`clock`: Unix seconds, by which delegations run out; without one none does."""
        self.id: NetworkId = row.id
        self.row = row
        self.settings: Settings = Settings(version=0, counter=0, date=0, name="", prefix4="", prefix6="", suffix="")
        self.policy: Policy | None = None
        self._everyone_sees_everyone = False
        self._digests: dict[tuple[str, bytes], bytes] = {}
        self._heads: dict[bytes, Head] = {}
        self._key_owners: dict[bytes, Identity] = {}
        self._removed: set[bytes] = set()
        self._grants = Grants(row.id, row.genesis, clock)
        self._keys_of: dict[Identity, tuple[bytes, ...]] = {}
        self._heads_since: dict[bytes, tuple[int, int]] = {}
        documents = list(documents)
        self.state = NetworkState(row.id, row.genesis, ((one.kind, one.subject, one.raw) for one in documents))
        for one in documents:
            self._take(one.kind, one.subject, one.raw)
        self._loaded_heads = self._heads_since
        self._heads_since = {}

    @property
    def first_root(self) -> bytes:
        """The root of the genesis, which keys are pinned to: it is all that a joiner is shown of the root."""
        return read_body(self.row.genesis, Genesis).root

    @property
    def prefix4(self) -> IPv4Network:
        """The IPv4 prefix of the network."""
        return IPv4Network(self.settings.prefix4)

    @property
    def prefix6(self) -> IPv6Network:
        """The /64 of the network."""
        return IPv6Network(self.settings.prefix6)

    @property
    def policy_text(self) -> bytes:
        """The policy in force as it was written; empty where there is none."""
        raw = self.state.document(Kind.POLICY, b"")
        return b"" if raw is None else read_body(raw, PolicyBody).text

    def ipv6_of(self, identity: Identity) -> str:
        """A member's IPv6 address as text."""
        return str(member_ipv6(self.id, identity, self.prefix6))

    def apply(self, row: NetworkRow, changes: Iterable[Change]) -> None:
        """Take what was committed, as one change."""
        changes = list(changes)
        self.row = row
        self.state.put(changes)
        for kind, subject, raw in changes:
            self._take(kind, subject, raw)

    def set_presence(self, identity: Identity, *, online: bool, last_seen: int) -> None:
        """Take whether a member has a session; `last_seen` in Unix seconds. Its home relay stays as it was told."""
        before = self.state.presence(identity)
        relay = before.relay if before is not None else 0
        self.state.put_presence(Presence(identity=identity, online=online, last_seen=last_seen, relay=relay))

    def set_home(self, identity: Identity, relay: int) -> bool:
        """Take at which relay a member can be reached (0: none); whether that is news."""
        before = self.state.presence(identity)
        if before is None or before.relay == relay:
            return False
        self.state.put_presence(msgspec.structs.replace(before, relay=relay))
        return True

    def registrar_digest(self, changes: Iterable[Change]) -> bytes:
        """The digest for the registrar's next head, as it will be once these changes are in force."""
        digests = dict(self._digests)
        for kind, subject, raw in changes:
            if kind in REGISTRAR_KINDS:
                if raw is None:
                    digests.pop((kind, subject), None)
                else:
                    digests[kind, subject] = hashlib.sha256(raw).digest()
        return digest_of(digests)

    def heads(self) -> list[Head]:
        """Every head in force."""
        return list(self._heads.values())

    def is_lost(self, authority: bytes, order: tuple[int, int]) -> bool:
        """Whether a head of this order was signed after what this process found on disk and before the first one since:
        then the disk is an older copy, for every head is stored before it is told."""
        first = self._heads_since.get(authority)
        unseen = order if self.grant_of(authority) is None else (-1, 0)  # of a key that may sign, and had not yet
        return order > self._loaded_heads.get(authority, unseen) and (first is None or order < first)

    def newest_date(self) -> int:
        """When something of this network was signed last, Unix seconds, by whom nodes trust with dates: an admin's
        clock, or what an invite's holder writes, moves nobody's."""
        trusted = (head.date for subject, head in self._heads.items() if self._weight(subject[-ID_BYTES:]) == 0)
        return max(trusted, default=0)

    def dated_by(self, key: bytes) -> int:
        """When this key dated a head last, its own or another's, Unix seconds."""
        return max((head.date for subject, head in self._heads.items() if subject[-ID_BYTES:] == key), default=0)

    def head_marks(self) -> tuple[HeadMark, ...]:
        """How far each authority is, as many as a document holds: the first floors of a fresh node. First those whose
        own word the membership may be, since each who may sign anything may have a head."""
        newest_of: dict[bytes, Head] = {}
        for head in self.heads():  # of one that was dated anew by another key there are two
            known = newest_of.get(head.authority)
            if known is None or (head.epoch, head.counter) > (known.epoch, known.counter):
                newest_of[head.authority] = head
        return tuple(
            HeadMark(authority=head.authority, epoch=head.epoch, counter=head.counter)
            for head in sorted(newest_of.values(), key=lambda head: self._weight(head.authority))[:DOCUMENT_LIST_MAX]
        )

    def _weight(self, key: bytes) -> int:
        if key == self.row.root_key or self.may(key, Right.ATTEST):
            return 0
        return 1 if self._grants.is_admin(key) else 2

    def stale_heads(self, before: int) -> list[Head]:
        """The newest head of each authority, where nobody dated it since `before` (Unix seconds)."""
        dates: dict[bytes, int] = {}
        for head in self.heads():
            dates[head.authority] = max(head.date, dates.get(head.authority, 0))
        own = (head for subject, head in self._heads.items() if subject == head.authority)
        return [head for head in own if dates[head.authority] < before]

    def grant_of(self, key: bytes) -> Delegation | None:
        """The delegation that a key signs by; None where none counts."""
        return self._grants.of(key)

    def is_invites(self, key: bytes) -> bool:
        """Whether a key is an invite's, or was."""
        return self._grants.is_invites(key)

    def invite_keys(self) -> frozenset[bytes]:
        """The keys of invites that nobody ended."""
        return frozenset(one.delegate for one in self._grants.standing() if is_invite(one))

    def registrar_keys(self) -> frozenset[bytes]:
        """The keys that admit on their own, or did until a lock left them nothing but dates."""
        return frozenset(
            one.delegate for one in self._grants.standing() if is_registrar(one) or set(one.rights) == {Right.ATTEST}
        )

    def may(self, key: bytes, right: Right) -> bool:
        """Whether a delegation gives the key this right."""
        return self._grants.may(key, right)

    def is_admin(self, identity: Identity) -> bool:
        """Whether a member's key is a human admin's."""
        return self._grants.is_admin(identity)

    @property
    def is_locked(self) -> bool:
        """Whether no registrar admits."""
        return self._grants.is_locked()

    def ended_keys(self, live: Collection[bytes]) -> list[bytes]:
        """The keys that a delegation names here, but for these."""
        return sorted(self._grants.keys.difference(live))

    def delegation_to(self, key: bytes) -> bytes:
        """The document that delegates to this key; empty where there is none."""
        grant = self.grant_of(key)
        if grant is None:
            return b""
        documents = self.state.documents(Kind.DELEGATION)
        return next(
            (raw for subject, raw in documents if subject[:32] == key and read_body(raw, Delegation) == grant), b""
        )

    def documents(self) -> list[bytes]:
        """Every document in force, the genesis first."""
        return [self.row.genesis, *(raw for kind in Kind for _subject, raw in self.state.documents(kind))]

    def membership(self, identity: Identity) -> Membership | None:
        """What the membership in force says of an identity."""
        raw = self.state.document(Kind.MEMBERSHIP, identity)
        return None if raw is None else read_body(raw, Membership)

    def admins_of(self, user: str) -> set[Identity]:
        """The machines of a person that are an admin's."""
        bodies = (read_body(raw, Membership) for _subject, raw in self.state.documents(Kind.MEMBERSHIP))
        owned = (Identity(body.identity) for body in bodies if body.user == user and body.role == ADMIN_ROLE)
        return {one for one in owned if self.is_admin(one)}

    def users_and_groups(self) -> tuple[set[str], set[str]]:
        """Whom and which groups the memberships in force name, by id and name."""
        bodies = [read_body(raw, Membership) for _subject, raw in self.state.documents(Kind.MEMBERSHIP)]
        return {body.user for body in bodies}, {group for body in bodies for group in body.groups}

    def ending(self) -> dict[Identity, int]:
        """When memberships end that have an end (Unix seconds), but for ephemeral ones."""
        bodies = (read_body(raw, Membership) for _subject, raw in self.state.documents(Kind.MEMBERSHIP))
        return {
            Identity(body.identity): body.expires
            for body in bodies
            if body.expires is not None and not is_ephemeral(body)
        }

    def invite_of(self, identity: Identity) -> bytes:
        """The key of the invite that let a member in, whoever signed for it since; empty where none did."""
        raw = self.state.document(Kind.MEMBERSHIP, identity)
        if raw is None:
            return b""
        envelope = _ENVELOPES.decode(raw)
        return envelope.signer if self.is_invites(envelope.signer) else read_body(raw, Membership).invite

    def record(self, identity: Identity) -> NodeRecord | None:
        """A member's newest record."""
        raw = self.state.document(Kind.RECORD, identity)
        return None if raw is None else read_body(raw, NodeRecord)

    @property
    def removed(self) -> tuple[Identity, ...]:
        """Whose membership was ended by a removal, and who is no member again."""
        return tuple(Identity(identity) for identity in self._removed if self.is_removed(Identity(identity)))

    def is_removed(self, identity: Identity) -> bool:
        """Whether the identity's membership was ended by a removal."""
        return identity in self._removed and not self.state.is_member(identity)

    def owner_of_key(self, wireguard_key: bytes) -> Identity | None:
        """Which member's record shows this WireGuard key."""
        return self._key_owners.get(wireguard_key)

    def sight_of(self, me: Identity) -> Callable[[bytes], bool] | None:
        """Of which members this one may learn: those that it may reach or be reached by. None: of all."""
        if self._everyone_sees_everyone or self.is_admin(me):  # who locks has to see whom
            return None
        mine = self._party(me)

        def may_see(other: bytes) -> bool:
            if other == me:
                return True
            theirs = self._party(Identity(other))
            if mine is None or theirs is None:
                return False
            return allows(self.policy, mine, theirs).allowed or allows(self.policy, theirs, mine).allowed

        return may_see

    def may_signal(self, sender: Identity, receiver: Identity) -> bool:
        """Whether sealed bytes may go from one to the other: both members, and one may reach the other."""
        if sender == receiver or not self.state.is_member(sender) or not self.state.is_member(receiver):
            return False
        sight = self.sight_of(sender)
        return sight is None or sight(receiver)

    def _party(self, identity: Identity) -> Party | None:
        body = self.membership(identity)
        if body is None:
            return None
        role = body.role if body.role != ADMIN_ROLE or self.is_admin(identity) else PLAIN_ROLE
        return Party(identity, UserId(body.user), body.groups, role, body.tags, body.hostname)

    def _take(self, kind: str, subject: bytes, raw: bytes | None) -> None:
        if kind in REGISTRAR_KINDS:
            if raw is None:
                self._digests.pop((kind, subject), None)
            else:
                self._digests[kind, subject] = hashlib.sha256(raw).digest()
        if kind in RIGHTS_KINDS:
            self._grants.take(kind, subject, raw)
        if kind == Kind.REMOVAL and raw is not None and subject.startswith(REMOVED_MEMBER):
            self._removed.add(subject[1 : 1 + ID_BYTES])
        elif kind == Kind.HEAD:
            self._take_head(subject, raw)
        elif kind == Kind.SETTINGS and raw is not None:
            self.settings = read_body(raw, Settings)
        elif kind == Kind.POLICY and raw is not None:
            self.policy = parse(read_body(raw, PolicyBody).text)
            # This kind of rule speaks of all members alike, so one answer holds for every pair.
            self._everyone_sees_everyone = any(
                rule.members == "reach-each-other" and not rule.unknown for rule in self.policy.rules
            )
        elif kind == Kind.RECORD:
            self._take_record(Identity(subject), raw)

    def _take_head(self, subject: bytes, raw: bytes | None) -> None:
        if raw is None:
            self._heads.pop(subject, None)
            return
        self._heads[subject] = head = read_body(raw, Head)
        self._heads_since.setdefault(subject, (head.epoch, head.counter))

    def _take_record(self, identity: Identity, raw: bytes | None) -> None:
        for key in self._keys_of.pop(identity, ()):
            self._key_owners.pop(key, None)
        if raw is not None:
            keys = wireguard_keys(read_body(raw, NodeRecord))
            self._keys_of[identity] = keys
            self._key_owners.update(dict.fromkeys(keys, identity))


_ENVELOPES = msgspec.msgpack.Decoder(Envelope)


def wireguard_keys(record: NodeRecord) -> tuple[bytes, ...]:
    """The WireGuard keys that a record shows: the present one and the next."""
    return (record.wireguard, record.next_wireguard) if record.next_wireguard else (record.wireguard,)


def read_body(raw: bytes, kind: type[BodyT]) -> BodyT:
    """The body of a document that this server verified before it stored it; strangers' bytes never come here."""
    return msgspec.msgpack.decode(_ENVELOPES.decode(raw).body, type=kind)
