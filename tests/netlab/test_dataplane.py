"""Two hosts, the real engine and no server: what the node's data plane promises holds on the wire."""

import sys
from pathlib import Path

import pytest
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.packet import UDP
from tests.netlab.process import Process
from tests.netlab.tunnelling import ADDRESSES, PORT

pytestmark = pytest.mark.netlab

READY_S = 20.0


@pytest.fixture
def pair(lab: Lab) -> tuple[Host, Host]:
    """Two hosts on one switch."""
    lan = lab.switch()
    return lab.host("a", lan), lab.host("b", lan)


def tunnel(host: Host, other: Host, tmp_path: Path, *, gate: str = "open", v6: bool = False) -> Process:
    endpoint = f"[{other.ip6}]:{PORT}" if v6 else f"{other.ip}:{PORT}"
    argv: list[str | Path] = [
        sys.executable, "-m", "tests.netlab.tunnelling", tmp_path / host.name, host.name, other.name, endpoint, gate,
    ]  # fmt: skip
    process = host.start(argv)
    process.wait_for(f"up {PORT}", READY_S)
    return process


@pytest.mark.parametrize("v6", [False, True], ids=["over IPv4", "over IPv6"])
def test_both_families_pass_a_tunnel_and_only_wireguard_passes_the_wire(
    pair: tuple[Host, Host], tmp_path: Path, v6: bool  # noqa: FBT001 - a parameter of the table
) -> None:  # fmt: skip
    a, b = pair
    with a.capture() as capture:
        tunnels = [tunnel(a, b, tmp_path, v6=v6), tunnel(b, a, tmp_path, v6=v6)]
        for process in tunnels:
            process.wait_for("HandshakeDone", READY_S)
            process.wait_for("PongReceived", READY_S)
        for address in ADDRESSES["b"]:
            a.run(["ping", "-c3", "-i0.1", "-W2", "-s1300", address])
    # the first to start speaks to a closed port, and the other's kernel says so
    datagrams = [packet.quoted or packet for packet in capture.packets if not packet.is_neighbour_talk]
    assert len(datagrams) >= 12
    assert {p.protocol for p in datagrams} == {UDP}
    assert {(p.source_port, p.destination_port) for p in datagrams} == {(PORT, PORT)}
    assert {p.payload[:4] for p in datagrams} <= {bytes([kind, 0, 0, 0]) for kind in (1, 2, 4)}
    assert {p.source for p in datagrams} == ({a.ip6, b.ip6} if v6 else {a.ip, b.ip})
    assert all(process.stop() == 0 for process in tunnels)


@pytest.mark.parametrize("shut", ["a", "b"])
def test_a_shut_gate_on_either_side_lets_nothing_through_though_the_session_stands(
    pair: tuple[Host, Host], tmp_path: Path, shut: str
) -> None:
    a, b = pair
    tunnels = {
        host.name: tunnel(host, other, tmp_path, gate="shut" if host.name == shut else "open")
        for host, other in ((a, b), (b, a))
    }
    for process in tunnels.values():
        process.wait_for("HandshakeDone", READY_S)
    assert a.run(["ping", "-c2", "-i0.2", "-W1", ADDRESSES["b"][0]], check=False).returncode == 1
    assert b.run(["ping", "-c2", "-i0.2", "-W1", ADDRESSES["a"][1]], check=False).returncode == 1
    assert "PongReceived" not in "".join(process.output() for process in tunnels.values())


def test_a_link_that_is_deleted_under_the_tunnel_is_told_and_leaves_nothing(
    pair: tuple[Host, Host], tmp_path: Path
) -> None:
    a, b = pair
    before = a.snapshot()
    process = tunnel(a, b, tmp_path)
    a.ip_batch("link del warren0")
    process.wait_for("TunnelFailed", READY_S)
    process.stop()
    a.run([sys.executable, "-m", "tests.netlab.reconciling", tmp_path / "a", "undo"])
    assert before.difference(a.snapshot()) == []
