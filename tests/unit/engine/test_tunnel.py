"""Real tunnels on real links, through the face: what the node relies on."""

import errno
import os
import sys
from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

import pytest
from tests.interop.engine import Engine, EngineRefusal
from tests.netlab.lab import Host, Lab, LabUnavailable
from tests.netlab.until import until

from warren.engine.errors import InvalidError
from warren.engine.tunnel import Tunnel
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

pytestmark = pytest.mark.netlab

TOKEN = 2**63 + 5


def _key() -> ExchangeKeyPair:
    return ExchangeKeyPair(os.urandom(32))


def _open(host: Host, pair: ExchangeKeyPair, link: str = "warren%d", port: int = 0) -> Engine:
    return Engine(host, link, pair.private_bytes().reveal(), port=port)


class _Two:
    """Two hosts with a tunnel each that know each other; only `a` knows where the other is."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch()
        self.hosts = lab.host("a", lan), lab.host("b", lan)
        keys = _key(), _key()
        self.a, self.b = _open(self.hosts[0], keys[0]), _open(self.hosts[1], keys[1])
        there = str(Endpoint(self.hosts[1].ip, self.b.port))
        self.a.set_peer(keys[1].public, "10.77.0.2/32,fd77::2/128", endpoint=there)
        self.b.set_peer(keys[0].public, "10.77.0.1/32,fd77::1/128", mode="ROAM")
        self.a.up(ip_interface("10.77.0.1/24"), ip_interface("fd77::1/64"))
        self.b.up(ip_interface("10.77.0.2/24"), ip_interface("fd77::2/64"))

    def __enter__(self) -> "_Two":
        return self

    def __exit__(self, *_: object) -> None:
        self.a.end()
        self.b.end()

    def ping(self, address: str) -> bool:
        return self.hosts[0].run(["ping", "-c1", "-W2", address], check=False).returncode == 0


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One without a peer, for what is refused."""
    try:
        lab = Lab(tmp_path_factory.mktemp("lab"))
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    with lab, _open(lab.host("a", lab.switch()), _key()) as engine:
        yield engine


def test_two_tunnels_in_two_namespaces_ping_over_ipv4_and_ipv6(lab: Lab) -> None:
    with _Two(lab) as two:
        assert two.ping("10.77.0.2")
        assert two.ping("fd77::2")
        stats = two.b.ask("peer_stats")
        assert stats["session_alive"]
        assert stats["rx_bytes"] > 0
        assert stats["last_handshake_s"] is not None
        assert stats["place"] == str(Endpoint(two.hosts[0].ip, two.a.port))


def test_a_shut_gate_stops_packets_and_pings_at_once(lab: Lab) -> None:
    with _Two(lab) as two:
        assert two.ping("10.77.0.2")
        two.b.ask("set_gate", {"is_open": False})
        assert not two.ping("10.77.0.2")
        assert two.b.ask("counters")["drop_gate_in"] > 0
        two.b.ask("set_gate", {"is_open": True})
        assert two.ping("10.77.0.2")


def test_a_ping_inside_the_session_comes_back_with_its_token_and_its_time(lab: Lab) -> None:
    with _Two(lab) as two:
        two.a.ask("ping", TOKEN)
        _peer, token, rtt_s, place = two.a.wait_for("Pong")
        assert token == TOKEN
        assert 0 < rtt_s < 5
        assert place == str(Endpoint(two.hosts[1].ip, two.b.port))


def test_a_link_that_somebody_deletes_ends_the_tunnel_with_an_event(lab: Lab) -> None:
    with _Two(lab) as two:
        two.hosts[0].ip_batch(f"link del {two.a.link}")
        (number,) = two.a.wait_for("WorkerFailed")
        assert number == errno.EBADFD
        with pytest.raises(EngineRefusal, match="ClosedError") as refusal:
            two.a.ask("initiate")
        assert refusal.value.errno == errno.EBADF


