"""What a document may say: the grammar of each kind, checked where it is made and where it is read."""

from typing import Any

import msgspec
import pytest
from tests.unit.model.test_keys import LOW_ORDER
from tests.unit.trust.founding import DATE, Network, seed

from warren import canonical
from warren.errors import Code, WarrenError
from warren.trust.authenticate import Refusal, authenticate
from warren.trust.documents import BODY_TYPES, AdmissionLimits, Kind, Membership, NodeRecord, Removal, Settings
from warren.trust.signing import Envelope, sign, signed_bytes


def sign_anything(network: Network, kind: str, fields: Any, by: str = "root") -> bytes:
    """A document that `sign` would not make: signed well, whatever it says."""
    body = msgspec.msgpack.encode(fields, order="sorted")
    key = network.key(by)
    signature = key.sign(signed_bytes(kind, network.id, body))
    return canonical.encode(Envelope(kind=kind, signer=key.public, body=body, signature=signature))


KEYS_OF_A_RECORD = ("wireguard", "path", "next_wireguard", "previous_path")
GOOD: dict[str, dict[str, Any]] = {
    Kind.SETTINGS: {
        "version": 1, "name": "default", "prefix4": "100.96.0.0/16", "prefix6": "fd00::/64", "suffix": "a.b",
        "counter": 1, "date": DATE,
    },
    Kind.DELEGATION: {"delegate": seed("d"), "rights": ["admit"], "counter": 1, "date": DATE},
    Kind.MEMBERSHIP: {"identity": seed("i"), "counter": 1, "date": DATE},
    Kind.RECORD: {"identity": seed("i"), "wireguard": seed("w"), "path": seed("p"), "counter": 1, "date": DATE},
    Kind.POLICY: {"text": b"", "counter": 1, "date": DATE},
    Kind.REMOVAL: {"of": "membership", "subject": seed("i"), "counter": 1, "date": DATE},
    Kind.HEAD: {"authority": seed("a"), "digest": seed("h"), "counter": 1, "date": DATE},
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_document_with_its_least_fields_is_read_and_unknown_fields_are_ignored(network: Network, kind: Kind) -> None:
    plain = network.open(sign_anything(network, kind, GOOD[kind]))
    later = network.open(sign_anything(network, kind, GOOD[kind] | {"zz_later": {"a": [1]}}))
    assert plain.body == later.body
    assert type(plain.body) is BODY_TYPES[kind]
    assert plain.digest != later.digest


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Kind.SETTINGS, {"version": 2}),
        (Kind.SETTINGS, {"name": "Default"}),
        (Kind.SETTINGS, {"name": "a b"}),
        (Kind.SETTINGS, {"prefix4": "100.96.0.1/16"}),
        (Kind.SETTINGS, {"prefix4": "100.96.0.0/255.255.0.0"}),
        (Kind.SETTINGS, {"prefix4": "0.0.0.0/0"}),
        (Kind.SETTINGS, {"prefix4": "fd00::/64"}),
        (Kind.SETTINGS, {"prefix6": "fd00::/48"}),
        (Kind.SETTINGS, {"prefix6": "fd00:0::/64"}),
        (Kind.SETTINGS, {"suffix": ""}),
        (Kind.SETTINGS, {"suffix": "a..b"}),
        (Kind.SETTINGS, {"suffix": "A.b"}),
        (Kind.SETTINGS, {"servers": [{"url": "javascript:1", "key": seed("s")}]}),
        (Kind.SETTINGS, {"servers": [{"url": "https://a b", "key": seed("s")}]}),
        (Kind.SETTINGS, {"servers": [{"url": "https://a", "key": b"short"}]}),
        (Kind.SETTINGS, {"counter": -1}),
        (Kind.SETTINGS, {"counter": 2**63}),
        (Kind.DELEGATION, {"delegate": b"short"}),
        (Kind.DELEGATION, {"limits": {"ipv4": "100.96.0.1/16"}}),
        (Kind.DELEGATION, {"limits": {"ipv4": "fd00::/64"}}),
        (Kind.DELEGATION, {"limits": {"hostname": "A*"}}),
        (Kind.DELEGATION, {"limits": {"count": -1}}),
        (Kind.MEMBERSHIP, {"hostname": "A"}),
        (Kind.MEMBERSHIP, {"hostname": "a.b"}),
        (Kind.MEMBERSHIP, {"hostname": "-a"}),
        (Kind.MEMBERSHIP, {"hostname": "a" * 64}),
        (Kind.MEMBERSHIP, {"hostname": "../a"}),
        (Kind.MEMBERSHIP, {"ipv4": "100.96.0.01"}),
        (Kind.MEMBERSHIP, {"ipv4": "fd00::1"}),
        (Kind.MEMBERSHIP, {"tags": ["a", "a"]}),
        (Kind.MEMBERSHIP, {"tags": ["A"]}),
        (Kind.MEMBERSHIP, {"groups": ["g", "g"]}),
        (Kind.MEMBERSHIP, {"tags": [f"t{i}" for i in range(257)]}),
        (Kind.MEMBERSHIP, {"user": "u" * 1025}),
        (Kind.MEMBERSHIP, {"expires": True}),
        (Kind.RECORD, {"wireguard": b""}),
        (Kind.RECORD, {"next_wireguard": b"x" * 31}),
        (Kind.RECORD, {"next_wireguard": seed("w")}),
        (Kind.RECORD, {"previous_path": b"x"}),
        (Kind.RECORD, {"routes": ["10.0.0.1/8"]}),
        (Kind.RECORD, {"routes": ["10.0.0.0/8", "10.0.0.0/8"]}),
        (Kind.RECORD, {"services": [{"name": "a", "protocol": "sctp", "port": 1}]}),
        (Kind.RECORD, {"services": [{"name": "a", "protocol": "tcp", "port": 0}]}),
        *((Kind.RECORD, {field: key}) for field in KEYS_OF_A_RECORD for key in LOW_ORDER),
        (Kind.POLICY, {"replaces": b"x"}),
        (Kind.POLICY, {"text": "text"}),
        (Kind.REMOVAL, {"of": "everything"}),
        (Kind.HEAD, {"digest": b""}),
    ],
)
def test_a_field_outside_its_grammar_is_refused(network: Network, kind: Kind, change: dict[str, Any]) -> None:
    answer = authenticate(network.id, sign_anything(network, kind, GOOD[kind] | change))
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MALFORMED
    assert answer.kind == kind


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_missing_field_and_a_field_that_must_be_understood_are_refused(network: Network, kind: Kind) -> None:
    for field in GOOD[kind]:
        lacking = {name: value for name, value in GOOD[kind].items() if name != field}
        assert isinstance(authenticate(network.id, sign_anything(network, kind, lacking)), Refusal)
    assert isinstance(authenticate(network.id, sign_anything(network, kind, {"!only": 1} | GOOD[kind])), Refusal)


