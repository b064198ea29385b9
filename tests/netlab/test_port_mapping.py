"""Port mapping on real machines: Debian's miniupnpd gives all three protocols, and a gateway lies (fault F37)."""

import json
import sys
import time
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from tests.faults import figures
from tests.netlab import nat
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.miniupnpd import WAN, Home
from tests.netlab.packet import UDP
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

MAPPED_S = 5.0  # from `up` to the mapping: UPnP waits 0.4 s for better protocols, then asks four times
HEALED_S = 5.0  # after a gateway's restart, which it announces
EPOCH_S = 3.0  # clocks of a gateway and a client may differ by 2 s (RFC 6887, 8.5): a younger one's restart cannot show
DOWN_S = 3.0  # `down` waits at most a second for the gateway
REFUSES = "Unauthorized to remove PCP mapping"
KNOCK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
socket.socket(family, socket.SOCK_DGRAM).sendto(b"anybody there", (sys.argv[1], int(sys.argv[2])))
"""
DEAF = """
table inet deaf {{
  chain input {{
    type filter hook input priority -10; policy accept;
    udp dport 5351 {which} drop
  }}
}}
"""  # miniupnpd has one switch for PCP and NAT-PMP, and it counts for IPv4 only


class Place:
    """A server on the internet, a home with miniupnpd, and a machine in it."""

    def __init__(self, lab: Lab, method: str = "pcp", **options: str) -> None:
        self.internet = lab.switch("internet", **WAN)
        self.home = Home(lab, self.internet)
        self.server = Server(lab.host("server", self.internet), lab.folder)
        self.machine = Machine(lab.host("a", self.home.lan), lab.folder)
        self.stranger = lab.host("stranger", self.internet)
        self.home.start(**options)
        if method != "pcp":
            self.home.router.nft(DEAF.format(which="" if method == "upnp" else "@th,64,8 2"))
        self.server.start()

    def up(self) -> None:
        self.machine.up(self.server, self.server.key("--reusable"))

    def kept(self) -> Mapping[str, Any]:
        """The mappings that the daemon holds, by family."""
        for file in (self.machine.state / "networks").glob("*/portmap.json"):
            mappings: Mapping[str, Any] = json.loads(file.read_text())["content"].get("mappings", {})
            return mappings
        return {}

    def mapped(self, family: str = "4") -> Mapping[str, Any]:
        """Wait for the mapping."""
        with figures.within(MAPPED_S, f"from `up` to a mapping by IPv{family}"):
            until(lambda: family in self.kept(), f"a mapping by IPv{family}")
        found: Mapping[str, Any] = self.kept()[family]
        return found

    def is_reached(self, address: IPv4Address | IPv6Address, port: int) -> None:
        """Wait until it does: while miniupnpd renews a mapping it is away for a moment."""
        until(lambda: self.reaches(address, port), "a stranger's datagram arrives")

    def reaches(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Whether a stranger's datagram to that outer endpoint arrives at the machine."""
        with self.machine.host.capture() as capture:
            self.stranger.run([sys.executable, "-c", KNOCK, str(address), str(port)])
            self.stranger.run(["ping", "-c1", "-W1", str(self.home.router.outside)])
        sources = {self.stranger.ip, self.stranger.ip6}
        return any(one.protocol == UDP and one.source in sources for one in capture.packets)


def outer_port(mapping: Mapping[str, Any]) -> int:
    return int(mapping["external"].rpartition(":")[2])


@pytest.mark.parametrize("method", ["pcp", "nat-pmp", "upnp"])
def test_the_tunnels_port_is_mapped_reached_from_outside_and_given_back_at_down(lab: Lab, method: str) -> None:
    place = Place(lab, method)
    place.up()
    mapping = place.mapped()
    assert mapping["method"] == method
    assert mapping["external"].startswith(f"{place.home.router.outside}:")
    place.is_reached(place.home.router.outside, outer_port(mapping))
    with figures.within(DOWN_S, f"`down` with a mapping by {method}"):
        place.machine.run("down")
    until(lambda: f"dnat ip to {place.machine.host.ip}" not in place.home.rules(), "the gateway has it back")
    assert not place.reaches(place.home.router.outside, outer_port(mapping))
    assert place.kept() == {}


@pytest.mark.parametrize("method", ["pcp", "upnp"])
def test_ipv6_gets_a_pinhole_which_is_shut_at_down(lab: Lab, method: str) -> None:
    place = Place(lab, method)
    place.up()
    mapping = place.mapped("6")
    assert mapping["method"] == method
    host = place.machine.host
    place.is_reached(host.ip6, outer_port(mapping))
    place.machine.run("down")
    # asked twice for one mapping, as by a full machine, miniupnpd 2.3.1 takes that for a renewal, and refuses then
    assert not place.reaches(host.ip6, outer_port(mapping)) or REFUSES in place.home.said()


def test_a_peer_behind_a_symmetric_nat_comes_in_by_the_mapping(lab: Lab) -> None:
    place = Place(lab)
    office = lab.switch("office")
    lab.router("symmetric", wan=place.internet, lan=office, nat=nat.symmetric)
    peer = Machine(lab.host("b", office), lab.folder)
    place.up()
    place.mapped()
    peer.up(place.server, place.server.key())
    # IPv6 would lead there too, by the pinhole
    peer.host.ip_batch("route del ::/0")
    assert "pong from a" in peer.run("ping", "a", "--timeout", "10s").stdout
    until(lambda: peer.path_to("a").kind == "direct", "a direct path: a first answer may come by the relay", 90.0)
    until(lambda: peer.path_to("a").endpoint == place.mapped()["external"], "it leads by the mapping", 90.0)


