"""Signed bytes: canonical msgpack, documents, their bodies, a node's whole set of them, keys and sealed messages."""

import hashlib
from typing import Any

import msgspec

from tools.fuzzing.parser import Parser, require
from warren import canonical, limits
from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.policy.language import is_readable
from warren.trust import admission_key
from warren.trust.authenticate import Authentic, Refusal, authenticate, read_genesis
from warren.trust.documents import (
    AdmissionLimits,
    Body,
    Delegation,
    Head,
    HeadMark,
    Kind,
    Membership,
    NodeRecord,
    Policy,
    Recovery,
    Removal,
    RootChange,
    ServerPlace,
    Service,
    Settings,
)
from warren.trust.floors import Floors
from warren.trust.sealing import open_sealed, seal
from warren.trust.signing import REGISTRAR_RIGHTS, Envelope, make_genesis, sign, signed_bytes
from warren.trust.verify import verify

DATE = 1_700_000_000


def _key(name: str) -> SigningKeyPair:
    return SigningKeyPair(hashlib.sha256(name.encode()).digest())


ROOT, _REGISTRAR, _NODE = _key("root"), _key("registrar"), _key("node")
NETWORK, _GENESIS = make_genesis(ROOT, bytes(16))
_TEXT = b'{"version": 1, "rules": [{"members": "reach-each-other"}]}'


def _documents() -> tuple[bytes, ...]:
    order: dict[str, Any] = {"counter": 1, "date": DATE}
    place = ServerPlace(url="https://vpn.example.org", key=_key("server").public)
    prefix4, prefix6 = "100.96.0.0/16", "fd4a:1b2c:3d4e:5f60::/64"
    bounds = AdmissionLimits(tags=("a",), hostname="a*", ipv4="100.96.1.0/24", count=3)
    settings = Settings(version=1, name="n", prefix4=prefix4, prefix6=prefix6, suffix="n.x", servers=(place,), **order)
    node = _NODE.public
    member = Membership(
        identity=node, hostname="a", ipv4="100.96.0.2", tags=("t",), groups=("g",), user="u", expires=DATE + 9,
        joined=DATE, heads=(HeadMark(authority=ROOT.public, counter=4),), **order,
    )  # fmt: skip
    record = NodeRecord(
        identity=node, wireguard=_key("w").public, path=_key("p").public,
        services=(Service(name="web", protocol="tcp", port=80),), routes=("10.0.0.0/8",), **order,
    )  # fmt: skip
    made: tuple[tuple[Kind, Body, SigningKeyPair], ...] = (
        (Kind.SETTINGS, settings, ROOT),
        (Kind.DELEGATION, Delegation(delegate=_REGISTRAR.public, rights=REGISTRAR_RIGHTS, **order), ROOT),
        (Kind.DELEGATION, Delegation(delegate=_key("x").public, rights=("admit",), limits=bounds, **order), ROOT),
        (Kind.MEMBERSHIP, member, _REGISTRAR),
        (Kind.RECORD, record, _NODE),
        (Kind.POLICY, Policy(text=_TEXT, **order), ROOT),
        (Kind.REMOVAL, Removal(of="membership", subject=_key("gone").public, **order), _REGISTRAR),
        (Kind.HEAD, Head(authority=ROOT.public, digest=bytes(32), **order), ROOT),
        (Kind.RECOVERY, Recovery(keys=tuple(sorted((node, _key("x").public))), quorum=2, **order), ROOT),
        (Kind.ROOT_CHANGE, RootChange(generation=1, old=ROOT.public, root=node, kept=(bytes(32),), **order), _NODE),
    )
    return (_GENESIS, *(sign(kind, NETWORK, body, key) for kind, body, key in made))


_DOCUMENTS = _documents()
ENVELOPES = tuple(canonical.decode(raw, Envelope) for raw in _DOCUMENTS)
KEYS = {key.public: key for key in (ROOT, _REGISTRAR, _NODE)}


def _authentic(raw: bytes) -> Authentic:
    answer = authenticate(NETWORK, raw)
    if isinstance(answer, Refusal):
        raise AssertionError(f"a seed is refused: {answer}")  # noqa: TRY004 - no type is wrong, the seed is
    return answer


HELD = tuple(_authentic(raw) for raw in _DOCUMENTS)


def check_canonical(data: bytes) -> bool:
    """What the scanner takes has this one spelling; what it takes, msgspec takes too."""
    try:
        canonical.scan(data)
    except canonical.Refused as error:
        require(error.code in {Code.MALFORMED, Code.TOO_LARGE}, f"refused with {error.code}")
        return False
    require(canonical.encode(msgspec.msgpack.decode(data)) == data, "a second spelling")
    return True


