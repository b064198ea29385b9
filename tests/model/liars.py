"""What liars say: a server that changes the maps it sends to one node, and members that publish what they may not.

`ServerLies` sits behind the real server, where its frames for a node leave, with all that the server ever sent and the
server's own key; never with a root or a registrar's key, since whom those admit is admitted (DESIGN.md, Trust), but for
`unremove`, which a registrar's key must not be able to do either.
"""

from collections.abc import Callable
from random import Random  # noqa: TID251  # the type of what the world hands in
from typing import TypeVar

import msgspec

from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.protocol.control import frames
from warren.protocol.control.messages import MapUpdate
from warren.trust.documents import Kind, Membership, NodeRecord, Policy, Removal
from warren.trust.signing import Envelope, sign

KINDS = ("replay", "swap", "stranger", "unremove", "withhold", "rollback", "policy", "views", "gone", "garble")
MAP_BYTES = 8 * 1024 * 1024
BodyT = TypeVar("BodyT", Membership, Policy, Removal)


class ServerLies:
    """The archive of what was sent, and the lie that each node is told at the moment."""

    def __init__(self, rng: Random, network: NetworkId, server: SigningKeyPair, registrar: SigningKeyPair) -> None:
        self._rng = rng
        self._network = network
        self._server = server
        self._registrar = registrar
        self.archive: dict[bytes, tuple[str, bytes]] = {}
        """document -> (kind, subject as far as the archive cares: the body's own identity or nothing)"""
        self.told: dict[str, str] = {}
        """node -> the lie it is told"""
        self.told_to: set[str] = set()

    def tamper(self, node: str, frame: bytes) -> list[bytes]:
        """The frames that leave in place of an honest one."""
        try:
            message = frames.from_server(frame, MAP_BYTES)
        except frames.MalformedError:
            return [frame]
        if not isinstance(message, MapUpdate):
            return [frame]
        for raw in message.documents:
            self.archive[raw] = _about(raw)
        lie = self.told.get(node)
        if lie is None:
            return [frame]
        self.told_to.add(node)
        if lie == "garble":
            at = self._rng.randrange(len(frame))
            return [frame[:at] + bytes([frame[at] ^ (1 << self._rng.randrange(8))]) + frame[at + 1 :]]
        return [frames.encode(self._changed(message, lie))]

    def _changed(self, honest: MapUpdate, lie: str) -> MapUpdate:
        documents = list(honest.documents)
        gone = list(honest.gone)
        old = sorted(self.archive)
        by_lie: dict[str, Callable[[], None]] = {
            "replay": lambda: documents.extend([*self._rng.sample(old, min(len(old), 12)), *self._old_policies()]),
            "swap": lambda: documents.extend(self._swapped(old)),
            "stranger": lambda: documents.extend(self._stranger()),
            "unremove": lambda: documents.extend(self._unremoved(old)),
            "gone": lambda: gone.extend((kind, subject) for kind, subject in self.archive.values()),
        }
        if lie == "policy":
            documents = [raw for raw in documents if _about(raw)[0] != Kind.POLICY] + self._policies()
        elif lie == "withhold":
            documents = [raw for raw in documents if _about(raw)[0] not in {Kind.REMOVAL, Kind.HEAD}]
        elif lie == "rollback":
            # all that it ever sent, of whoever a newer policy hides too
            documents = [raw for raw in old if self.archive[raw][0] != Kind.POLICY] + self._old_policies()
        elif lie == "views":
            documents = [raw for raw in documents if self._rng.random() < 0.5]
        else:
            by_lie[lie]()
        self._rng.shuffle(documents)
        return msgspec.structs.replace(
            honest,
            documents=tuple(documents),
            gone=tuple(gone),
            full=honest.full or self._rng.random() < 0.3,
            presence=honest.presence if self._rng.random() < 0.7 else (),
        )

    def _swapped(self, old: list[bytes]) -> list[bytes]:
        """Another WireGuard key for somebody: signed by the server, and with the member's own old signature."""
        found = []
        for raw in old:
            envelope = msgspec.msgpack.decode(raw, type=Envelope)
            if envelope.kind == Kind.RECORD:
                body = msgspec.msgpack.decode(envelope.body, type=NodeRecord)
                other = msgspec.structs.replace(body, wireguard=self._rng.randbytes(32), counter=body.counter + 1)
                found.append(sign(Kind.RECORD, self._network, other, self._server))
                fake = Envelope(
                    kind=envelope.kind,
                    signer=envelope.signer,
                    body=msgspec.msgpack.encode(other, order="sorted"),
                    signature=envelope.signature,
                )
                found.append(msgspec.msgpack.encode(fake))
        return found

    def _stranger(self) -> list[bytes]:
        """A machine that nobody admitted, with a membership that the server's key signed, and one of its own."""
        key = SigningKeyPair(self._rng.randbytes(32))
        body = Membership(
            counter=2**20, date=1_800_000_000, identity=key.public, hostname="stranger", ipv4="100.127.0.9"
        )
        record = NodeRecord(
            counter=1, date=1, identity=key.public, wireguard=self._rng.randbytes(32), path=self._rng.randbytes(32)
        )
        return [
            sign(Kind.MEMBERSHIP, self._network, body, self._server),
            sign(Kind.MEMBERSHIP, self._network, body, key),
            sign(Kind.RECORD, self._network, record, key),
        ]

    def _unremoved(self, old: list[bytes]) -> list[bytes]:
        """Every membership and record again, and removed members at a higher epoch by the registrar's own key."""
        found = [raw for raw in old if self.archive[raw][0] in {Kind.MEMBERSHIP, Kind.RECORD}]
        removed = {_body(raw, Removal).subject for raw in old if self.archive[raw][0] == Kind.REMOVAL}
        for raw in list(found):
            if self.archive[raw][0] == Kind.MEMBERSHIP and self.archive[raw][1] in removed:
                again = msgspec.structs.replace(_body(raw, Membership), epoch=1, counter=1)
                found.append(sign(Kind.MEMBERSHIP, self._network, again, self._registrar))
        return found

    def _old_policies(self) -> list[bytes]:
        """One or two that were in force once, with good signatures; not the newest."""
        found = [raw for raw, (kind, _) in self.archive.items() if kind == Kind.POLICY]
        found = sorted(found, key=lambda raw: _body(raw, Policy).counter)[:-1]
        return self._rng.sample(found, min(len(found), self._rng.randrange(1, 3)))

    def _policies(self) -> list[bytes]:
        text = b'{"version":1,"rules":[]}'
        return [sign(Kind.POLICY, self._network, Policy(counter=9, date=1, text=text), self._registrar)]


