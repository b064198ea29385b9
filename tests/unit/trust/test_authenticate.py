"""From bytes to a document whose signer is certain: every other byte string is refused with a reason."""

import ast
from pathlib import Path

import msgspec
import pytest
from tests.unit.trust.founding import Network, seed

import warren
from warren import canonical
from warren.errors import Code, WarrenError
from warren.trust.authenticate import Authentic, Refusal, authenticate, read_genesis, root_of
from warren.trust.documents import Kind
from warren.trust.signing import Envelope, make_genesis, sign


def test_a_document_is_read_as_it_was_signed(network: Network) -> None:
    document = network.member("alice", tags=("server",))
    again = authenticate(network.id, document.raw)
    assert again == document
    assert document.signer == network.identity("registrar")
    assert document.kind is Kind.MEMBERSHIP


def test_a_document_of_another_network_is_refused(network: Network) -> None:
    other = Network("other")
    answer = authenticate(other.id, network.member("alice").raw)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.BAD_SIGNATURE
    assert answer.subject == network.identity("alice")


def test_a_signature_for_one_kind_is_none_for_another(network: Network) -> None:
    envelope = canonical.decode(network.member("alice").raw, Envelope)
    moved = canonical.encode(msgspec.structs.replace(envelope, kind="record"))
    assert isinstance(authenticate(network.id, moved), Refusal)
    # a membership and a removal with the same fields would be the worst confusion: the domain keeps them apart
    again = canonical.encode(msgspec.structs.replace(envelope, kind="removal"))
    assert isinstance(authenticate(network.id, again), Refusal)


def test_another_signer_beside_the_same_signature_is_refused(network: Network) -> None:
    envelope = canonical.decode(network.member("alice").raw, Envelope)
    stolen = canonical.encode(msgspec.structs.replace(envelope, signer=network.identity("root")))
    answer = authenticate(network.id, stolen)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.BAD_SIGNATURE


def test_no_byte_may_change(network: Network) -> None:
    raw = network.member("alice").raw
    for position in range(len(raw)):
        for flip in (0x01, 0x80):
            changed = bytearray(raw)
            changed[position] ^= flip
            assert isinstance(authenticate(network.id, bytes(changed)), Refusal), position


def test_nothing_may_follow_or_stand_inside_the_envelope(network: Network) -> None:
    raw = network.member("alice").raw
    assert isinstance(authenticate(network.id, raw + b"\x01"), Refusal)
    parts = msgspec.msgpack.decode(raw)
    assert isinstance(authenticate(network.id, msgspec.msgpack.encode([*parts, 1])), Refusal)
    assert isinstance(authenticate(network.id, msgspec.msgpack.encode(parts[:3])), Refusal)
    named = dict(zip(("kind", "signer", "body", "signature"), parts, strict=True))
    assert isinstance(authenticate(network.id, msgspec.msgpack.encode(named, order="sorted")), Refusal)
    for end in range(len(raw)):
        assert isinstance(authenticate(network.id, raw[:end]), Refusal)


def test_a_body_that_is_not_canonical_is_refused_though_it_is_signed(network: Network) -> None:
    key = network.key("root")
    body = b"\x83\xa7counter\xcc\x01\xa4date\x01\xa4text\xc4\x00"
    signature = key.sign(b"warren/policy/v1\0" + network.id + body)
    raw = canonical.encode(Envelope(kind="policy", signer=key.public, body=body, signature=signature))
    answer = authenticate(network.id, raw)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MALFORMED
    straight = body.replace(b"\xcc\x01", b"\x01")
    signature = key.sign(b"warren/policy/v1\0" + network.id + straight)
    raw = canonical.encode(Envelope(kind="policy", signer=key.public, body=straight, signature=signature))
    assert isinstance(authenticate(network.id, raw), Authentic)


