"""A network made of documents, for tests: every key comes from its name, so the same test makes the same bytes."""

import hashlib
from collections.abc import Iterable
from typing import Any

from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import (
    AdmissionLimits,
    Body,
    Delegation,
    Head,
    Kind,
    Membership,
    NodeRecord,
    Policy,
    Recovery,
    Removal,
    RootChange,
    ServerPlace,
    Settings,
)
from warren.trust.floors import Floors
from warren.trust.signing import REGISTRAR_RIGHTS, make_genesis, sign
from warren.trust.verify import verify
from warren.trust.view import View

DATE = 1_700_000_000


def seed(name: str) -> bytes:
    """32 bytes that belong to a name."""
    return hashlib.sha256(b"test seed of " + name.encode()).digest()


class Network:
    """Signs documents by the names of their signers; `counter` rises with every document unless it is given."""

    def __init__(self, name: str = "default") -> None:
        self.name = name
        self.id, self.genesis_bytes = make_genesis(self.key("root"), seed(name)[:16])
        self.genesis = self.open(self.genesis_bytes)
        self.counter = 0

    def key(self, who: str) -> SigningKeyPair:
        return SigningKeyPair(seed(f"{self.name}/{who}"))

    def identity(self, who: str) -> Identity:
        return self.key(who).public

    def open(self, raw: bytes) -> Authentic:
        answer = authenticate(self.id, raw)
        assert isinstance(answer, Authentic), answer
        return answer

    def signed(self, kind: Kind, body: Body, by: str) -> Authentic:
        return self.open(sign(kind, self.id, body, self.key(by)))

    def settings(self, by: str = "root", **fields: Any) -> Authentic:
        values: dict[str, Any] = {
            "version": 1,
            "name": self.name,
            "prefix4": "100.96.0.0/16",
            "prefix6": "fd4a:1b2c:3d4e:5f60::/64",
            "suffix": f"{self.name}.warren.internal",
            "servers": (ServerPlace(url="https://vpn.example.org", key=self.identity("server")),),
        }
        return self.signed(Kind.SETTINGS, Settings(**(values | self._order(fields))), by)

    def delegation(
        self, to: str, rights: Iterable[str] = REGISTRAR_RIGHTS, by: str = "root", **fields: Any
    ) -> Authentic:
        bounds = fields.pop("limits", AdmissionLimits())
        body = Delegation(delegate=self.identity(to), rights=tuple(rights), limits=bounds, **self._order(fields))
        return self.signed(Kind.DELEGATION, body, by)

    def member(self, who: str, by: str = "registrar", **fields: Any) -> Authentic:
        values: dict[str, Any] = {"hostname": who} | self._order(fields)
        return self.signed(Kind.MEMBERSHIP, Membership(identity=self.identity(who), **values), by)

    def record(self, who: str, by: str | None = None, **fields: Any) -> Authentic:
        values: dict[str, Any] = {"wireguard": seed(f"wg {who}"), "path": seed(f"path {who}")} | self._order(fields)
        return self.signed(Kind.RECORD, NodeRecord(identity=self.identity(who), **values), by or who)

    def policy(self, text: bytes = b"allow", by: str = "root", **fields: Any) -> Authentic:
        return self.signed(Kind.POLICY, Policy(text=text, **self._order(fields)), by)

    def removal(self, who: str, by: str = "registrar", **fields: Any) -> Authentic:
        """Ends the membership of `who`."""
        body = Removal(of="membership", subject=self.identity(who), **self._order(fields))
        return self.signed(Kind.REMOVAL, body, by)

    def removal_of_delegation(self, who: str, by: str = "root", **fields: Any) -> Authentic:
        body = Removal(of="delegation", subject=self.identity(who), **self._order(fields))
        return self.signed(Kind.REMOVAL, body, by)

    def head(self, authority: str, by: str | None = None, **fields: Any) -> Authentic:
        values: dict[str, Any] = {"digest": seed(f"digest {authority}")} | self._order(fields)
        return self.signed(Kind.HEAD, Head(authority=self.identity(authority), **values), by or authority)

    def recovery(self, whos: Iterable[str], quorum: int, by: str = "root", **fields: Any) -> Authentic:
        """`quorum` of these may replace the root."""
        keys = tuple(sorted(self.identity(who) for who in whos))
        return self.signed(Kind.RECOVERY, Recovery(keys=keys, quorum=quorum, **self._order(fields)), by)

    def root_change(self, to: str, by: str = "root", kept: Iterable[Authentic] = (), **fields: Any) -> Authentic:
        """Another root, as the root or a voter signs it."""
        values: dict[str, Any] = {"generation": 1, "old": self.identity("root")} | self._order(fields)
        digests = tuple(sorted({one.digest for one in kept}))
        return self.signed(Kind.ROOT_CHANGE, RootChange(root=self.identity(to), kept=digests, **values), by)

    def base(self) -> list[Authentic]:
        """Genesis, settings, a registrar and a policy."""
        return [self.genesis, self.settings(), self.delegation("registrar"), self.policy()]

    def verify(self, documents: Iterable[Authentic], floors: Floors | None = None, now: int = DATE + 100) -> View:
        return verify(self.id, documents, floors=floors or Floors(), now=now)

    def names(self, view: View, *whos: str) -> list[str]:
        """Those of `whos` that are members in this view."""
        return [who for who in whos if self.identity(who) in view.members]

    def _order(self, fields: dict[str, Any]) -> dict[str, Any]:
        if "counter" not in fields:
            self.counter += 1
        return {"counter": self.counter, "date": DATE} | fields
