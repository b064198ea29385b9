"""From verified documents to the map: who is a peer, by which name, and whether its gate opens."""

from ipaddress import ip_address, ip_network

from tests.unit.trust.founding import Network

from warren.errors import Code
from warren.model.names import is_host_label
from warren.model.transport import AES_OFFER
from warren.node.netmap import Here, NetworkMap, Presence, build, membership_refusal
from warren.policy.language import DEFAULT_TEXT
from warren.trust.authenticate import Authentic
from warren.trust.documents import Kind


def documents(network: Network, *others: Authentic) -> list[Authentic]:
    """A network with a policy that lets members reach each other, and this node `me` with its record."""
    base = [document for document in network.base() if document.kind is not Kind.POLICY]
    return [
        *base,
        network.policy(DEFAULT_TEXT),
        network.member("me", ipv4="100.96.0.2"),
        network.record("me"),
        *others,
    ]


def built(network: Network, *others: Authentic) -> NetworkMap:
    network_map = build(network.verify(documents(network, *others)), {}, network.identity("me"))
    assert network_map is not None
    return network_map


def test_this_node_and_its_network_come_from_the_documents() -> None:
    found = built(Network())
    assert (found.name, found.suffix, found.me.name) == ("default", "default.warren.internal", "me")
    assert found.me.fqdn == "me.default.warren.internal"
    assert found.me.addresses[0] == ip_address("100.96.0.2")
    assert found.me.addresses[1] in ip_network("fd4a:1b2c:3d4e:5f60::/64")
    assert [str(prefix) for prefix in found.prefixes] == ["100.96.0.0/16", "fd4a:1b2c:3d4e:5f60::/64"]
    assert found.peers == ()


def test_a_member_with_a_record_is_a_peer_that_policy_lets_in_with_a_reason() -> None:
    network = Network()
    peer = built(
        network, network.member("db", ipv4="100.96.0.7", user="u1", tags=("srv",)), network.record("db")
    ).peers[0]
    record = (
        network.verify(documents(network, network.member("db"), network.record("db"))).members[peer.identity].record
    )
    assert record is not None
    assert (peer.name, peer.user, peer.tags) == ("db", "u1", ("srv",))
    assert (peer.wireguard_keys, peer.path_key) == ((record.wireguard,), record.path)
    assert peer.allowed
    assert peer.allowed_reason


def test_a_network_has_its_own_name_and_family_on_a_machine_where_another_is_in_the_way() -> None:
    network = Network()
    view = network.verify(documents(network, network.member("db", ipv4="100.96.0.7"), network.record("db")))
    found = build(view, {}, network.identity("me"), here=Here(alias="default-2", ipv4=False))
    assert found is not None
    assert (found.name, found.me.fqdn) == ("default-2", "me.default-2.warren.internal")
    assert found.peers[0].fqdn == "db.default-2.warren.internal"
    assert [prefix.version for prefix in found.prefixes] == [6]
    assert [one.version for one in (*found.me.addresses, *found.peers[0].addresses)] == [6, 6]


def test_a_member_without_a_record_is_no_peer() -> None:
    network = Network()
    assert built(network, network.member("db")).peers == ()


def test_a_forged_membership_makes_no_peer() -> None:
    network = Network()
    assert built(network, network.member("db", by="stranger"), network.record("db")).peers == ()


def test_a_record_signed_by_somebody_else_makes_no_peer() -> None:
    network = Network()
    assert built(network, network.member("db"), network.record("db", by="stranger")).peers == ()


def test_without_a_policy_every_gate_is_shut() -> None:
    network = Network()
    without = [
        one for one in documents(network, network.member("db"), network.record("db")) if one.kind is not Kind.POLICY
    ]
    found = build(network.verify(without), {}, network.identity("me"))
    assert found is not None
    assert [peer.allowed for peer in found.peers] == [False]


def test_the_next_wireguard_key_stands_after_the_one_in_use() -> None:
    network = Network()
    record = network.record("db", next_wireguard=b"n" * 32, next_from=5)
    keys = built(network, network.member("db"), record).peers[0].wireguard_keys
    assert (len(keys), keys[1]) == (2, b"n" * 32)


def test_presence_is_shown_and_opens_nothing() -> None:
    network = Network()
    view = network.verify(documents(network, network.member("db"), network.record("db")))
    stranger, db = network.identity("stranger"), network.identity("db")
    found = build(
        view,
        {db: Presence(online=True, last_seen=5.0), stranger: Presence(online=True, last_seen=5.0)},
        network.identity("me"),
    )
    assert found is not None
    assert [(peer.identity, peer.online, peer.last_seen) for peer in found.peers] == [(db, True, 5.0)]


def test_a_member_without_a_name_has_one_all_the_same() -> None:
    network = Network()
    peer = built(network, network.member("db", hostname=""), network.record("db")).peers[0]
    assert is_host_label(peer.name)


def test_a_removed_node_has_no_map_and_knows_why() -> None:
    network = Network()
    view = network.verify(documents(network, network.removal("me")))
    refusal = membership_refusal(view, network.identity("me"))
    assert build(view, {}, network.identity("me")) is None
    assert refusal is not None
    assert refusal.code is Code.REMOVED


def test_a_node_that_nobody_admitted_has_no_map() -> None:
    network = Network()
    view = network.verify(documents(network))
    refusal = membership_refusal(view, network.identity("other"))
    assert build(view, {}, network.identity("other")) is None
    assert refusal is not None
    assert refusal.code is Code.NOT_A_MEMBER


def test_the_order_of_documents_does_not_change_the_map() -> None:
    network = Network()
    others = [document for who in ("x", "y", "z") for document in (network.member(who), network.record(who))]
    all_of_them = documents(network, *others)
    one = build(network.verify(all_of_them), {}, network.identity("me"))
    other = build(network.verify(reversed(all_of_them)), {}, network.identity("me"))
    assert one == other


def test_a_peer_offers_what_its_signed_record_says() -> None:
    network = Network()
    offers = network.record("db", capabilities=("something/v9", AES_OFFER))
    found = built(network, network.member("db"), offers, network.member("old"), network.record("old"))
    assert {peer.name: peer.offers_aes for peer in found.peers} == {"db": True, "old": False}
