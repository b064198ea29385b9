"""`wg` and `wg-quick`, as Debian has them, drive a device of ours; and look at one that the daemon manages."""

import base64
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.faults import figures
from tests.interop import uapi
from tests.interop.wireguard_go import WireguardGo
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.process import Process
from tests.netlab.tun import need_tun
from tests.netlab.until import until

from warren.model.keys import ExchangeKeyPair

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not shutil.which("wg"), reason="needs wg (Debian: wireguard-tools)"),
]
PROGRAM = WARREN.with_name("warren-wg")
PORT = 51820
MANY = 65_000
MANY_S = 10.0  # to read, check and set so many prefixes, beside other tests


def keys() -> tuple[ExchangeKeyPair, str]:
    """A pair, and its private key as `wg` writes it."""
    pair = ExchangeKeyPair(os.urandom(32))
    return pair, text(pair.private_bytes().reveal())


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


class Device:
    """A `warren wg` on a host, in the foreground."""

    def __init__(self, host: Host, link: str) -> None:
        need_tun()
        self.host, self.link = host, link
        self.pair, self._private = keys()
        self.process: Process = host.start([WARREN, "wg", "--foreground", link])
        self.process.wait_for("is there")

    def wg(self, *words: str, check: bool = True, stdin: str = "") -> str:
        done = self.host.run(["wg", *words], check=check, stdin=stdin)
        return done.stdout + done.stderr

    def set(self, *words: str) -> None:
        self.wg("set", self.link, *words)

    def begin(self, port: int, address: str) -> None:
        """Its key, port and address, and up."""
        self.wg("set", self.link, "listen-port", str(port), "private-key", "/dev/stdin", stdin=self._private)
        self.host.ip_batch(f"addr add {address} dev {self.link}", f"link set {self.link} up")

    def dump(self) -> list[list[str]]:
        return [line.split("\t") for line in self.wg("show", self.link, "dump").splitlines()]

    def reaches(self, address: str) -> bool:
        return self.host.run(["ping", "-n", "-c1", "-W1", address], check=False).returncode == 0


def test_wg_drives_a_device_that_speaks_with_a_stock_one(lab: Lab, wireguard_go: Path) -> None:
    lan = lab.switch()
    ours, theirs = lab.host("ours", lan), lab.host("theirs", lan)
    stock_key, _ = keys()
    device = Device(ours, "wg0")
    device.begin(PORT, "10.77.0.1/24")
    stock = WireguardGo.start(wireguard_go, theirs, "stock0", stock_key.private_bytes().reveal(), PORT)
    stock.set_peer(device.pair.public, "10.77.0.1/32")
    theirs.ip_batch("addr add 10.77.0.2/24 dev stock0", "link set stock0 up")
    peer = text(stock_key.public)
    device.set("peer", peer, "allowed-ips", "10.77.0.2/32", "endpoint", f"{theirs.ip}:{PORT}")
    until(lambda: device.reaches("10.77.0.2"), "the stock peer answers")

    own, (key, preshared, endpoint, allowed, handshake, received, sent, keepalive) = device.dump()
    assert own[1:3] == [text(device.pair.public), str(PORT)]
    assert (key, preshared, endpoint) == (peer, "(none)", f"{theirs.ip}:{PORT}")
    assert (allowed, keepalive) == ("10.77.0.2/32", "off")
    assert min(int(handshake), int(received), int(sent)) > 0

    device.set("listen-port", str(PORT + 7))
    until(lambda: device.reaches("10.77.0.2"), "the stock peer follows to another port")
    device.set("fwmark", "0x77", "peer", peer, "persistent-keepalive", "25", "allowed-ips", "10.77.0.2/32,10.78.0.0/16")
    shown = device.wg("showconf", "wg0")
    for line in (f"ListenPort = {PORT + 7}", "FwMark = 0x77", "PersistentKeepalive = 25", "10.78.0.0/16"):
        assert line in shown
    device.wg("syncconf", "wg0", "/dev/stdin", stdin=shown.replace("10.78.0.0/16", "10.79.0.0/16"))
    assert "10.79.0.0/16" in device.wg("show", "wg0", "allowed-ips")
    until(lambda: device.reaches("10.77.0.2"), "it still answers")

    device.set("peer", peer, "remove")
    assert len(device.dump()) == 1
    assert not device.reaches("10.77.0.2")


def test_a_peer_on_this_link_alone_is_reached_and_a_link_may_get_another_name(lab: Lab) -> None:
    lan = lab.switch()
    ours, theirs = Device(lab.host("ours", lan), "wg0"), Device(lab.host("theirs", lan), "wg1")
    ours.begin(PORT, "10.77.0.1/24")
    theirs.begin(PORT, "10.77.0.2/24")
    theirs.host.ip_batch("addr add fe80::2/64 dev eth0 nodad")
    theirs.set("peer", text(ours.pair.public), "allowed-ips", "10.77.0.1/32")
    peer, endpoint = text(theirs.pair.public), f"[fe80::2%eth0]:{PORT}"
    ours.set("peer", peer, "allowed-ips", "10.77.0.2/32", "endpoint", endpoint)
    until(lambda: ours.reaches("10.77.0.2"), "the peer answers on the link")
    assert ours.dump()[1][2] == endpoint
    ours.host.ip_batch("link set wg0 down", "link set wg0 name office", "link set office up")
    ours.link = "office"
    until(lambda: peer in ours.wg("show", "office", "peers", check=False), "wg finds it by its new name")
    assert "wg0" not in ours.wg("show", "interfaces").split()
    until(lambda: ours.reaches("10.77.0.2"), "it goes on")


