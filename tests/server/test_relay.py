"""The relay in the server's front and alone, with real sockets, by a client that shares no code with it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.server.front_rig import HOST, Web, running_web, until
from tests.server.relay_client import (
    ABSENT,
    BYE,
    CLOSED,
    PONG,
    Client,
    Credentials,
    Refused,
    Udp,
    WebSocket,
)
from tests.server.running import free_port

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.model.relays import relay_number
from warren.protocol.relay.grants import Grant, sign_grant
from warren.relay import keys
from warren.relay.service import RelayService, parse_limits, rate
from warren.relay.sockets import bind_udp
from warren.server.front import FrontProcess, FrontSettings

SIGNER = SigningKeyPair(bytes([0x71]) * 32)
NETWORK, OTHER = NetworkId(bytes([1]) * 32), NetworkId(bytes([2]) * 32)


def papers(number: int, network: NetworkId = NETWORK, **changes: int) -> Credentials:
    """A member's."""
    identity = SigningKeyPair(bytes([number]) * 32)
    now = int(time.time())
    issued = changes.pop("issued_s", now)
    grant = Grant(
        network=network,
        identity=identity.public,
        relays=None,
        issued_s=issued,
        not_after_s=changes.pop("not_after_s", now + 86_400),
        **changes,
    )
    return Credentials(identity, network, sign_grant(grant, SIGNER))


