"""What must be so, told as naively as possible: plain dicts, no classes of the product but its wire bytes.

Two halves. `Truth`: who was admitted and removed, by which key, under which name, as the answers told it; it says which
answers a request may get and what every map has to show in the end. `may_let_in`: whether a node that was given these
documents may open its gate for a peer, by looking for one document of each kind that it takes. `permits` is the access
policy as one reads it.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass
class Key:
    """A pre-auth key as its maker knows it."""

    line: str
    reusable: bool
    ephemeral: bool
    expires_at: float
    uses: int = 0
    revoked: bool = False


@dataclass
class Member:
    """A machine that was told that it is in."""

    node: str
    identity: bytes
    hostname: str
    ephemeral: bool


@dataclass
class Truth:
    """What was acknowledged. `maybe_*`: asked for, and the answer was lost."""

    network_name: str = "default"
    policy: bytes = b""
    maybe_policies: set[bytes] = field(default_factory=set)
    maybe_names: set[str] = field(default_factory=set)
    keys: dict[str, Key] = field(default_factory=dict)
    members: dict[bytes, Member] = field(default_factory=dict)
    removed: set[bytes] = field(default_factory=set)
    maybe_removed: set[bytes] = field(default_factory=set)
    server_was_ahead_s: float = 0.0
    lost_a_revocation: bool = False
    maybe_joined: set[str] = field(default_factory=set)
    """hostnames of which nobody heard whether they were admitted"""
    maybe_used: set[str] = field(default_factory=set)
    """keys of which nobody heard whether they were used"""
    asking: list[str] = field(default_factory=list)
    """keys by which somebody asks to be admitted at this moment"""

    def answers_to_join(self, key_id: str, hostname: str, *, server_now: float, true_now: float) -> set[str]:
        """The answers that a new machine's join may get now; empty text: admitted."""
        lost = {"E_KEY_REVOKED"} if self.lost_a_revocation else set()
        return self._answers(key_id, hostname, server_now, true_now) | lost

    def _answers(self, key_id: str, hostname: str, server_now: float, true_now: float) -> set[str]:
        key = self.keys[key_id]
        if key.revoked:
            return {"E_KEY_REVOKED"}
        if not key.reusable and key.uses:
            return {"E_KEY_USED"}
        if server_now >= key.expires_at:
            return {"E_KEY_EXPIRED"} | ({"E_KEY_USED"} if key_id in self.maybe_used and not key.reusable else set())
        # a clock that was ahead and is set back: a server does not go behind what it signed meanwhile
        answers = {""} if true_now + self.server_was_ahead_s < key.expires_at else {"", "E_KEY_EXPIRED"}
        holders = [member for member in self.members.values() if member.hostname == hostname]
        if holders:
            answers.add("E_HOSTNAME_TAKEN")
            answers -= set() if self.may_be_gone(holders[0]) else {""}
        if hostname in self.maybe_joined:
            answers.add("E_HOSTNAME_TAKEN")
        if (key_id in self.maybe_used or self.asking.count(key_id) > 1) and not key.reusable:
            answers.add("E_KEY_USED")
        return answers

    def may_be_gone(self, member: Member) -> bool:
        """Whether its removal was asked for, by somebody or by its own absence."""
        return member.ephemeral or member.identity in self.maybe_removed

    def joined(self, member: Member, key_id: str) -> None:
        self.members[member.identity] = member
        self.maybe_joined.discard(member.hostname)
        if key_id not in self.maybe_used:
            self.keys[key_id].uses += 1

    def left(self, identity: bytes) -> None:
        self.members.pop(identity, None)
        self.removed.add(identity)


Document = tuple[str, bytes, dict[str, object]]
ENVELOPES: dict[bytes, tuple[str, bytes, dict[str, object]] | None] = {}


def read(network: bytes, raw: bytes) -> tuple[str, bytes, dict[str, object]] | None:
    """(kind, signer, body) of a document whose signature is good; None for anything else."""
    if raw not in ENVELOPES:
        ENVELOPES[raw] = _read(network, raw)
    return ENVELOPES[raw]


def _read(network: bytes, raw: bytes) -> tuple[str, bytes, dict[str, object]] | None:
    try:
        kind, signer, body, signature = msgspec.msgpack.decode(raw)
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, f"warren/{kind}/v1\0".encode() + network + body)
        return kind, signer, msgspec.msgpack.decode(body)
    except (InvalidSignature, ValueError, TypeError, msgspec.MsgspecError, AttributeError):
        return None


