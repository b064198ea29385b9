"""Packets that a peer's path does not carry, also those of a machine behind this one: TCP announces less from the
start, senders are told what fits, the rest is cut (engine/proto/src/narrow). And what the kernel knows of a path.
"""

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

import pytest
from tests.interop.engine import Engine
from tests.interop.flow import Flow
from tests.netlab.host import Host
from tests.netlab.lab import Lab, LabUnavailable
from tests.netlab.test_packet_filter import pings, reaches, reaching
from tests.netlab.until import until

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

pytestmark = pytest.mark.netlab

A, B, A6, B6 = "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"
NARROW, PORT = 1200, 5003
LONG = 1300  # of a ping: more than a narrow path carries, less than the tunnel
FLOW_BYTES, FLOW_BYTES_PER_S = 3_000_000, 4_000_000.0
FILE_BYTES = 20_000_000

FORGE = """
import socket, struct, sys
victim, peer = (socket.inet_aton(address) for address in sys.argv[1:3])
ports = [int(port) for port in sys.argv[3:5]]
def summed(icmp):
    total = sum(struct.unpack(f">{len(icmp) // 2}H", icmp))
    total = (total & 0xFFFF) + (total >> 16)
    return icmp[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + icmp[4:]
quoted = struct.pack(">BxHHHBBH4s4s4H", 0x45, 1452, 1, 0x4000, 64, 17, 0, victim, peer, *ports, 1432, 0)
icmp = summed(struct.pack(">BBHHH", 3, 4, 0, 0, 100) + quoted)
nobody = socket.inet_aton("198.51.100.9")
header = struct.pack(">BxHHHBBH4s4s", 0x45, 20 + len(icmp), 7, 0, 64, 1, 0, nobody, victim)
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as line:
    line.sendto(header + icmp, (sys.argv[1], 0))
"""  # 'fragmentation needed, 100 bytes at most', as if a router had it of a datagram of the tunnel (RFC 792)


class Forwarding:
    """`behind` reaches `b` through `a`, whose engine forwards."""

    def __init__(self, lab: Lab) -> None:
        wan, lan = lab.switch(), lab.switch()
        self.behind, self.host_a, self.host_b = lab.host("m", lan), lab.host("a", wan, lan), lab.host("b", wan)
        self.stranger = lab.host("s", wan)
        keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
        self.a, self.b = (
            Engine(host, "warren%d", key.private_bytes().reveal())
            for host, key in zip((self.host_a, self.host_b), keys, strict=True)
        )
        there = str(Endpoint(self.host_b.ip, self.b.port))
        self.a.set_peer(keys[1].public, f"{B}/32,{B6}/128", endpoint=there)
        self.b.set_peer(keys[0].public, f"{A}/32,{A6}/128,{lan.v4},{lan.v6}", mode="ROAM")
        self.a.up(ip_interface(f"{A}/24"), ip_interface(f"{A6}/64"))
        self.b.up(ip_interface(f"{B}/24"), ip_interface(f"{B6}/64"))
        self.host_a.sysctls(("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"))
        gateway = self.host_a.interfaces["eth1"]
        self.behind.ip_batch(f"route add 10.77.0.0/24 via {gateway.v4.ip}", f"route add fd77::/64 via {gateway.v6.ip}")
        self.host_b.ip_batch(f"route add {lan.v4} dev {self.b.link}", f"route add {lan.v6} dev {self.b.link}")
        reaching(self.host_b, "serve", str(PORT)).wait_for("serving")
        for address in (B, B6):
            until(lambda to=address: pings(self.behind, to, patience_s=1), "the session stands")  # type: ignore[misc]


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forwarding]:
    try:
        lab = Lab(tmp_path_factory.mktemp("lab"))
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    with lab:
        made = Forwarding(lab)
        try:
            yield made
        finally:
            made.a.end()
            made.b.end()


def long_ping(host: Host, address: str, *words: str, patience_s: int = 20) -> bool:
    """Whether an echo of LONG bytes comes back."""
    argv = ["ping", "-c1", f"-W{patience_s}", f"-s{LONG}", *words, address]
    return host.run(argv, check=False).returncode == 0


def path_mtu(host: Host, address: str) -> str:
    """What the host learned, as `ip route get` says it; empty: nothing."""
    words = host.run(["ip", "route", "get", address]).stdout.split()
    return words[words.index("mtu") + 1] if "mtu" in words else ""


def test_a_machine_behind_this_one_is_told_what_fits_and_its_packets_arrive(forwarding: Forwarding) -> None:
    behind, a = forwarding.behind, forwarding.a
    standing = Flow(behind, forwarding.host_b, ip_address(B), FLOW_BYTES, FLOW_BYTES_PER_S)
    a.ask("set_path_mtu", NARROW)
    before = a.ask("counters")
    assert long_ping(behind, B, "-M", "dont"), "cut on the way"
    assert not long_ping(behind, B, "-M", "do", patience_s=1)
    assert path_mtu(behind, B) == str(NARROW)
    assert not long_ping(behind, B6, patience_s=1)
    assert path_mtu(behind, B6) == "1280", "hosts believe in no less"
    assert long_ping(behind, B6), "its pieces are cut again"
    for address in (B, B6):
        assert reaches(behind, "tcp", address, PORT, 50_000)
        assert reaches(forwarding.host_a, "tcp", address, PORT, 50_000)
    standing.finish()
    after = a.ask("counters")
    rise = {name: after[name] - before[name] for name in ("tx_too_big", "tx_fragmented", "mss_clamped")}
    assert rise["tx_too_big"] >= 2, rise
    assert rise["tx_fragmented"] >= 2, rise
    assert rise["mss_clamped"] >= 4 * 2, "a SYN and its answer each"
    a.ask("set_path_mtu", None)
    behind.ip_batch("route flush cache")
    assert long_ping(behind, B, "-M", "do"), "the path was mended"


def test_a_stranger_who_says_that_a_path_is_narrow_changes_nothing(forwarding: Forwarding) -> None:
    a, b = forwarding.a, forwarding.b
    ends = (str(forwarding.host_a.ip), str(forwarding.host_b.ip), str(a.port), str(b.port))
    forwarding.stranger.run([sys.executable, "-c", FORGE, *ends])
    route = ["ip", "route", "get", ends[1]]
    until(lambda: "mtu lock 552" in forwarding.host_a.run(route).stdout, "the host believes it")
    before = a.ask("counters")
    Flow(forwarding.host_a, forwarding.host_b, ip_address(B), FILE_BYTES).finish()
    after = a.ask("counters")
    assert after["tx_too_big"] == before["tx_too_big"]
    assert long_ping(forwarding.host_a, B, "-M", "do")
    assert a.ask("offloads")["udp-send"] == "on"
    forwarding.host_a.ip_batch("route flush cache")


def test_a_line_that_carries_less_than_the_tunnel_is_learned_of_the_kernel(forwarding: Forwarding) -> None:
    a = forwarding.a
    forwarding.host_a.ip_batch("link set eth0 mtu 1300")
    before = a.ask("counters")
    Flow(forwarding.host_a, forwarding.host_b, ip_address(B), FILE_BYTES).finish()
    after = a.ask("counters")
    assert after["tx_too_big"] > before["tx_too_big"]
    assert path_mtu(forwarding.host_a, B) == str(1300 - 20 - 8 - 32)
    assert after["drop_send_failed"] == before["drop_send_failed"], "what was on its way arrived all the same"
    assert a.ask("offloads")["udp-send"] == "on"