def test_a_short_lease_is_renewed_before_it_ends(lab: Lab) -> None:
    place = Place(lab, min_lifetime="20", max_lifetime="30")
    place.up()
    first = place.mapped()
    assert first["until"] - time.time() <= 30
    until(lambda: place.kept().get("4", {}).get("until", 0) > first["until"] + 1, "the lease is renewed", 40.0)
    assert place.mapped()["external"] == first["external"]
    place.is_reached(place.home.router.outside, outer_port(first))


def test_a_gateway_that_restarted_has_the_mapping_again(lab: Lab) -> None:
    place = Place(lab)
    place.up()
    port = str(outer_port(place.mapped()))
    old_at = time.monotonic() + EPOCH_S
    until(lambda: time.monotonic() > old_at, "the gateway is old enough for its restart to show", EPOCH_S + 1.0)
    place.home.restart()
    with figures.within(HEALED_S, "a gateway restarted: until it has the mapping again"):
        until(lambda: f"dport {port}" in place.home.rules(), "it is mapped again")
    place.is_reached(place.home.router.outside, int(port))


def test_a_killed_daemon_takes_its_mapping_up_again_and_gives_it_back(lab: Lab) -> None:
    place = Place(lab)
    place.up()
    before = place.mapped()
    networks = place.machine.state / "networks"
    until(
        lambda: any(f'"port":{before["port"]}' in one.read_text() for one in networks.glob("*/endpoints.json")),
        "the port is on disk",
    )
    place.machine.kill_daemon()
    place.machine.run("up")
    until(lambda: place.kept().get("4", {}).get("until", 0) > before["until"], "the mapping is renewed")
    assert place.mapped()["external"] == before["external"]
    assert place.home.rules().count(f"dnat ip to {place.machine.host.ip}") == 1
    place.machine.run("down")
    # of IPv6 nothing is asked here: miniupnpd 2.3.1 refuses to shut a pinhole that it has renewed ("Unauthorized")
    until(lambda: f"dnat ip to {place.machine.host.ip}" not in place.home.rules(), "the gateway has it back")


def test_a_killed_daemon_that_has_another_port_gives_the_mapping_of_the_first_back(lab: Lab) -> None:
    place = Place(lab)
    place.up()
    before = place.mapped()
    place.machine.kill_daemon()
    for book in (place.machine.state / "networks").glob("*/endpoints.json*"):
        book.unlink()
    place.machine.run("up")
    until(lambda: place.kept().get("4", before)["port"] != before["port"], "another port is mapped")
    # of IPv6 nothing is asked here, as above: its pinhole may be there by the kill, or not
    first = f"dnat ip to {place.machine.host.ip}:{before['port']}"
    until(lambda: first not in place.home.rules(), "the first is given back")
    assert place.home.rules().count(f"dnat ip to {place.machine.host.ip}") == 1


def test_another_lease_on_the_lan_moves_the_mapping_with_the_address(lab: Lab) -> None:
    place = Place(lab)
    place.up()
    place.mapped()
    host = place.machine.host
    moved = host.ip + 40
    gateway = place.home.router.interfaces["eth1"].v4.ip
    host.ip_batch(
        f"addr del {host.interfaces['eth0'].v4} dev eth0", f"addr add {moved}/24 dev eth0",
        f"route replace default via {gateway} dev eth0",
    )  # fmt: skip
    until(lambda: place.kept().get("4", {}).get("source") == str(moved), "the mapping leads to the new address")
    assert f"dnat ip to {moved}" in place.home.rules()
    place.is_reached(place.home.router.outside, outer_port(place.mapped()))


def test_a_lying_gateway_points_nobody_at_a_victim(lab: Lab) -> None:
    internet = lab.switch("internet", **WAN)
    victim, server_host = lab.host("victim", internet), lab.host("server", internet)
    flat = lab.switch("flat")
    router = lab.router("home", wan=internet, lan=flat, nat=nat.home)
    inside = router.interfaces["eth1"].v4.ip
    liar = router.start([sys.executable, Path(__file__).with_name("lying_gateway.py"), str(inside), str(victim.ip)])
    liar.wait_for("ready")
    server = Server(server_host, lab.folder)
    server.start()
    machines = [Machine(lab.host(name, flat), lab.folder) for name in "abc"]
    a, b, _ = machines
    with victim.capture() as capture:
        for machine in machines:
            machine.up(server, server.key())
        for lie in ("claimed the victim", "redirected", "sent 10 MB", "pointed elsewhere"):
            liar.wait_for(lie)
        assert "pong from b" in a.run("ping", "b", "-c", "1").stdout
        assert "pong from c" in b.run("ping", "c", "-c", "1").stdout
    at_victim = [one for one in capture.packets if one.destination == victim.ip and one.source == router.outside]
    assert len(at_victim) <= 5 * 3 * 2, "at most five probes of each to each"
    assert all(one.protocol == UDP for one in at_victim), "no description of a gateway is fetched elsewhere"
    for machine in machines:
        pid = machine.daemon_pid()
        assert pid is not None
        peak_kb = int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
        assert peak_kb < 80_000, "10 MB are not taken in"
        log = (machine.state / "daemon.log").read_text()
        assert "Traceback" not in log