def test_a_mark_is_on_what_is_sent(lab: Lab) -> None:
    lan = lab.switch()
    device = Device(lab.host("ours", lan), "wg0")
    device.host.nft(
        "table inet seen {\ncounter marked { }\n"
        "chain out {\ntype filter hook output priority 0\nmeta mark 0x4d counter name marked\n}\n}\n"
    )
    peer, _ = keys()
    device.begin(PORT, "10.77.0.1/24")
    device.set("peer", text(peer.public), "allowed-ips", "10.77.0.2/32", "endpoint", f"{lab.host('there', lan).ip}:9")

    def marked() -> int:
        found = re.search(
            r"packets (\d+)", device.host.run(["nft", "list", "counter", "inet", "seen", "marked"]).stdout
        )
        return int(found[1]) if found else 0

    device.reaches("10.77.0.2")
    assert marked() == 0
    device.set("fwmark", "0x4d", "listen-port", str(PORT + 1))
    until(lambda: device.reaches("10.77.0.2") or marked() > 0, "a marked datagram")


def test_very_many_allowed_prefixes_are_loaded(lab: Lab) -> None:
    device = Device(lab.host("ours", lab.switch()), "wg0")
    peer, _ = keys()
    _, private = keys()
    prefixes = [f"10.{number >> 8}.{number & 255}.0/25" for number in range(MANY)]
    config = f"[Interface]\nPrivateKey = {private}\n[Peer]\nPublicKey = {text(peer.public)}\n"
    config += "".join(f"AllowedIPs = {','.join(prefixes[at : at + 100])}\n" for at in range(0, MANY, 100))
    with figures.within(MANY_S, f"wg setconf with {MANY} prefixes"):
        device.host.run(["wg", "setconf", "wg0", "/dev/stdin"], stdin=config, timeout_s=MANY_S * 10)
    shown = device.wg("show", "wg0", "allowed-ips")
    assert len(shown.split()) == MANY + 1
    assert shown.split()[-1] == prefixes[-1]


def test_wg_quick_starts_and_ends_it(lab: Lab) -> None:
    host = lab.host("ours", lab.switch())
    if host.run(["ip", "link", "add", "probe0", "type", "wireguard"], check=False).returncode == 0:
        pytest.skip("this kernel has WireGuard, which wg-quick prefers")
    need_tun()
    before = host.snapshot()
    _, private = keys()
    peer, _ = keys()
    config = host.folder / "wgq0.conf"
    config.write_text(
        f"[Interface]\nPrivateKey = {private}\nAddress = 10.66.0.1/24, fd66::1/64\nMTU = 1380\nListenPort = 51999\n"
        f"[Peer]\nPublicKey = {text(peer.public)}\nAllowedIPs = 10.66.0.2/32, 10.67.0.0/16\n"
    )
    config.chmod(0o600)
    env = {**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": str(PROGRAM)}
    host.run(["wg-quick", "up", config], env=env)
    assert "listening port: 51999" in host.run(["wg", "show", "wgq0"]).stdout
    assert "mtu 1380" in host.run(["ip", "link", "show", "wgq0"]).stdout
    assert "10.67.0.0/16 dev wgq0" in host.run(["ip", "route"]).stdout
    device = host.pids()
    assert len(device) == 1
    host.run(["wg-quick", "down", config], env=env)
    until(lambda: not host.pids(), "the device ended with its link")
    assert host.run(["ls", "/run/wireguard"]).stdout == ""
    assert host.snapshot() == before


def test_what_cannot_be_is_refused_with_its_reason_and_changes_nothing(lab: Lab) -> None:
    device = Device(lab.host("ours", lab.switch()), "wg0")
    device.begin(PORT, "10.77.0.1/24")
    before = device.wg("showconf", "wg0")
    second = device.host.run([WARREN, "wg", "wg0"], check=False)
    assert (second.returncode, "wg0" in second.stderr) == (1, True)
    assert device.host.run([WARREN, "wg", "much-too-long-a-name"], check=False).returncode == 1
    ask = [sys.executable, "-I", "-S", str(uapi.__file__), "/run/wireguard/wg0.sock"]
    for request in ("set=1\nlisten_port=1\nhello=1\n", "put=1\n", "set=1\npublic_key=00\n", "x" * 10_000 + "\n"):
        assert re.fullmatch(r"errno=-\d+", device.host.run(ask, stdin=request).stdout), request[:40]
    assert device.wg("showconf", "wg0") == before
    taken = device.host.udp((str(device.host.ip), 4444))
    assert "Address already in use" in device.wg("set", "wg0", "listen-port", "4444", check=False)
    assert device.wg("showconf", "wg0") == before
    assert taken
    device.host.ip_batch("link del wg0")
    device.process.wait(30.0)


def test_wg_shows_what_the_daemon_manages_and_changes_none_of_it(lab: Lab) -> None:
    lan = lab.switch()
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in "ab")
    key = server.key("--reusable")
    a.up(server, key)
    b.up(server, key)
    b_address = b.status()["self"]["addresses"][0]
    until(lambda: a.host.run(["ping", "-c1", "-W1", b_address], check=False).returncode == 0, "b answers")
    (link,) = a.host.run(["wg", "show", "interfaces"]).stdout.split()
    own, peer = (line.split("\t") for line in a.host.run(["wg", "show", link, "dump"]).stdout.splitlines())
    assert (own[0], peer[1]) == ("(none)", "(none)"), "no secret is shown"
    assert b_address in peer[3]
    assert int(peer[4]) > 0
    refused = a.host.run(["wg", "set", link, "listen-port", "1"], check=False)
    assert refused.returncode == 1
    assert "not permitted" in refused.stderr
    a.run("down")
    assert a.host.run(["wg", "show", "interfaces"], check=False).stdout.split() == []