def test_sign_makes_nothing_that_a_node_would_refuse(network: Network) -> None:
    bodies: list[tuple[Kind, Any]] = [
        (Kind.MEMBERSHIP, Membership(identity=b"short", counter=1, date=DATE)),
        (Kind.MEMBERSHIP, Membership(identity=seed("i"), hostname="Not A Label", counter=1, date=DATE)),
        (Kind.MEMBERSHIP, Membership(identity=seed("i"), counter=-1, date=DATE)),
        (Kind.RECORD, Membership(identity=seed("i"), counter=1, date=DATE)),
        (Kind.HEAD, Removal(of="membership", subject=seed("i"), counter=1, date=DATE)),
    ]
    for kind, body in bodies:
        with pytest.raises(WarrenError) as refusal:
            sign(kind, network.id, body, network.key("root"))
        assert refusal.value.code is Code.INVALID_ARGUMENT
    with pytest.raises(WarrenError):
        sign("unheard-of", network.id, Membership(identity=seed("i"), counter=1, date=DATE), network.key("root"))


def test_a_record_is_no_membership_though_its_fields_would_do(network: Network) -> None:
    record = NodeRecord(identity=seed("i"), wireguard=seed("w"), path=seed("p"), counter=1, date=DATE)
    with pytest.raises(WarrenError, match="another body"):
        sign(Kind.MEMBERSHIP, network.id, record, network.key("root"))


def test_every_kind_has_a_subject_that_tells_documents_apart(network: Network) -> None:
    alice, registrar, root = (network.identity(who) for who in ("alice", "registrar", "root"))
    assert network.settings().subject == network.policy().subject == network.genesis.subject == b""
    assert network.member("alice").subject == network.record("alice").subject == alice
    assert network.delegation("registrar").subject == registrar + root
    assert network.removal("alice").subject == b"m" + alice + registrar
    assert network.removal_of_delegation("registrar").subject == b"d" + registrar + root
    assert network.head("root").subject == root
    assert network.head("root", by="registrar").subject == root + registrar


def test_defaults_are_left_out_of_the_bytes() -> None:
    body = Settings(version=1, name="a", prefix4="10.0.0.0/8", prefix6="fd00::/64", suffix="a", counter=1, date=2)
    fields = msgspec.msgpack.decode(canonical.encode(body))
    assert set(fields) == {"version", "name", "prefix4", "prefix6", "suffix", "counter", "date"}
    limits = AdmissionLimits(tags=())
    assert msgspec.msgpack.decode(canonical.encode(limits)) == {"tags": []}