def may_let_in(
    network: bytes,
    authorities: set[bytes],
    root: bytes,
    *,
    offered: set[bytes],
    verified: set[bytes],
    me: bytes,
    peer: bytes,
    keys: tuple[bytes, ...],
) -> str:
    """Why `me` may not let `peer` in with these WireGuard keys; empty where it may.

    `offered`: documents that `me` may know; `verified`: documents that it has certainly taken.
    """
    given = [one for one in (read(network, raw) for raw in offered) if one is not None]
    taken = [one for one in (read(network, raw) for raw in verified) if one is not None]
    reason = _against_policy(root, given, taken, (me, peer), meet)
    if reason:
        return reason
    for who in (me, peer):
        if not any(
            kind == "membership" and signer in authorities and body["identity"] == who and not body.get("epoch")
            for kind, signer, body in given
        ):
            return f"{who.hex()[:10]} has no membership by an authority"
        if any(
            kind == "removal" and signer in authorities and body["subject"] == who and body["of"] == "membership"
            for kind, signer, body in taken
        ):
            return f"{who.hex()[:10]} was removed"
    shown = [body for kind, signer, body in given if kind == "record" and signer == peer and body["identity"] == peer]
    for key in keys:
        if not any(key in {body["wireguard"], body.get("next_wireguard")} for body in shown):
            return f"{peer.hex()[:10]} never showed the key {key.hex()[:10]}"
    newest = max(
        (int(str(body["counter"])) for kind, signer, body in taken if _is_record(kind, signer, body, peer)), default=0
    )
    if keys and not any(int(str(body["counter"])) >= newest and body["wireguard"] == keys[0] for body in shown):
        return f"{peer.hex()[:10]} has a newer record than that with the key {keys[0].hex()[:10]}"
    return ""


def may_begin(
    root: bytes, *, offered: set[bytes], verified: set[bytes], network: bytes, source: bytes, destination: bytes
) -> str:
    """Why `source` may not begin to speak to `destination` by any policy that may be in force; empty where it may."""
    given = [one for one in (read(network, raw) for raw in offered) if one is not None]
    taken = [one for one in (read(network, raw) for raw in verified) if one is not None]
    return _against_policy(root, given, taken, (source, destination), permits)


def _against_policy(
    root: bytes,
    given: list[Document],
    taken: list[Document],
    ends: tuple[bytes, bytes],
    allows: Callable[[bytes, Collection[str], Collection[str]], bool],
) -> str:
    """Why no policy allows it to these two, but for those behind the newest one that was certainly taken."""
    me, peer = ends
    policies = [body for kind, signer, body in given if kind == "policy" and signer == root]
    if not policies:
        return "no policy was given"
    newest = max((_order(body) for kind, signer, body in taken if kind == "policy" and signer == root), default=(0, 0))
    names = {who: [str(b.get("hostname", "")) for k, _, b in given if k == "membership" and b["identity"] == who]
             for who in (me, peer)}  # fmt: skip
    for body in policies:
        if _order(body) >= newest and allows(bytes(body["text"]), names[me], names[peer]):  # type: ignore[call-overload]
            return ""
    return f"the newest policy {newest} does not let {me.hex()[:10]} {allows.__name__} {peer.hex()[:10]}"


def meet(policy: bytes, one: Collection[str], other: Collection[str]) -> bool:
    """Whether either of two machines of these hostnames may begin to speak to the other."""
    return permits(policy, one, other) or permits(policy, other, one)


def permits(policy: bytes, source: Collection[str], destination: Collection[str]) -> bool:
    """Whether a policy lets a machine of this hostname begin to speak to that one."""
    for rule in json.loads(policy)["rules"]:
        if "members" in rule or (_names(rule["from"], source) and _names(rule["to"], destination)):
            return True
    return False


def _names(selectors: list[str], hostnames: Collection[str]) -> bool:
    return "*" in selectors or any(f"host:{name}" in selectors for name in hostnames)


def _order(body: dict[str, object]) -> tuple[int, int]:
    return int(str(body.get("epoch", 0))), int(str(body["counter"]))


def _is_record(kind: str, signer: bytes, body: dict[str, object], peer: bytes) -> bool:
    return kind == "record" and signer == peer and body["identity"] == peer and int(str(body["counter"])) < 2**32
