"""What a running daemon keeps true of its host: meddling is healed, networks stay apart, overlaps are refused."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults import figures
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.snapshot import Snapshot
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

HEALED_S = 2.0  # F6 and F14 of the fault list
CLUB_PREFIX = "10.77.0.0/16"


class Joined:
    """A server and one machine that is in its default network."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.lan = lab.switch()
        self.server = Server(lab.host("server", self.lan), lab.folder)
        self.a = Machine(lab.host("a", self.lan), lab.folder)
        self.server.start()
        self.untouched = self.a.host.snapshot()
        self.a.up(self.server, self.server.key())

    def create(self, name: str, prefix: str) -> str:
        """Another network on the server; a key for it."""
        words: list[str | Path] = [WARREN, "network", "create", name, "--prefix", prefix, "--server", self.server.data]
        self.server.host.run(words)
        return self.server.key("--network", name)


@pytest.fixture
def joined(lab: Lab) -> Joined:
    return Joined(lab)


def without_link_numbers(snapshot: Snapshot) -> Snapshot:
    """A link that was made again has another number."""
    return Snapshot(frozenset(fact for fact in snapshot.facts if fact[0] not in {"link", "address", "sysctl"}))


def until_same(
    before: Snapshot, host: Host, what: str, look: Callable[[Snapshot], Snapshot] = lambda found: found
) -> None:
    """Wait until the host is as planned again, by a look that began within the bound: a look itself takes its time."""
    began = looked_at = time.monotonic()

    def is_same() -> bool:
        nonlocal looked_at
        looked_at = time.monotonic()
        return before.difference(look(host.snapshot())) == []

    until(is_same, f"after {what} the host is as planned again")
    figures.note(f"F6 and F14: a host is healed after {what}", looked_at - began, HEALED_S)


MEDDLINGS = {
    "addresses flushed": ["ip addr flush dev warren0"],
    "our routes flushed": ["ip route flush dev warren0 proto 87", "ip -6 route flush dev warren0 proto 87"],
    "blackholes flushed": ["ip route flush type blackhole", "ip -6 route flush type blackhole"],
    "another MTU": ["ip link set warren0 mtu 1280"],
    "set down": ["ip link set warren0 down"],
}


def test_what_another_program_takes_away_comes_back(joined: Joined) -> None:
    host = joined.a.host
    before = host.snapshot()
    for name, commands in MEDDLINGS.items():
        for command in commands:
            host.run(command.split())
        until_same(before, host, name)
    joined.a.run("down")
    assert joined.untouched.difference(host.snapshot()) == []


def test_a_deleted_link_comes_back_with_all_on_it(joined: Joined) -> None:
    host = joined.a.host
    before = without_link_numbers(host.snapshot())
    host.run(["ip", "link", "del", "warren0"])
    until_same(before, host, "a deleted link", without_link_numbers)
    joined.a.run("down")
    assert joined.untouched.difference(host.snapshot()) == []


def test_a_machine_without_ipv6_has_the_ipv4_half_and_hears_why(joined: Joined) -> None:
    other = Machine(joined.lab.host("b", joined.lan), joined.lab.folder)
    for scope in ("all", "default"):
        other.host.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", "1")
    before = other.host.snapshot()
    other.up(joined.server, joined.server.key())
    assert "pong from a" in other.run("ping", "a", "-c", "1").stdout
    other.host.run(["ping", "-c1", "-W2", joined.a.status()["self"]["addresses"][0]])
    until(
        lambda: [(one["code"], "IPv6" in one["fix"]) for one in other.status()["health"]] == [("E_HOST_REFUSED", True)],
        "it says why it has no IPv6, and nothing else",
    )
    other.run("down")
    assert before.difference(other.host.snapshot()) == []


def test_two_networks_of_one_machine_are_left_one_by_one(joined: Joined) -> None:
    before = joined.a.host.snapshot()
    joined.a.up(joined.server, joined.create("club", CLUB_PREFIX))
    status = joined.a.status()
    assert sorted(network["name"] for network in status["networks"]) == ["club", "default"]
    assert len({network["self"]["identity"] for network in status["networks"]}) == 2
    assert "warren1" in joined.a.host.run(["ip", "route", "show", CLUB_PREFIX]).stdout
    joined.a.run("leave", "--network", "club", "--yes")
    assert before.difference(joined.a.host.snapshot()) == []


def test_a_network_that_overlaps_another_is_refused_by_the_others_name_and_changes_nothing(joined: Joined) -> None:
    joined.a.up(joined.server, joined.create("club", CLUB_PREFIX))
    key = joined.create("annex", "10.77.8.0/22")
    before = joined.a.host.snapshot()
    done = joined.a.run("up", "--server", joined.server.url, "--auth-key", key, "--hostname", "a", check=False)
    assert done.returncode == 1
    assert "E_ADDRESS_COLLISION" in done.stderr
    assert "network club uses 10.77.0.0/16" in done.stderr
    assert before.difference(joined.a.host.snapshot()) == []
    assert len(joined.a.status()["networks"]) == 2