def test_a_network_that_refuses_is_told_once_and_counted_each_time(lab: Lab) -> None:
    with _Two(lab) as two:
        for _ in range(20):
            two.a.ask("send", "203.0.113.9:9", b"nobody is there".hex())
        peer, number, place = two.a.wait_for("SendFailed")
        assert (peer, number, place) == (None, errno.ENETUNREACH, "203.0.113.9:9")
        # commands of the queue: the last datagram may still be on its way to the socket
        until(lambda: two.a.ask("counters")["drop_send_failed"] == 20, "each of the twenty is counted")
        with pytest.raises(TimeoutError):
            two.a.wait_for("SendFailed", 0.1)


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (["set_peer", "00" * 31, "10.0.0.0/8", "", "", "ROAM", "wireguard"], "InvalidError"),
        (["set_peer", "11" * 96, "10.0.0.0/8", "", "", "ROAM", "wireguard"], "InvalidError"),
        (["set_peer", "11" * 32, "10.0.0.0/8", "22" * 33, "", "ROAM", "wireguard"], "InvalidError"),
        (["set_peer", "11" * 32, "10.0.0.0/8", "22" * 160, "", "ROAM", "wireguard"], "InvalidError"),
        (["set_peer", "00" * 32, "10.0.0.0/8", "", "", "ROAM", "wireguard"], "InvalidError"),
        (["set_probe_key", "00" * 7, "00" * 32], "InvalidError"),
        (["set_probe_key", "00" * 8, "00" * 31], "InvalidError"),
        (["expect_stun", "00" * 11, 1.0], "InvalidError"),
        (["send", "192.0.2.1:9", "00" * 1501], "InvalidError"),
        (["initiate"], "UnknownPeerError"),
        (["ping", 5], "UnknownPeerError"),
        (["peer_stats"], "UnknownPeerError"),
        (["set_gate", {"is_open": True}], "UnknownPeerError"),
    ],
    ids=lambda value: f"{value[0]}-{len(str(value))}" if isinstance(value, list) else value,
)
def test_what_the_engine_cannot_mean_is_refused_and_the_tunnel_goes_on(
    tunnel: Engine, call: list[Any], refusal: str
) -> None:
    with pytest.raises(EngineRefusal) as refused:
        tunnel.ask(*call)
    assert refused.value.name == refusal
    assert tunnel.ask("counters")["tx_datagrams"] == 0


@pytest.mark.parametrize("workers", ["1", "4"])
def test_after_close_link_and_port_are_free(lab: Lab, workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARREN_WORKERS", workers)
    host = lab.host("a", lab.switch())
    with _open(host, _key(), "fixed0") as first:
        port = first.port
        with pytest.raises(EngineRefusal, match="PortError") as taken:
            _open(host, _key(), port=port)
        assert taken.value.errno == errno.EADDRINUSE
        with pytest.raises(EngineRefusal, match="TunError") as taken:
            _open(host, _key(), "fixed0")
        assert taken.value.errno == errno.EBUSY
        first.ask("close")
        assert host.run(["ip", "link", "show", "fixed0"], check=False).returncode != 0
        with _open(host, _key(), "fixed0", port=port) as second:
            assert (second.link, second.port) == ("fixed0", port)


def test_a_process_that_dies_leaves_no_link(lab: Lab) -> None:
    host = lab.host("a", lab.switch())
    with _open(host, _key(), "fixed0") as engine:
        os.kill(engine.pid, 9)
        until(lambda: host.run(["ip", "link", "show", "fixed0"], check=False).returncode != 0, "the link's end")


_REFUSED = """
import errno
from warren.engine import _native
for workers in (1, 4):
    try:
        _native.Tunnel(b"x%d", 1400, 0, bytes([1]) * 32, 0, 1, 0, workers)
    except _native.TunError as error:
        print(errno.errorcode[error.errno])
"""


def test_without_the_right_to_a_tun_the_error_is_the_tuns_and_says_eperm(lab: Lab) -> None:
    host = lab.host("a", lab.switch())
    refused = host.run(["setpriv", "--bounding-set=-net_admin", "--", sys.executable, "-c", _REFUSED])
    assert refused.stdout == "EPERM\n" * 2


def test_arguments_that_mean_nothing_are_refused_and_leave_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - descriptors, not files
    for mtu, keys in [(100, [_key()]), (70_000, [_key()]), (1400, [])]:
        with pytest.raises(InvalidError):
            Tunnel("x%d", mtu=mtu, port=0, keys=keys, stamp_floor_s=0, stamp_ceiling_s=1)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