def check_document(data: bytes) -> bool:
    """Nobody's bytes but the signer's are a document."""
    answer = authenticate(NETWORK, data)
    if isinstance(answer, Refusal):
        require(answer.text, "a refusal says why")
        return False
    require(data in _DOCUMENTS, "a changed document is authentic")
    return True


def check_genesis(data: bytes) -> bool:
    """A stranger's genesis is its own network's, whatever it says."""
    answer = read_genesis(data)
    if isinstance(answer, Refusal):
        return False
    require(answer[0] == answer[1].network and data == answer[1].raw, "a genesis of another network")
    return True


def check_body(data: bytes) -> bool:
    """A member with a real key signs anything: it is refused with a reason, or the others' membership stands.

    The first byte says what the body is said to be, the rest is the body.
    """
    if not data:
        return False
    like, body = ENVELOPES[data[0] % len(ENVELOPES)], data[1:]
    key = KEYS[Identity(like.signer)]
    signature = key.sign(signed_bytes(like.kind, NETWORK, body))
    try:
        raw = canonical.encode(Envelope(kind=like.kind, signer=key.public, body=body, signature=signature))
    except WarrenError as error:
        require(error.code is Code.TOO_LARGE, f"an envelope is refused with {error.code}")
        return False
    answer = authenticate(NETWORK, raw)
    if isinstance(answer, Refusal):
        require(answer.text, "a refusal says why")
        return False
    view = verify(NETWORK, (*HELD, answer), floors=Floors(), now=DATE + 1, readable=is_readable)
    # A refused one may have told the time: who attests dates signed it, and the clock of a node goes by the newest.
    again = verify(NETWORK, view.documents, floors=view.floors, now=view.effective_now, readable=is_readable)
    require(again.members == view.members and again.settings == view.settings, "the view's own documents say else")
    require(Floors.decode(view.floors.encode()) == view.floors, "the floors read back differently")
    require(all(refusal.text for refusal in view.refused), "a refusal says why")
    return True


def check_admission_key(data: bytes) -> bool:
    """One key, one spelling; a refusal does not repeat the text, which may be a secret."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        key = admission_key.parse(text)
    except WarrenError as error:
        require(error.code is Code.INVALID_KEY and (len(text) < 9 or text not in str(error)), "the refusal says it")
        return False
    require(admission_key.format_key(key) == text.strip(), "a second spelling")
    return True


_PATHS = (ExchangeKeyPair(bytes([1]) * 32), ExchangeKeyPair(bytes([2]) * 32), ExchangeKeyPair(bytes([3]) * 32))
_SENDER, _RECEIVER = Identity(bytes([4]) * 32), Identity(bytes([5]) * 32)
_SEALED = tuple(
    seal(
        plain,
        network=NetworkId(bytes(32)),
        sender=_SENDER,
        sender_path=_PATHS[0],
        receiver=_RECEIVER,
        receiver_path=_PATHS[1].public,
        ephemeral=_PATHS[2],
    )
    for plain in (b"", b"hello", bytes(300))
)


def check_sealed(data: bytes) -> bool:
    """Only what the sender sealed opens."""
    try:
        open_sealed(
            data,
            network=NetworkId(bytes(32)),
            sender=_SENDER,
            sender_path=_PATHS[0].public,
            receiver=_RECEIVER,
            receiver_path=_PATHS[1],
        )
    except WarrenError as error:
        documented = {Code.TOO_LARGE, Code.UNSUPPORTED, Code.BAD_SIGNATURE}
        require(error.code in documented, f"refused with {error.code}")
        return False
    require(data in _SEALED, "a changed message opens")
    return True


_BODIES = tuple(bytes([number]) + envelope.body for number, envelope in enumerate(ENVELOPES))
_FIELDS = (b"\xa7counter", b"\xa4date", b"\xa8identity", b"\xa5epoch", b"\xa8hostname", b"\xa1!", b"\xcf" + b"\xff" * 8)
_LINE = admission_key.make(bytes(range(39)), NETWORK, ROOT.public, _key("server").public)

PARSERS = (
    Parser("canonical", (*_DOCUMENTS, *(one.body for one in ENVELOPES)), check_canonical),
    Parser("document", _DOCUMENTS, check_document, _FIELDS),
    Parser("genesis", (_GENESIS, _DOCUMENTS[1]), check_genesis),
    Parser("document_body", _BODIES, check_body, _FIELDS),
    Parser("admission_key", (admission_key.format_key(_LINE).encode(),), check_admission_key),
    Parser("sealed", (*_SEALED, b"\x01" + bytes(limits.SEALED_MAX_BYTES - 1)), check_sealed),
)
