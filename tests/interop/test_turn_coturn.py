"""coturn's own client programs against our STUN and TURN: UDP, TCP and TLS, IPv4 and IPv6, channels and indications."""

import itertools
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.turn_server import SECRET, TurnServer, output, program, serving
from tests.netlab.until import until
from tests.server.running import free_port

pytestmark = pytest.mark.interop

LOOPBACK = "127.0.0.0/8,::1/128"
CLIENTS, MESSAGES = 3, 40
USERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _coturn() -> None:
    if shutil.which("turnutils_uclient") is None:
        pytest.skip("coturn is not installed")


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurnServer]:
    with serving(tmp_path_factory.mktemp("turn"), "--turn-allow", LOOPBACK) as server:
        yield server


@pytest.fixture(name="echo", scope="module")
def _echo() -> Iterator[int]:
    port = free_port()
    with program("turnutils_peer", "-p", str(port), "-L", "127.0.0.1", "-L", "::1"):
        until(lambda: answers(port), "the peer echoes")
        yield port


def answers(port: int) -> bool:
    """Whether something echoes there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.1)
        one.connect(("127.0.0.1", port))
        try:
            one.send(b"there?")
            return one.recv(100) == b"there?"
        except OSError:
            return False


def relay(server: TurnServer, echo: int, *flags: str, host: str = "127.0.0.1", peer: str = "127.0.0.1") -> str:
    """Several clients send and get everything back; what the program says."""
    user = f"user{next(USERS)}"  # it leaves its allocations behind, and a user may have so many
    words = ("-W", SECRET, "-u", user, "-p", str(server.port), "-e", peer, "-r", str(echo))
    counts = ("-m", str(CLIENTS), "-n", str(MESSAGES), "-l", "170")
    return output("turnutils_uclient", "-v", *words, *counts, *flags, host)


def assert_nothing_lost(said: str) -> None:
    """Every message of every client came back."""
    sent = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", said)
    assert sent, said[-3000:]
    assert sent[-1][0] == sent[-1][1], said[-3000:]
    assert int(sent[-1][0]) >= CLIENTS * MESSAGES, said[-3000:]
    assert "Total lost packets 0 (" in said, said[-3000:]


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("-c",), id="channels over UDP"),
        pytest.param(("-s", "-c"), id="indications over UDP"),
        pytest.param((), id="with even ports and reserved ones"),
        pytest.param(("-g", "-c"), id="unfragmented"),
        pytest.param(("-t", "-c"), id="channels over TCP"),
        pytest.param(("-t", "-s", "-c"), id="indications over TCP"),
        pytest.param(("-t", "-S", "-c"), id="channels over TLS"),
    ],
)
def test_uclient_loses_nothing_through_our_turn(server: TurnServer, echo: int, flags: tuple[str, ...]) -> None:
    before = server.counters()
    assert_nothing_lost(relay(server, echo, *flags))
    many = CLIENTS * MESSAGES
    until(lambda: server.counters()["datagrams_to_clients"] - before["datagrams_to_clients"] >= many, "it is counted")
    assert server.counters()["allocations_made"] > before["allocations_made"]


@pytest.mark.parametrize("flags", [("-c",), ("-s", "-c"), ("-t", "-c")])
def test_uclient_relays_over_ipv6(server: TurnServer, echo: int, flags: tuple[str, ...]) -> None:
    assert_nothing_lost(relay(server, echo, "-x", *flags, host="::1", peer="::1"))


def test_a_client_of_ipv6_relays_to_ipv4(server: TurnServer, echo: int) -> None:
    assert_nothing_lost(relay(server, echo, "-X", "-c", host="::1"))


def test_without_leave_the_peers_of_this_machine_are_forbidden(tmp_path: Path, echo: int) -> None:
    with serving(tmp_path) as server:
        said = relay(server, echo, "-c")
        assert "error 403" in said, said[-3000:]
        until(lambda: server.counters()["denied_peers"] > 0, "it is counted")
        assert server.counters()["datagrams_to_peers"] == 0


def test_a_wrong_secret_allocates_nothing(server: TurnServer, echo: int) -> None:
    made = server.counters()["allocations_made"]
    words = ("-u", server.credential().username, "-w", "guessed", "-p", str(server.port), "-e", "127.0.0.1")
    said = output("turnutils_uclient", "-v", *words, "-r", str(echo), "-n", "1", "127.0.0.1")
    assert "Cannot complete Allocation" in said, said[-2000:]
    assert server.counters()["allocations_made"] == made


def test_stunclient_is_answered_when_it_asks_again_or_at_once_where_an_operator_allows(
    server: TurnServer, tmp_path: Path
) -> None:
    # It sends 20 bytes, once a run, and the shortest answer has 32: the second run has credit for one.
    tries = [output("turnutils_stunclient", "-p", str(server.port), "127.0.0.1") for _ in range(2)]
    assert any("UDP reflexive addr: 127.0.0.1:" in said for said in tries), tries
    with serving(tmp_path, "--stun-answer", "standard") as generous:
        said = output("turnutils_stunclient", "-p", str(generous.port), "127.0.0.1")
        assert "UDP reflexive addr: 127.0.0.1:" in said, said
        said = output("turnutils_stunclient", "-p", str(generous.port), "::1")
        assert re.search(r"UDP reflexive addr: \[?::1\]?:", said), said
