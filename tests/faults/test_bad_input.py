"""F19: malformed input on every port and socket there is. Nothing crashes or grows, traffic goes on.

The tunnel's port while a flow passes it; the relay's port (STUN and TURN are there too) while a flow passes the relay;
all that take connections at once: the public port with its pages and sessions, TURN's, the metrics', all sockets; a
public port with TLS, and a relay that stands alone, by UDP and by TLS; the sockets that ask a gateway for port mappings
and hear its announcements (one that lies is in `tests/netlab/test_port_mapping.py`).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.faults.figures import FULL, SEED, note, tell, times, within
from tests.faults.invariants import Untouched, broken_lines, open_files, shown_keys
from tests.faults.lying import memory_kib
from tests.netlab.conftest import made
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.machines import READY_S, WARREN, Machine, Server
from tests.netlab.process import Process
from tests.netlab.until import until

from warren.wire import pcp

pytestmark = pytest.mark.netlab

SECONDS = times(4, 100)  # for each of the three, so 5 minutes in full
RATE = times(3_000, 10_000)  # bad datagrams a second: in the short count three other cases share the two cores
FLOW = 500  # good packets a second, of which so many have to arrive
ARRIVE = 0.95
SENT = 0.95  # of the bad ones: less would show less
LINES_A_MINUTE = 10.0  # and source
MEMORY_MIB = 12.0
HELD_MORE = 8  # descriptors and threads; the noise makes hundreds of connections
LET_GO_S = 30.0  # what says nothing is closed after some seconds
ANSWER_S = 10.0
RELAY_PORT, METRICS_PORT = 3478, 9100

FLOW_SEND = """
import socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began, sent, rate, seconds = time.monotonic(), 0, int(sys.argv[2]), float(sys.argv[3])
while (passed := time.monotonic() - began) < seconds:
    while sent < passed * rate:
        out.sendto(bytes(800), (sys.argv[1], 5002))
        sent += 1
    time.sleep(0.002)  # the rate of a load generator, no wait for anything
print(sent)
"""
FLOW_COUNT = """
import socket
into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
into.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE: what this program is too late for is not the tunnel's
into.bind(("", 5002))
print("counting", flush=True)
count = 0
into.settimeout(60)  # a full machine starts the sender late
try:
    while into.recv(2048):
        count += 1
        into.settimeout(5)
except TimeoutError:
    print("counted", count, flush=True)
"""
TLS_ASK = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)) as inside:
    inside.sendall(b"GET / HTTP/1.1\\r\\nhost: %s:%s\\r\\n\\r\\n" % (sys.argv[1].encode(), sys.argv[2].encode()))
    print(inside.recv(100).decode())
"""
APART = """
table inet apart {{
  chain in {{ type filter hook input priority 0; iifname "eth*" meta l4proto udp ip saddr != {server} drop; \
    iifname "eth*" meta nfproto ipv6 meta l4proto udp drop; }}
  chain out {{ type filter hook output priority 0; oifname "eth*" meta l4proto udp ip daddr != {server} drop; \
    oifname "eth*" meta nfproto ipv6 meta l4proto udp drop; }}
}}
"""