class Rig:
    """A front with a relay, and clients of it."""

    def __init__(self, front: FrontProcess, tcp: tuple[str, int], key: bytes) -> None:
        self.front, self.tcp, self.key = front, tcp, key
        self._lines: list[Udp | WebSocket] = []

    @property
    def udp(self) -> list[tuple[str, int]]:
        """Where the relay listens, on loopback."""
        ports = [(text.startswith("["), int(text.rpartition(":")[2])) for text in self.front.relay_addresses]
        return [("::1" if is_v6 else "127.0.0.1", port) for is_v6, port in ports]

    def over_udp(self, credentials: Credentials, place: int = 0) -> Client:
        line = Udp(self.udp[place])
        self._lines.append(line)
        return Client(line, self.key, credentials, int(time.time()))

    def over_websocket(self, credentials: Credentials) -> Client:
        line = WebSocket(self.tcp, HOST)
        self._lines.append(line)
        return Client(line, self.key, credentials, int(time.time()))

    async def count(self, name: str) -> int:
        return (await self.front.stats())[f"relay_{name}"]

    def close(self) -> None:
        for line in self._lines:
            line.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A fresh front with a relay on free ports."""
    service = RelayService(listen=(":0",), key=str(tmp_path / "relay.key"), signers=(SIGNER.public.hex(),))
    front = FrontProcess(
        FrontSettings(listen=("127.0.0.1:0",), hosts=(HOST,), web_socket=str(tmp_path / "web.sock"), relay=service)
    )
    async with running_web(tmp_path / "web.sock", Web()):
        (address,) = await front.start()
        host, _, port = address.rpartition(":")

        task = asyncio.create_task(front.run())
        rig = Rig(front, (host, int(port)), keys.load(tmp_path / "relay.key").public)
        try:
            yield rig
        finally:
            rig.close()
            await front.stop()
            await task


def exchange(one: Client, other: Client, identities: tuple[bytes, bytes]) -> None:
    """A payload each way, through channels that one of them asked for."""
    there = one.open(identities[1])
    back = other.wait_opened(identities[0])
    one.line.send(one.seal(there, b"there" * 50))
    assert other.wait_payload() == (back, b"there" * 50)
    other.line.send(other.seal(back, b"back"))
    assert one.wait_payload() == (there, b"back")


async def test_udp_to_udp_of_both_families_and_websocket_to_udp(rig: Rig) -> None:
    members = [papers(number) for number in (1, 2, 3, 4)]
    v4, v6 = rig.over_udp(members[0]), rig.over_udp(members[1], place=-1)
    web, other_web = rig.over_websocket(members[2]), rig.over_websocket(members[3])
    clients = [v4, v6, web, other_web]
    names = [bytes(member.identity.public) for member in members]
    for one, other in ((0, 1), (2, 0), (1, 2), (2, 3)):
        exchange(clients[one], clients[other], (names[one], names[other]))
    assert await rig.count("members") == 4
    assert await rig.count("forwarded_frames") == 8
    assert (await rig.front.stats())["connections_unproven"] == 0, "relay clients on streams count as proven"


async def test_many_frames_of_one_message_arrive_in_order(rig: Rig) -> None:
    one, other = papers(1), papers(2)
    sender, receiver = rig.over_websocket(one), rig.over_udp(other)
    channel = sender.open(bytes(other.identity.public))
    assert isinstance(sender.line, WebSocket)
    sender.line.send(*(sender.seal(channel, bytes([number]) * 300) for number in range(60)))
    assert [receiver.wait_payload()[1][0] for _ in range(60)] == list(range(60))


async def test_what_is_replayed_forged_or_of_another_network_is_counted_and_goes_nowhere(rig: Rig) -> None:
    one, other, stranger = papers(1), papers(2), papers(3, OTHER)
    sender, receiver, outsider = rig.over_udp(one), rig.over_udp(other), rig.over_udp(stranger)
    channel = sender.open(bytes(other.identity.public))
    frame = sender.seal(channel, b"genuine, and long enough for both edges")
    sender.line.send(frame)
    receiver.wait_payload()
    for copy in (frame, frame[:-1] + b"?", frame[:8] + bytes(4) + frame[12:], frame[:30]):
        sender.line.send(copy)
    outsider.say(3, bytes(other.identity.public))
    assert outsider.wait_said(ABSENT) == other.identity.public, "nobody of that name in its own network"
    outsider.line.send(outsider.seal(channel, b"cross-network"))
    outsider.line.send(bytes([0xD8]) + os.urandom(60))
    outsider.note(1, b"12345678")
    while not any(body == b"12345678" for kind, body in outsider.said if kind == PONG):
        outsider.turn()
    counters = await rig.front.stats()
    assert counters["relay_drop_replayed"] == 1
    assert counters["relay_drop_forged"] == 3
    assert counters["relay_drop_unknown_channel"] == 1
    assert counters["relay_forwarded_frames"] == 1
    assert not receiver.payloads


async def test_strangers_get_less_than_they_send_and_no_session(rig: Rig) -> None:
    line = Udp(rig.udp[0])
    line.socket.settimeout(0.3)
    member = papers(1)
    proof = rig.over_udp(member).proof
    for question in (proof, os.urandom(1_200), b"\xda\1\1\0" + bytes(59), b"\xd9" + bytes(200), b"\xd8" + bytes(100)):
        line.send(question)
        with contextlib.suppress(TimeoutError):
            answer = line.receive()
            assert len(answer) <= 8 < len(question), answer
    line.close()
    assert await rig.count("drop_cookie") == 1, "a proof counts for the address of its cookie"
    assert await rig.count("pending") == 0


async def test_papers_are_refused_by_name(rig: Rig) -> None:
    now = int(time.time())
    cases = [
        (papers(1, not_after_s=now - 60, issued_s=now - 3_600), "expired"),
        (papers(1, not_after_s=now + 40 * 86_400), "expired"),
    ]
    wrong = papers(2)
    identity = SigningKeyPair(bytes([2]) * 32)
    grant = Grant(network=NETWORK, identity=identity.public, relays=None, issued_s=now, not_after_s=now + 60)
    cases.append((Credentials(wrong.identity, NETWORK, sign_grant(grant, identity)), "signer"))
    elsewhere = Grant(network=NETWORK, identity=identity.public, relays=(7,), issued_s=now, not_after_s=now + 60)
    cases.append((Credentials(wrong.identity, NETWORK, sign_grant(elsewhere, SIGNER)), "other relay"))
    named = Grant(
        network=NETWORK, identity=identity.public, relays=(relay_number(rig.key),), issued_s=now, not_after_s=now + 60
    )
    for credentials, reason in cases:
        with pytest.raises(Refused, match=reason):
            rig.over_udp(credentials)
    rig.over_udp(Credentials(wrong.identity, NETWORK, sign_grant(named, SIGNER)))


async def test_a_removed_member_is_out_at_once_and_stays_out_after_a_restart(rig: Rig) -> None:
    one, other = papers(1), papers(2)
    stays, goes = rig.over_udp(one), rig.over_udp(other)
    stays.open(bytes(other.identity.public))
    now = int(time.time())
    rig.front.revoke(NETWORK, other.identity.public, now)
    assert goes.wait_said(BYE) == b"\2"
    assert stays.wait_said(CLOSED)[4] == 3, "revoked"
    with pytest.raises(Refused, match="revoked"):
        rig.over_udp(other)
    addresses = rig.front.relay_addresses
    assert rig.front._child is not None
    rig.front._child._signal_kill()
    restarts = rig.front.restarts
    await until(lambda: rig.front.restarts > restarts and rig.front._child is not None)
    deadline = time.monotonic() + 60
    while True:
        try:
            await rig.front.stats()
            break
        except WarrenError:
            assert time.monotonic() < deadline
    assert rig.front.relay_addresses == addresses, "on the same port"
    with pytest.raises(Refused, match="revoked"):
        rig.over_udp(other)
    rig.over_udp(papers(2, issued_s=now + 1))


async def test_a_web_page_is_refused_and_so_is_a_wrong_host(rig: Rig) -> None:
    for host, extra, status in ((HOST, "Origin: https://evil.example\r\n", 403), ("evil.example", "", 421)):
        with contextlib.closing(WebSocket(rig.tcp, host, extra=extra)) as line:
            assert line.status == status


async def test_a_stream_that_proves_nothing_may_send_little(rig: Rig) -> None:
    line = WebSocket(rig.tcp, HOST)
    for _ in range(5):
        line.send(os.urandom(1_000))
    with pytest.raises(ConnectionError, match="03ea"):  # 1002
        line.receive()
    line.close()
    assert await rig.count("streams") == 0


async def test_a_slow_reader_loses_its_own_oldest_and_nobody_elses(rig: Rig) -> None:
    names = [papers(number) for number in (1, 2, 3)]
    sender, slow, quick = rig.over_udp(names[0]), rig.over_websocket(names[1]), rig.over_udp(names[2])
    to_slow = sender.open(bytes(names[1].identity.public))
    to_quick = sender.open(bytes(names[2].identity.public))
    for number in range(6_000):
        sender.line.send(sender.seal(to_slow, number.to_bytes(4) + bytes(1_300)))
        if number % 100 == 0:
            sender.line.send(sender.seal(to_quick, number.to_bytes(4)))
            assert quick.wait_payload()[1] == number.to_bytes(4)
    assert await rig.count("drop_stream_full") > 0
    last = -1
    while last != 5_999:
        number = int.from_bytes(slow.wait_payload()[1][:4])
        assert number > last
        last = number


async def test_a_grants_limit_holds_on_real_sockets(rig: Rig) -> None:
    one, other = papers(1, rate_kbit_s=1_000, burst_kib=16), papers(2)
    sender, receiver = rig.over_udp(one), rig.over_udp(other)
    assert sender.rate_kbit_s == 1_000
    channel = sender.open(bytes(other.identity.public))
    frames = [sender.seal(channel, bytes(1_000)) for _ in range(500)]
    began = time.monotonic()
    for frame in frames:
        sender.line.send(frame)
    sender.note(1, b"12345678")
    while not any(kind == PONG and body == b"12345678" for kind, body in sender.said):
        sender.turn()
    allowed = 16 * 1024 / 1_000 + 125 * (time.monotonic() - began)  # the burst and the rate, of a thousand bytes each
    dropped = await rig.count("drop_client_limit")
    assert dropped > 0
    assert dropped >= 500 - allowed - 1
    for _ in range(500 - dropped):
        receiver.wait_payload()


def test_sockets_on_both_families_share_a_port_and_move_when_they_may() -> None:
    first = bind_udp([":0"], may_move=False)
    port = first[0].getsockname()[1]
    assert {one.getsockname()[1] for one in first} == {port}
    with pytest.raises(WarrenError) as refused:
        bind_udp([f":{port}"], may_move=False)
    assert refused.value.code == Code.LISTEN_FAILED
    moved = bind_udp([f":{port}"], may_move=True)
    assert moved[0].getsockname()[1] != port
    for text in ("3478", "host:1", ":70000", "1.2.3.4"):
        with pytest.raises(WarrenError):
            bind_udp([text], may_move=False)
    for one in first + moved:
        one.close()


def test_limits_are_numbers_of_mbit_and_bursts_have_a_floor() -> None:
    assert parse_limits("1,20,300") == (1, 20, 300)
    for text in ("", "1,2", "1,2,3,4", "-1,2,3", "1.5,2,3", "1,2,x", "1,2,99999999", "٣,1,1"):
        with pytest.raises(ValueError, match="Mbit"):
            parse_limits(text)
    assert rate(0) == (0, 262_144)
    assert rate(1_000) == (125_000_000, 6_250_000)


def test_a_key_is_made_once_kept_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "relay.key"
    made = keys.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.load_or_make(path).public == made.public
    path.chmod(0o640)
    with pytest.raises(WarrenError) as refused:
        keys.load_or_make(path)
    assert refused.value.code == Code.INVALID_CONFIG
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(WarrenError) as refused:
        keys.load_or_make(path)
    assert (refused.value.code, path.read_bytes()) == (Code.STATE_DAMAGED, b"short")


def test_a_key_in_a_folder_that_is_not_there_is_a_mistake_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(WarrenError) as refused:
        keys.load_or_make(tmp_path / "typo" / "relay.key")
    assert refused.value.code == Code.INVALID_CONFIG
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def standing_alone(
    folder: Path, *extra: str, end: signal.Signals = signal.SIGTERM
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`warren relay`, and what it printed; it ends in order by `end`."""
    command = [sys.executable, "-m", "warren", "relay", "--key", str(folder / "relay.key")]
    process = subprocess.Popen(
        [*command, "--trust", SIGNER.public.hex(), *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, [process.stdout.readline().strip() for _ in range(3)]
    finally:
        process.send_signal(end)
        try:
            assert process.wait(60) == 0, process.communicate()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            assert process.stderr is not None
            process.stderr.close()


def test_a_relay_stands_alone(tmp_path: Path) -> None:
    tcp, metrics, udp = free_port(), free_port(), free_port()
    flags = ["--https-listen", f"127.0.0.1:{tcp}", "--host", HOST, "--metrics-listen", f"127.0.0.1:{metrics}"]
    with standing_alone(tmp_path, "--listen", f"127.0.0.1:{udp}", *flags) as (_, lines):
        key = bytes.fromhex(lines[1].removeprefix("key "))
        assert lines[2] == f"number {relay_number(key)}"
        one, other = papers(1), papers(2)
        line, web = Udp(("127.0.0.1", udp)), WebSocket(("127.0.0.1", tcp), HOST)
        now = int(time.time())
        clients = Client(line, key, one, now), Client(web, key, other, now)
        exchange(*clients, (bytes(one.identity.public), bytes(other.identity.public)))
        with socket.create_connection(("127.0.0.1", metrics), 30) as asking:
            asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            text = b""
            while more := asking.recv(65_536):
                text += more
        assert b"warren_relay_forwarded_frames 2\n" in text
        line.close()
        web.close()
    has_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    end = signal.SIGHUP if has_terminal else signal.SIGTERM
    with standing_alone(tmp_path, "--listen", f"127.0.0.1:{udp}", end=end) as (_, again):
        assert again[1:] == lines[1:], "the key is kept"


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (["--key", "x"], 2, "--trust must be given"),
        (["--key", "x", "--trust", "zz"], 1, "64 hex digits"),
        (["--key", "x", "--trust", SIGNER.public.hex(), "--limits", "1"], 1, "Mbit"),
        (["--key", "x", "--trust", SIGNER.public.hex(), "--https-listen", ":0"], 1, "--host"),
        (["--key", "/proc/x", "--trust", SIGNER.public.hex()], 1, "cannot be written"),
        (["--key", "none/x", "--trust", SIGNER.public.hex()], 1, "is no folder"),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path: Path, flags: list[str], code: int, text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warren", "relay", *flags],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
