"""Which addresses are worth a probe."""

from ipaddress import ip_address, ip_network

import pytest
from tests.unit.node.paths.links import endpoint

from warren.limits import CANDIDATES_MAX
from warren.node.paths.candidates import is_probeable, local_endpoints, peer_endpoints

OURS = (ip_network("100.96.0.0/16"), ip_network("fd00:1::/64"))


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "::1", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "fe80::1",  # noqa: S104
     "100.96.0.7", "fd00:1::7"],
)  # fmt: skip
def test_what_never_leaves_a_machine_and_what_is_in_a_tunnel_is_left_out(text: str) -> None:
    assert not is_probeable(endpoint(text), OURS)


@pytest.mark.parametrize("text", ["192.0.2.1", "10.0.0.1", "100.64.0.9", "2001:db8::1", "fd77::1", "169.254.1.1"])
def test_everything_else_may_reach_somebody(text: str) -> None:
    assert is_probeable(endpoint(text), OURS)


def test_port_0_is_no_place() -> None:
    assert not is_probeable(endpoint("192.0.2.1", 0), ())


def test_our_offer_has_private_addresses_first_and_none_of_our_tunnels() -> None:
    addresses = [ip_address(text) for text in ("8.8.8.8", "100.96.0.2", "192.168.1.5", "127.0.0.1", "fe80::2")]
    offered = local_endpoints(addresses, 4000, OURS)
    assert [str(one) for one in offered] == ["192.168.1.5:4000", "8.8.8.8:4000"]


def test_a_peers_offer_is_bounded_and_each_endpoint_counts_once() -> None:
    offered = [endpoint(f"10.0.{number // 250}.{1 + number % 250}") for number in range(1000)]
    taken = peer_endpoints([offered[0], offered[0], *offered], OURS)
    assert len(taken) == CANDIDATES_MAX
    assert len(set(taken)) == CANDIDATES_MAX
