"""What a listener on the wire sees of two machines, from before they join until they are down again.

Nothing but WireGuard's four messages in their exact shapes, probes whose tags verify under the machines' path keys, the
sessions with the server, and what its relay is asked. Nothing that was sent inside, no address from inside, no nonce
used twice.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.packet import TCP, UDP, Packet
from tests.netlab.relay_wire import CONTROL, DATA, HANDSHAKE
from tests.netlab.until import until

from warren.errors import WarrenError
from warren.node import keys as node_keys
from warren.node.keys import NodeKeys
from warren.node.plan import TUNNEL_MTU
from warren.node.storage import Store
from warren.protocol.peer.probe import ProbeKey, decode_probe, probe_key

pytestmark = pytest.mark.netlab

MARKER = b"meet me at the oak at nine"
SERVER_PORT, RELAY_PORT = 8443, 3478
ECHO = """
import socket
with socket.create_server(("", 5001)) as listener:
    print("listening", flush=True)
    end, _ = listener.accept()
    while data := end.recv(1 << 16):
        end.sendall(data)
"""
ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], 5001), 10) as to:
    for _ in range(50):
        to.sendall(sys.argv[2].encode() * 100)
        got = 0
        while got < len(sys.argv[2]) * 100:
            got += len(to.recv(1 << 16))
"""


def keys_of(machine: Machine) -> NodeKeys:
    (folder,) = (machine.state / "networks").iterdir()
    return node_keys.load(Store(folder, lambda damage: pytest.fail(str(damage))))


def probe_keys(machines: Sequence[Machine], network: bytes) -> list[ProbeKey]:
    """The keys of both directions, from the machines' own files."""
    a, b = (keys_of(machine) for machine in machines)
    return [
        probe_key(
            own=sender.path,
            peer_path_key=receiver.path.public,
            network=network,
            sender=sender.identity.public,
            receiver=receiver.identity.public,
        )
        for sender, receiver in ((a, b), (b, a))
    ]


def is_wireguard(payload: bytes) -> bool:
    """Exactly one of the paper's messages (5.4): initiation, response, cookie reply, data.

    Data is padded to 16 bytes, but never over the MTU.
    """
    kind = payload[:4]
    if kind == b"\4\0\0\0":
        inner = len(payload) - 32
        return 0 <= inner <= TUNNEL_MTU and (inner % 16 == 0 or inner == TUNNEL_MTU)
    return {b"\1\0\0\0": 148, b"\2\0\0\0": 92, b"\3\0\0\0": 64}.get(kind) == len(payload)


def is_stun(payload: bytes) -> bool:
    """RFC 8489, 5: two zero bits and the magic cookie."""
    return payload[:1] < b"\x40" and payload[4:8] == bytes.fromhex("2112a442")


def is_relays(payload: bytes) -> bool:
    """Data, a sealed letter, or the beginning of a session with a relay."""
    return payload[:1] in {bytes([kind]) for kind in (DATA, CONTROL, HANDSHAKE)}


def is_probe(payload: bytes, keys: Sequence[ProbeKey]) -> bool:
    """A probe whose tag verifies under one of the keys."""
    for key in keys:
        try:
            decode_probe(payload, key)
        except WarrenError:
            continue
        return True
    return False


