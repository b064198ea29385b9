"""With the kernel's offloads and without: what passes is intact either way, and a refused offload says so (issue 6, 7).

The other end is a stock wireguard-go with offloads of its own. Bytes are compared by digest at both ends.
"""

from pathlib import Path

import pytest
from tests.interop import refusing
from tests.interop.flow import Flow
from tests.interop.joined import Joined, join, join_twins
from tests.netlab.impairment import Impairment
from tests.netlab.lab import Lab

from warren.model.offloads import ALL, NAMES

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

LOSSY_PART = 16  # the lab's bad wire is slow
PART = 4  # of the usual amount: there are many cases
JUMBO = 9000
BEHIND = "10.88.0.0/24"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel's refusals."""
    return refusing.build(tmp_path_factory.mktemp("refusing"))


def both_ways(joined: Joined, count: int) -> None:
    """Bytes from us and to us."""
    Flow(joined.our_host, joined.their_host, joined.their_address, count).finish()
    Flow(joined.their_host, joined.our_host, joined.our_address, count).finish()


def offloads(joined: Joined) -> dict[str, str]:
    """As the engine tells them."""
    found: dict[str, str] = joined.engine.ask("offloads")
    return found


@pytest.mark.parametrize(
    ("what", "off"),
    [
        ("tun-checksum", {"tun-checksum": "EINVAL", "tun-tcp": "not here", "tun-udp": "not here"}),
        ("tun-tcp", {"tun-tcp": "refused it (EINVAL)", "tun-udp": "refused it (EINVAL)"}),
        ("tun-udp", {"tun-udp": "refused it (EINVAL)"}),
        ("udp-send", {"udp-send": "refused it (EIO)"}),
        ("udp-send-late", {"udp-send": "failed at work (EIO)"}),
        ("udp-send-mangled", {"udp-send": "mangles data"}),
        ("udp-receive", {"udp-receive": "refused it (ENOPROTOOPT)"}),
        ("tun-tcp-late", {"tun-tcp": "failed at work (EINVAL)"}),
    ],
)
def test_an_offload_that_the_kernel_refuses_is_told_and_nothing_is_lost(
    lab: Lab, wireguard_go: Path, amount: int, library: Path, *, what: str, off: dict[str, str]
) -> None:
    with join(lab, wireguard_go, env=refusing.refuse(library, what)) as joined:
        both_ways(joined, amount // PART)
        states = offloads(joined)
        assert {name for name, state in states.items() if state != "on"} == set(off), states
        assert all(reason in states[name] for name, reason in off.items()), states


@pytest.mark.parametrize("left_out", [*NAMES, "all"])
def test_an_offload_that_the_user_forbids_is_off_by_setting(
    lab: Lab, wireguard_go: Path, amount: int, left_out: str
) -> None:
    allowed = 0 if left_out == "all" else ALL & ~(1 << NAMES.index(left_out))
    with join(lab, wireguard_go, offloads=allowed) as joined:
        both_ways(joined, amount // PART)
        states = offloads(joined)
        forbidden = {name for name, state in states.items() if state == "off: by setting"}
        assert forbidden >= (set(NAMES) - {"tun-tcp", "tun-udp"} if left_out == "all" else {left_out})


@pytest.mark.parametrize(("outer", "inner"), [(4, 6), (6, 4), (6, 6)], ids=["6-in-4", "4-in-6", "6-in-6"])
@pytest.mark.parametrize("mtu", [1280, 1420])
def test_families_with_all_offloads(
    lab: Lab, wireguard_go: Path, amount: int, *, outer: int, inner: int, mtu: int
) -> None:
    with join(lab, wireguard_go, outer=outer, inner=inner, mtu=mtu) as joined:
        joined.their_host.ip_batch(f"link set {joined.stock.link} mtu {mtu}")
        both_ways(joined, amount // PART)
        assert set(offloads(joined).values()) == {"on"}


@pytest.mark.parametrize(("outer", "inner"), [(4, 6), (6, 4)], ids=["6-in-4", "4-in-6"])
def test_jumbo_packets_over_a_path_that_takes_them(
    lab: Lab, wireguard_go: Path, amount: int, *, outer: int, inner: int
) -> None:
    with join(lab, wireguard_go, outer=outer, inner=inner, mtu=JUMBO) as joined:
        joined.our_host.interfaces["eth0"].switch.set_mtu(JUMBO + 100)
        joined.their_host.ip_batch(f"link set {joined.stock.link} mtu {JUMBO}")
        both_ways(joined, amount // PART)
        assert set(offloads(joined).values()) == {"on"}


@pytest.mark.parametrize(("outer", "inner"), [(4, 4), (4, 6), (6, 4), (6, 6)])
@pytest.mark.parametrize("mtu", [1280, 1500, JUMBO])
def test_two_of_ours_at_any_mtu_though_the_path_takes_1500(
    lab: Lab, amount: int, *, outer: int, inner: int, mtu: int
) -> None:
    with join_twins(lab, outer=outer, inner=inner, mtu=mtu) as twins:
        (one, two), (here, there) = twins.hosts, twins.addresses
        Flow(one, two, there, amount // PART).finish()
        Flow(two, one, here, amount // PART).finish()
        assert all(set(engine.ask("offloads").values()) == {"on"} for engine in twins.engines)


def test_forwarded_traffic_both_ways(lab: Lab, wireguard_go: Path, amount: int) -> None:
    with join(lab, wireguard_go, behind_us=BEHIND) as joined:
        home = lab.switch(v4=BEHIND)
        far = lab.host("far", home)
        gate = joined.our_host.attach(home)
        joined.our_host.sysctl("net/ipv4/ip_forward", "1")
        far.ip_batch(f"route add {joined.their_address} via {gate.v4.ip}")
        joined.their_host.ip_batch(f"route add {BEHIND} dev {joined.stock.link}")
        Flow(far, joined.their_host, joined.their_address, amount // PART).finish()
        Flow(joined.their_host, far, far.ip, amount // PART).finish()


def test_a_path_that_loses_and_reorders_keeps_every_byte(lab: Lab, wireguard_go: Path, amount: int) -> None:
    wire = lab.wire("bad", Impairment(delay_ms=1, loss=0.02, reorder=0.02, reorder_ms=3))
    with join(lab, wireguard_go, wire=wire) as joined:
        both_ways(joined, amount // LOSSY_PART)