def member_lies(
    rng: Random, network: NetworkId, me: SigningKeyPair, mine: NodeRecord, others: list[NodeRecord]
) -> tuple[str, bytes, set[str]]:
    """(what it is, the record to publish, the codes that the server may answer)."""
    ahead = msgspec.structs.replace(mine, counter=mine.counter + 1)
    choices: list[tuple[str, bytes, set[str]]] = [
        ("a number far ahead", _record(network, me, ahead, counter=2**62), {"E_OUT_OF_ORDER"}),
        ("another's name", _record(network, SigningKeyPair(rng.randbytes(32)), ahead), {"E_FORBIDDEN"}),
        ("another epoch", _record(network, me, ahead, epoch=3), {"E_OUT_OF_ORDER"}),
        ("bytes", rng.randbytes(80), {"E_MALFORMED"}),
    ]
    if mine.counter > 1:
        choices.append(("an old number", _record(network, me, mine, counter=mine.counter - 1), {"E_OUT_OF_ORDER"}))
    choices += [
        ("another's WireGuard key", _record(network, me, ahead, wireguard=other.wireguard), {"E_CONFLICT"})
        for other in others[:1]
    ]
    return rng.choice(choices)


def _record(network: NetworkId, key: SigningKeyPair, body: NodeRecord, **fields: object) -> bytes:
    return sign(Kind.RECORD, network, msgspec.structs.replace(body, **fields), key)


def _about(raw: bytes) -> tuple[str, bytes]:
    envelope = msgspec.msgpack.decode(raw, type=Envelope)
    body = msgspec.msgpack.decode(envelope.body)
    return envelope.kind, bytes(body.get("identity", b""))


def _body(raw: bytes, kind: type[BodyT]) -> BodyT:
    return msgspec.msgpack.decode(msgspec.msgpack.decode(raw, type=Envelope).body, type=kind)
