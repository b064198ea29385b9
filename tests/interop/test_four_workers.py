"""A tunnel of four workers over a real TUN of four queues and a port of four sockets: what one worker does, four do.

Peers have the numbers 1 to 4, one of each worker.
"""

import os
import sys
from contextlib import ExitStack
from ipaddress import IPv4Address, ip_interface
from pathlib import Path

import pytest
from tests.interop.engine import Engine
from tests.interop.flow import Flow
from tests.interop.joined import join
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.until import until

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

FOUR = {"WARREN_WORKERS": "4"}
SPOKES = 4
BYTES = 8 << 20  # each way of each peer
NEVER = ("drop_stray", "drop_auth", "drop_inner_source", "drop_no_route", "drop_gate_out", "drop_gate_in")

_ECHO = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
    ours.bind((sys.argv[1], 5002))
    print("ready", flush=True)
    while True:
        ours.sendto(*ours.recvfrom(2048))
"""

_ASK = """
import socket, sys
for number in range(int(sys.argv[2])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(20)
        ours.connect((sys.argv[1], 5002))
        for size in (1, 500, 1300, 4000 if number % 8 == 0 else 64):
            sent = number.to_bytes(4, "big") + bytes(size)
            ours.send(sent[:2048])
            if ours.recv(4096) != sent[:2048]:
                raise SystemExit(f"{number}: another answer")
"""


class Star:
    """A hub of four workers, and spokes of one that know where it is."""

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        self._lan = lab.switch()
        self.hub_host = lab.host("hub", self._lan)
        self._key = ExchangeKeyPair(os.urandom(32))
        self.hub = stack.enter_context(Engine(self.hub_host, "hub%d", self._key.private_bytes().reveal(), env=FOUR))
        assert self.hub.workers == 4
        self.hub.up(ip_interface("10.77.0.1/24"))
        self.hosts: list[Host] = []
        self.keys: list[ExchangeKeyPair] = []
        self.spokes: list[Engine] = []
        for number in range(1, SPOKES + 1):
            host, key = lab.host(f"spoke{number}", self._lan), ExchangeKeyPair(os.urandom(32))
            spoke = stack.enter_context(
                Engine(host, f"spoke{number}", key.private_bytes().reveal(), env={"WARREN_WORKERS": "1"})
            )
            assert spoke.workers == 1
            spoke.up(ip_interface(f"{self.address(number)}/24"))
            self.hosts.append(host)
            self.keys.append(key)
            self.spokes.append(spoke)
            self.meet(number, number)
            self.point(number, self.hub.port)

    @staticmethod
    def address(number: int) -> IPv4Address:
        """Of a spoke inside."""
        return IPv4Address(f"10.77.0.{number + 1}")

    def meet(self, number: int, peer: int) -> None:
        """Make the spoke the hub's peer of this number."""
        key = self.keys[number - 1].public
        self.hub.set_peer(key, f"{self.address(number)}/32", mode="ROAM", number=peer)

    def point(self, number: int, port: int) -> None:
        """Tell the spoke where the hub is."""
        there = str(Endpoint(self.hub_host.ip, port))
        self.spokes[number - 1].set_peer(self._key.public, "10.77.0.0/24", endpoint=there)

    def ping(self, number: int) -> bool:
        """From the spoke, once."""
        return self.hosts[number - 1].run(["ping", "-c1", "-W2", "10.77.0.1"], check=False).returncode == 0

    def lost(self) -> dict[str, int]:
        """What the hub lost that it must not."""
        counters = self.hub.ask("counters")
        return {name: counters[name] for name in NEVER if counters[name]}


def test_tcp_and_udp_of_four_peers_pass_both_ways_at_once(lab: Lab) -> None:
    with ExitStack() as stack:
        star = Star(lab, stack)
        hub = IPv4Address("10.77.0.1")
        flows = [Flow(host, star.hub_host, hub, BYTES) for host in star.hosts[:1]]
        flows += [
            Flow(star.hub_host, host, star.address(number), BYTES) for number, host in enumerate(star.hosts[1:], 2)
        ]
        echo = star.hub_host.start([sys.executable, "-c", _ECHO, str(hub)])
        echo.wait_for("ready")
        asked = [host.start([sys.executable, "-c", _ASK, str(hub), "40"]) for host in star.hosts]
        for flow in flows:
            flow.finish()
        for one in asked:
            assert one.wait(60.0) == 0, one.output()
        assert not star.lost()
        for number, host in enumerate(star.hosts[1:], 2):  # and the other way
            Flow(host, star.hub_host, hub, BYTES).finish()
            assert star.ping(number)
        assert not star.lost()
        assert star.hub.ask("counters")["rx_packets"] > 0


def test_rekeys_another_port_and_peers_that_come_and_go_leave_the_rest_alone(lab: Lab) -> None:
    with ExitStack() as stack:
        star = Star(lab, stack)
        until(lambda: all(star.ping(number) for number in range(1, SPOKES + 1)), "every peer")
        flow = Flow(star.hosts[1], star.hub_host, IPv4Address("10.77.0.1"), 1 << 30, bytes_per_s=1e6)
        star.spokes[1].ask("initiate")
        star.hub.ask("initiate")  # the first spoke's
        assert star.ping(1)
        # One goes, and comes back under a number of the worker that carries the flow.
        star.hub.ask("remove_peer", 3)
        assert not star.ping(3)
        star.meet(3, 6)
        star.spokes[2].ask("initiate")
        until(lambda: star.ping(3), "the peer that came back")
        assert flow.running
        flow.enough()
        flow.finish()
        before = star.hub.port
        port = star.hub.ask("listen_on", 0)
        assert port != before
        for number in range(1, SPOKES + 1):
            star.point(number, port)
        until(lambda: all(star.ping(number) for number in range(1, SPOKES + 1)), "every peer at the new port")
        with pytest.raises(Exception, match="PortError"):
            Engine(star.hub_host, "other%d", os.urandom(32), port=port, env=FOUR)


def test_only_what_the_hub_began_is_answered_through_its_filter(lab: Lab) -> None:
    with ExitStack() as stack:
        star = Star(lab, stack)
        until(lambda: all(star.ping(number) for number in range(1, SPOKES + 1)), "every peer")
        star.hub.ask("set_filter", [1, False, None, 0, 0])
        for number, host in enumerate(star.hosts, 1):
            assert not star.ping(number)
            Flow(star.hub_host, host, star.address(number), BYTES // 4).finish()
            echo = host.start([sys.executable, "-c", _ECHO, str(star.address(number))])
            echo.wait_for("ready")
            asked = star.hub_host.start([sys.executable, "-c", _ASK, str(star.address(number)), "20"])
            assert asked.wait(60.0) == 0, asked.output()
        counters = star.hub.ask("counters")
        assert counters["drop_filter_no_rule_in"] >= SPOKES
        assert counters["flows"] >= 20 * SPOKES


@pytest.mark.parametrize("outer", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("we_initiate", [True, False], ids=["we-initiate", "they-initiate"])
def test_a_stock_peer_and_four_workers_move_bytes_intact_both_ways(
    lab: Lab, wireguard_go: Path, *, we_initiate: bool, outer: int
) -> None:
    with join(lab, wireguard_go, we_initiate=we_initiate, outer=outer, env=FOUR) as joined:
        assert joined.engine.workers == 4
        ours, theirs = (joined.our_host, joined.our_address), (joined.their_host, joined.their_address)
        for source, target in [(ours, theirs), (theirs, ours)] if we_initiate else [(theirs, ours), (ours, theirs)]:
            Flow(source[0], target[0], target[1], BYTES * 2).finish()
        _peer, by_us, _key, _place = joined.engine.wait_for("HandshakeDone")
        assert bool(by_us) is we_initiate
        assert joined.engine.ask("peer_stats")["session_alive"]