def test_from_joining_to_the_end_only_wireguard_and_authenticated_probes_pass(lab: Lab) -> None:
    lan = lab.switch()
    server = Server(lab.host("server", lan), lab.folder)
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
    server.start()
    with a.host.capture() as capture:
        key = server.key("--reusable")
        a.up(server, key)
        b.up(server, key)
        b.run("ping", "a", "-c", "1")
        inside = [*a.status()["self"]["addresses"], *b.status()["self"]["addresses"]]
        network = bytes.fromhex(a.status()["networks"][0]["id"])
        echo = b.host.start([sys.executable, "-c", ECHO])
        echo.wait_for("listening")
        for address in b.status()["self"]["addresses"]:
            a.host.run(["ping", "-c1", "-W5", address])
        a.host.run([sys.executable, "-c", ASK, b.status()["self"]["addresses"][0], MARKER.decode()])
        probes = probe_keys((a, b), network)
        for machine in (a, b):
            machine.run("down")
    packets = [packet.quoted or packet for packet in capture.packets if not packet.is_neighbour_talk]
    between = [packet for packet in packets if server.host.ip not in {packet.source, packet.destination}]
    assert [str(p) for p in between if not _is_ours(p, probes)] == []
    with_server = [packet for packet in packets if packet not in between]
    assert [str(p) for p in with_server if not _is_servers(p)] == []
    assert {p.protocol for p in with_server} == {TCP, UDP}
    assert not [p for p in packets if MARKER in p.payload]
    assert not {ip_address(address) for address in inside} & {end for p in packets for end in (p.source, p.destination)}
    assert sum(is_probe(p.payload, probes) for p in between) >= 2
    assert sum(len(p.payload) for p in between if p.payload[:1] == b"\4") > 2 * 50 * 100 * len(MARKER)
    assert _reused_nonces(between) == []


def _is_ours(packet: Packet, probes: Sequence[ProbeKey]) -> bool:
    return packet.protocol == UDP and (is_wireguard(packet.payload) or is_probe(packet.payload, probes))


def _is_servers(packet: Packet) -> bool:
    """The session's port; or STUN and the relay's frames, by their shape, on the port that they share."""
    ports = {packet.source_port, packet.destination_port}
    if packet.protocol == TCP:
        return SERVER_PORT in ports
    return packet.protocol == UDP and RELAY_PORT in ports and (is_stun(packet.payload) or is_relays(packet.payload))


def _reused_nonces(packets: Sequence[Packet]) -> list[bytes]:
    """Receiver index and counter of data messages, where one pair was seen twice."""
    seen = Counter(packet.payload[4:16] for packet in packets if packet.payload[:1] == b"\4")
    return [nonce for nonce, times in seen.items() if times > 1]


def test_when_the_daemon_is_killed_nothing_for_the_mesh_goes_out_in_the_clear(lab: Lab) -> None:
    internet, home = lab.switch(v4="203.0.113.0/24", v6="2001:db8::/64"), lab.switch()
    lab.router("router", wan=internet, lan=home)  # a default route, by which it could go
    server = Server(lab.host("server", internet), lab.folder)
    a, b = (Machine(lab.host(name, home), lab.folder) for name in ("a", "b"))
    server.start()
    key = server.key("--reusable")
    a.up(server, key)
    b.up(server, key)
    addresses = b.status()["self"]["addresses"]
    pid = a.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: a.daemon_pid() is None, "the killed daemon is gone")
    with a.host.capture() as capture:
        for address in addresses:
            refused = a.host.run(["ping", "-c1", "-W1", address], check=False)
            assert refused.returncode != 0
        a.host.run(["ping", "-c1", "-W2", str(server.host.ip)])
    ends = {end for packet in capture.packets for end in (packet.source, packet.destination)}
    assert server.host.ip in ends
    assert not {ip_address(address) for address in addresses} & ends


def test_a_machine_whose_own_network_is_the_prefix_is_refused_and_keeps_it(lab: Lab) -> None:
    lan = lab.switch()
    server = Server(lab.host("server", lan), lab.folder)
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
    server.start()
    a.up(server, server.key())
    key = server.key()
    own = ip_address(a.status()["self"]["addresses"][0])
    b.host.ip_batch("link add docker0 type bridge", f"addr add {own + 7}/24 dev docker0", "link set docker0 up")
    until(lambda: "tentative" not in b.host.run(["ip", "addr", "show", "docker0"]).stdout, "its own address is settled")
    before = b.host.snapshot()
    done = b.run("up", "--server", server.url, "--auth-key", key, "--hostname", "b", check=False)
    assert done.returncode == 1
    assert "E_ADDRESS_COLLISION" in done.stderr
    assert "docker0" in done.stderr
    assert before.difference(b.host.snapshot()) == []
    b.host.ip_batch("link del docker0")
    b.up(server, key)  # a single use, which the refusal did not cost