def test_a_kind_of_the_future_is_refused_as_unsupported(network: Network) -> None:
    key = network.key("root")
    signature = key.sign(b"warren/gossip/v1\0" + network.id + b"\x80")
    raw = canonical.encode(Envelope(kind="gossip", signer=key.public, body=b"\x80", signature=signature))
    answer = authenticate(network.id, raw)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.UNSUPPORTED
    assert answer.kind == ""


def test_a_body_of_64_kib_does_not_fit(network: Network) -> None:
    with pytest.raises(WarrenError):
        network.policy(text=b"x" * 65_536)
    assert network.policy(text=b"x" * 65_000).kind is Kind.POLICY


def test_a_genesis_names_its_network_and_its_root() -> None:
    network = Network()
    answer = read_genesis(network.genesis_bytes)
    assert not isinstance(answer, Refusal)
    assert answer[0] == network.id
    assert root_of(answer[1]) == network.identity("root")
    with pytest.raises(WarrenError):
        root_of(network.policy())


def test_a_genesis_of_another_network_or_by_another_key_is_refused(network: Network) -> None:
    other, raw = make_genesis(network.key("root"), seed("other")[:16])
    assert other != network.id
    answer = authenticate(network.id, raw)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.NETWORK_UNKNOWN
    forged = sign(Kind.GENESIS, network.id, network.genesis.body, network.key("mallory"))
    for refusal in (authenticate(network.id, forged), read_genesis(forged)):
        assert isinstance(refusal, Refusal)
        assert refusal.code is Code.FORBIDDEN


def test_what_is_no_genesis_is_not_read_as_one(network: Network) -> None:
    for raw in (b"", b"\xc0", network.policy().raw, network.genesis_bytes[:-1]):
        assert isinstance(read_genesis(raw), Refusal)


def makers(source: str, name: str) -> bool:
    """Whether code may make a value of this class: it names the class elsewhere than where a type is said or asked
    for, gives it another name, or copies such a value with other fields."""
    tree, types, values = ast.parse(source), set[int](), set[str]()
    for node in ast.walk(tree):
        said = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, asked]):
                said.append(asked)
            case ast.MatchClass(cls=asked) | ast.Subscript(slice=asked):
                said.append(asked)
            case ast.ImportFrom() if any(one.name == name and one.asname for one in node.names):
                return True
            case ast.arg(arg=argument, annotation=kind) if kind is not None and ast.unparse(kind) == name:
                values.add(argument)
        types |= {id(part) for one in said if one is not None for part in ast.walk(one)}
    named = [one for one in ast.walk(tree) if name in {getattr(one, "id", None), getattr(one, "attr", None)}]
    copied = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("replace") and one.args
        if ast.unparse(one.args[0]) in values
    ]
    return bool([one for one in named if id(one) not in types] or copied)


@pytest.mark.parametrize(
    "code",
    [
        "Authentic(1)",
        "made.Authentic(1)",
        "from a import Authentic as B",
        "make = Authentic",
        "def f(one: Authentic): return dataclasses.replace(one, body=1)",
    ],
)
def test_whoever_makes_one_is_seen(code: str) -> None:
    assert makers(code, "Authentic")


def test_whoever_only_has_one_makes_none() -> None:
    has = "def f(one: Authentic) -> list[Authentic]: return isinstance(one, Authentic)"
    assert not makers(f"from a import Authentic\n{has}\nmatch one:\n    case made.Authentic(): pass", "Authentic")


def test_authentic_documents_and_views_are_made_in_one_place_only() -> None:
    source = Path(warren.__file__).parent
    homes = {"Authentic": {"trust/authenticate.py"}, "View": {"trust/verify.py", NARROWS}}
    for name, home in homes.items():
        found = {path.relative_to(source).as_posix() for path in source.rglob("*.py") if makers(path.read_text(), name)}
        assert found == home


NARROWS = "trust/narrowing.py"
"""Takes from a view what newer documents end, while the disk refuses these; adds nothing."""