class Field:
    """A server with all that it can serve, two machines that talk, one that only the relay reaches, and noise."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        secret = lab.folder / "turn-secret"
        secret.write_text("a secret that is long enough\n")
        self.server.flags = ("--turn-secret", f"file:{secret}", "--metrics-listen", f"0.0.0.0:{METRICS_PORT}")
        self.a, self.b, self.far = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b", "far"))
        self.noise: Host = lab.host("noise", lan)
        rules = lab.folder / "apart.nft"
        rules.write_text(APART.format(server=self.server.host.ip))
        self.far.host.run(["nft", "-f", rules])
        self.a.host.ip_batch(f"route add default via {self.noise.ip}")  # its gateway, which it asks for mappings
        self.untouched = Untouched(self.a, self.b, self.far)
        self.server.start()
        key = self.server.key("--reusable")
        for machine in (self.a, self.b, self.far):
            machine.up(self.server, key)
        self.b.run("ping", "a", "-c", "1", "--timeout", "30s")
        self.far.run("ping", "a", "-c", "1", "--timeout", "30s")
        assert self.server.process is not None
        self.logs = [self.server.process.log, self.a.state / "daemon.log"]
        children = Path(f"/proc/{self.server.process.pid}/task/{self.server.process.pid}/children")
        (front,) = children.read_text().split()
        daemon = self.a.daemon_pid()
        assert daemon is not None
        self.programs = {"the daemon": daemon, "the server": self.server.process.pid, "its front": int(front)}

    def start(self, where: Host, *words: str) -> Process:
        """Start noise; `words` are those of `noise.py`, up to the place."""
        rate = (str(RATE),) if words[0] in {"udp", "gateway"} else ()
        return where.start([sys.executable, "-m", "tests.faults.noise", *words, str(SECONDS), *rate, str(SEED)])

    def flow(self, sender: Machine) -> float:
        """The part of a flow to `a` that arrives, as long as the noise lasts (less a second)."""
        target = self.a.status()["self"]["addresses"][0]
        counting = self.a.host.start([sys.executable, "-c", FLOW_COUNT])
        counting.wait_for("counting")
        words = [sys.executable, "-c", FLOW_SEND, target, str(FLOW), str(SECONDS - 1)]
        sent = int(sender.host.run(words, timeout_s=SECONDS + 60).stdout)
        arrived = int(counting.wait_for("counted", SECONDS + 60).split()[1])
        counting.wait(60.0)
        return arrived / sent


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("noise")
    with made(folder, user_namespace=None) as lab:
        field = Field(lab)
        yield field
        assert field.untouched.left() == []
    assert open_files(folder) + shown_keys(folder) == []
    assert broken_lines(folder) == []


def grown_mib(pid: int, before_kib: int) -> float:
    """How much more it holds when it has let go, or cannot: a busy machine still has the last connections open."""

    def grown() -> float:
        return max(memory_kib(pid) - before_kib, 0) / 1024

    with suppress(TimeoutError):  # then what it holds is the answer
        until(lambda: grown() <= MEMORY_MIB, "it lets go of what it held", LET_GO_S)
    return grown()


@contextmanager
def flat(field: Field, what: str, *, sources: int = 1) -> Iterator[None]:
    """Around noise: every program stays, neither its memory nor its log grows, and all go on with their work."""
    before = {name: memory_kib(pid) for name, pid in field.programs.items()}
    held = {name: _held(pid) for name, pid in field.programs.items()}
    lines, shown = sum(map(_lines, field.logs)), field.a.status()["self"]
    yield
    for name, pid in field.programs.items():
        note(f"F19: memory of {name} after bad input on {what}", grown_mib(pid, before[name]), MEMORY_MIB, "MiB")
        allowed = held[name] + HELD_MORE
        until(lambda pid=pid, allowed=allowed: _held(pid) <= allowed, f"{name} lets go of what it opened", LET_GO_S)  # type: ignore[misc]
    written = sum(map(_lines, field.logs)) - lines
    bound = LINES_A_MINUTE * sources * max(SECONDS / 60, 1.0)
    note(f"F19: log lines for bad input on {what}", written, bound, "lines")
    assert field.a.status()["self"] == shown
    assert field.a.daemon_pid() == field.programs["the daemon"]
    until(lambda: field.a.status()["networks"][0]["server"]["state"] == "connected", "its session stands")
    with within(ANSWER_S, f"F19: after bad input on {what} the server makes a key and machines reach each other"):
        assert field.server.key().startswith("wk.")
        assert field.b.run("ping", "a", "-c", "1").returncode == 0
        assert field.far.run("ping", "a", "-c", "1").returncode == 0


def _held(pid: int) -> int:
    """Descriptors and threads of a program."""
    return sum(1 for what in ("fd", "task") for _ in Path(f"/proc/{pid}/{what}").iterdir())


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def flood(field: Field, sender: Machine, what: str, *words: str) -> None:
    """Bad datagrams while a flow passes; `words` are those of `noise.py`, up to the place."""
    with flat(field, what):
        sending = field.start(field.noise, *words)
        arrived = field.flow(sender)
        sending.wait(SECONDS + 60.0)
    took_s, sent = float(sending.output().split()[-2]), int(sending.output().split()[-1])
    note(f"F19: lost of a flow beside bad datagrams on {what}", 1 - arrived, 1 - ARRIVE, "of all")
    tell(f"F19: bad datagrams a second on {what}: {sent / took_s:.0f}")
    assert sent >= RATE * SECONDS * SENT, "the noise was not made"
    if FULL:  # beside other tests it may take longer; the count is the same
        assert sent / took_s >= RATE * SENT, "this machine is too busy to make the noise"


def test_ten_thousand_bad_datagrams_a_second_leave_the_tunnel_its_traffic(field: Field) -> None:
    (endpoints,) = field.a.state.glob("networks/*/endpoints.json")
    port = endpoints.read_text().split('"port":')[1].split(",")[0]
    flood(field, field.b, "the tunnel's port", "udp", str(field.a.host.ip), port)


def test_ten_thousand_bad_datagrams_a_second_leave_the_relay_its_traffic(field: Field) -> None:
    until(lambda: field.far.path_to("a").kind == "relay", "the far machine goes by the relay")
    flood(field, field.far, "the relay's port", "udp", str(field.server.host.ip), str(RELAY_PORT))
    until(lambda: field.far.path_to("a").kind == "relay", "it still goes by the relay")


def test_a_gateway_that_floods_the_sockets_for_port_mappings_leaves_the_tunnel_its_traffic(field: Field) -> None:
    asks = ["ss", "--udp", "--numeric", "--no-header", "dst", f"{field.noise.ip}:{pcp.SERVER_PORT}"]
    port = until(lambda: field.a.host.run(asks).stdout, "the gateway is asked").split()[3].rpartition(":")[2]
    flood(field, field.b, "the sockets for port mappings", "gateway", str(field.a.host.ip), port)
    assert field.a.host.run(asks).stdout.split()[3].endswith(f":{port}"), "the socket was another one meanwhile"


def test_bad_connections_to_all_ports_and_sockets_change_nothing(field: Field) -> None:
    server = str(field.server.host.ip)
    link = field.a.host.run(["ls", "/run/wireguard"]).stdout.strip()
    with flat(field, "all that takes connections", sources=6):
        noises = {
            "the public port": field.start(field.noise, "stream", server, "8443"),
            "TURN's port": field.start(field.noise, "turn", server, str(RELAY_PORT)),
            "the metrics' port": field.start(field.noise, "stream", server, str(METRICS_PORT)),
            "the daemon's socket": field.start(field.a.host, "stream", "unix", str(field.a.socket)),
            "the link's control socket": field.start(field.a.host, "stream", "unix", f"/run/wireguard/{link}"),
            "the admin's socket": field.start(
                field.server.host, "stream", "unix", str(field.server.data / "admin.sock")
            ),
        }
        for noise in noises.values():
            noise.wait(SECONDS + 60.0)
    for name, noise in noises.items():
        made_so_many = int(noise.output().split()[-1])
        tell(f"F19: bad connections to {name}: {made_so_many}")
        assert made_so_many > SECONDS, name


def test_bad_handshakes_and_bad_words_behind_good_ones_change_nothing(tmp_path: Path) -> None:
    """A server with TLS and a relay alone, each a program of its own."""
    with made(tmp_path, user_namespace=None) as lab:
        lan = lab.switch("lan")
        secure, relay, noise = (lab.host(name, lan) for name in ("secure", "relay", "noise"))
        server = Server(secure, lab.folder)
        server.url = f"https://{secure.ip}:8443"
        server.start()
        assert server.process is not None
        flags = ["--key", str(lab.folder / "relay.key"), "--trust", "ab" * 32, "--listen", f":{RELAY_PORT}"]
        flags += ["--https-listen", ":443", "--host", str(relay.ip)]
        flags += ["--tls", f"{server.data}/tls/auto.crt,{server.data}/tls/auto.key"]
        alone = relay.start([WARREN, "relay", *flags])
        alone.wait_for("number", READY_S)
        front = int(Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()[0])
        programs = {"a server with TLS": server.process.pid, "its front": front, "a relay alone": alone.pid}
        before = {name: memory_kib(pid) for name, pid in programs.items()}
        places = {"TLS": ("tls", secure, "8443"), "the relay's TLS": ("tls", relay, "443")}
        program = [sys.executable, "-m", "tests.faults.noise"]
        noises = {
            name: noise.start([*program, mode, str(at.ip), port, str(SECONDS), str(SEED)])
            for name, (mode, at, port) in places.items()
        }
        words = ["udp", str(relay.ip), str(RELAY_PORT), str(SECONDS), str(RATE // 4), str(SEED)]
        flooding = noise.start([*program, *words])
        for name, one in noises.items():
            one.wait(SECONDS + 60.0)
            tell(f"F19: bad connections to {name}: {one.output().split()[-1]}")
            assert int(one.output().split()[-1]) > SECONDS, name
        flooding.wait(SECONDS + 60.0)
        assert int(flooding.output().split()[-1]) >= RATE // 4 * SECONDS * SENT
        for name, pid in programs.items():
            note(f"F19: memory of {name} after bad input", grown_mib(pid, before[name]), MEMORY_MIB, "MiB")
        assert server.key().startswith("wk.")
        for at, port in ((secure, "8443"), (relay, "443")):
            ask = [sys.executable, "-c", TLS_ASK, str(at.ip), port]
            assert noise.run(ask).stdout.startswith("HTTP/1.1 "), f"{at.name} does not answer within TLS"
    assert broken_lines(tmp_path) == []
