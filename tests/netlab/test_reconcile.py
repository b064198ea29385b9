"""On a real host: what the reconciler puts is there, survives kill -9 in the middle, and leaves nothing behind."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.process import Process

pytestmark = pytest.mark.netlab

READY_S = 20.0
CHANGES = 3 + 2 + 3 + 3  # blackholes, links, addresses and routes of the two networks of reconciling.py


def program(state: Path, *words: str) -> list[str | Path]:
    return [sys.executable, "-m", "tests.netlab.reconciling", state, *words]


def start(host: Host, state: Path, *words: str) -> Process:
    return host.start(program(state, *words))


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host with a router, so that there are routes of others."""
    lan = lab.switch()
    lab.router("router", wan=lab.switch(), lan=lan)
    return lab.host("a", lan)


def lines(host: Host, *argv: str) -> list[str]:
    return [line.strip() for line in host.run(argv).stdout.splitlines()]


def test_the_plan_stands_on_the_host_and_undo_leaves_no_trace(host: Host, tmp_path: Path) -> None:
    before = host.snapshot()
    daemon = start(host, tmp_path, "up")
    daemon.wait_for("settled", READY_S)
    v4, v6 = lines(host, "ip", "route"), lines(host, "ip", "-6", "route")
    assert "100.96.0.0/16 dev warren0 proto 87 scope link src 100.96.0.2 metric 1" in v4
    assert "blackhole 100.96.0.0/16 proto 87 metric 4278198272" in v4
    assert "blackhole 100.97.0.0/16 proto 87 metric 4278198272" in v4
    assert any(line.startswith("blackhole fd77:7272:656e::/64") and "metric 4278198272" in line for line in v6)
    link = host.run(["ip", "-d", "addr", "show", "warren0"]).stdout
    assert all(word in link for word in ("mtu 1400", "inet 100.96.0.2/32", "inet6 fd77:7272:656e::2/128", ",UP,"))
    assert "fe80" not in link
    assert daemon.stop() == 0
    assert before.difference(host.snapshot()) == []


def test_when_the_daemon_is_killed_the_mesh_leads_nowhere_and_the_rest_goes_on(host: Host, tmp_path: Path) -> None:
    before = host.snapshot()
    daemon = start(host, tmp_path, "up")
    daemon.wait_for("settled", READY_S)
    daemon.kill()
    assert "Invalid argument" in host.run(["ping", "-c1", "-W1", "100.96.0.7"], check=False).stderr
    host.run(["ping", "-c1", "-W2", "10.200.1.10"])
    assert lines(host, "ip", "-br", "link", "show", "type", "tun") == []
    undone = host.run(program(tmp_path, "undo"))
    assert undone.stdout == "settled 3\n"
    assert before.difference(host.snapshot()) == []


def test_killed_at_any_change_it_heals_and_undoes(host: Host, tmp_path: Path) -> None:
    before = host.snapshot()
    # dead after a change is dead before the next one, except for the last
    for side, number in [*(("before", number) for number in range(CHANGES)), ("after", CHANGES - 1)]:
        killed = start(host, tmp_path, "up", side, str(number))
        with pytest.raises(RuntimeError, match="ended"):
            killed.wait_for("settled", READY_S)
        assert killed.wait(READY_S) == -signal.SIGKILL, killed.output()
        healing = start(host, tmp_path, "up")
        healing.wait_for("settled", READY_S)
        assert len(lines(host, "ip", "-br", "link", "show", "type", "tun")) == 2
        assert healing.stop() == 0, healing.output()
        assert before.difference(host.snapshot()) == []
    spared = start(host, tmp_path, "up", "before", str(CHANGES))
    spared.wait_for("settled", READY_S)
    assert spared.stop() == 0


@pytest.mark.parametrize(
    "cage",
    [
        pytest.param(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"], id="without CAP_NET_ADMIN"),
        pytest.param(
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /dev/net && exec "$@"', "sh"], id="without /dev/net/tun"
        ),
    ],
)
def test_without_rights_for_the_tun_it_says_so_and_leaves_nothing(
    host: Host, tmp_path: Path, cage: Sequence[str]
) -> None:
    before = host.snapshot()
    daemon = host.start([*cage, *program(tmp_path, "up")])
    assert "E_NO_TUN_RIGHTS" in daemon.wait_for("failure", READY_S)
    daemon.wait_for("failed", READY_S)
    assert before.difference(host.snapshot()) == []
    assert daemon.stop() == 0


def test_changes_of_links_addresses_and_routes_are_noticed(host: Host, tmp_path: Path) -> None:
    watcher = start(host, tmp_path, "watch")
    watcher.wait_for("watching", READY_S)
    changes = [
        "link add left type bridge",
        "addr add 192.0.2.1/24 dev left",
        "route add 198.51.100.0/24 via 10.200.1.10",
        "-6 route add 2001:db8:7::/64 dev eth0",
        "addr add 2001:db8:8::1/64 dev eth0",
    ]
    for number, change in enumerate(changes, 1):
        host.run(["ip", *change.split()])
        watcher.wait_for("changed", times=number)
