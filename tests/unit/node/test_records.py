"""When this node has something new to say of itself, and with which number."""

from tests.unit.trust.founding import DATE, Network, seed

from warren.model.keys import ExchangeKeyPair
from warren.node.keys import NodeKeys
from warren.node.records import first_record, newer_record
from warren.trust.authenticate import Authentic
from warren.trust.documents import NodeRecord


def keys(network: Network, wireguard: str = "wg") -> NodeKeys:
    return NodeKeys(
        identity=network.key("me"),
        wireguard=ExchangeKeyPair(seed(wireguard)),
        path=ExchangeKeyPair(seed("path")),
    )


def body(document: Authentic) -> NodeRecord:
    assert isinstance(document.body, NodeRecord)
    return document.body


def test_the_first_record_verifies_and_names_the_public_keys() -> None:
    network = Network()
    record = body(network.open(first_record(network.id, keys(network), DATE)))
    assert (record.identity, record.counter) == (network.identity("me"), 1)
    assert record.wireguard == ExchangeKeyPair(seed("wg")).public


def test_nothing_is_published_while_the_record_in_force_says_what_is_so() -> None:
    network = Network()
    record = network.open(first_record(network.id, keys(network), DATE))
    view = network.verify([*network.base(), network.member("me"), record])
    assert newer_record(view, keys(network), DATE) is None


def test_a_changed_key_gives_a_record_one_above_the_newest_known() -> None:
    network = Network()
    known = network.record("me", counter=41)
    view = network.verify([*network.base(), network.member("me"), known])
    raw = newer_record(view, keys(network), DATE)
    assert raw is not None
    record = body(network.open(raw))
    assert record.counter == 42
    after = network.verify([*view.documents, network.genesis, network.open(raw)], view.floors)
    assert after.members[network.identity("me")].record == record


def test_who_is_no_member_publishes_nothing() -> None:
    network = Network()
    assert newer_record(network.verify(network.base()), keys(network), DATE) is None


def test_a_capability_that_comes_or_goes_is_published() -> None:
    network = Network()
    first = network.open(first_record(network.id, keys(network), DATE, ("transport/aes256gcm/v1",)))
    view = network.verify([*network.base(), network.member("me"), first])
    assert newer_record(view, keys(network), DATE, ("transport/aes256gcm/v1",)) is None
    raw = newer_record(view, keys(network), DATE)
    assert raw is not None
    assert (body(network.open(raw)).capabilities, body(network.open(raw)).counter) == ((), 2)
