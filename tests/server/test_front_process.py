"""The front as a process: how it starts, is replaced and ends, and what it says while the web part is away."""

import asyncio
import contextlib
import datetime
import json
import os
import resource
import signal
import socket
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.faults import figures
from tests.server.front_rig import HOST, PATIENCE_S, Web, Wire, running_front, running_web, stand_still, until

from warren.errors import Code, WarrenError
from warren.limits import FRONT_LINE_MAX_BYTES, FRONT_LOOK_S, FRONT_MISSES_MAX, FRONT_STATS_S
from warren.server.front import FrontLimits, FrontProcess, FrontSettings, _Child
from warren.server.front_listen import bind_all, shown


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for HOST that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


async def test_tls_is_spoken_with_the_certificate_given(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", certificate=certificate) as rig,
    ):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(certificate[0]))
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            wire = await rig.connect(tls=context)
            assert (await wire.get("/secret")).echoed["target"] == "/secret"
            assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        plain = await rig.connect()
        await plain.send(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert b"HTTP" not in await plain.ended()
        await rig.until("tls_failed", 1)


async def test_a_tls_handshake_spends_the_time_of_the_headers(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    async with running_front(tmp_path / "web.sock", FrontLimits(head_s=0.4), certificate=certificate) as rig:
        silent, begun = await rig.connect(), await rig.connect()
        await begun.send(b"\x16\x03\x01\x02\x00\x01")
        assert await silent.ended() == b""
        assert await begun.ended() == b""
        assert await rig.until("tls_failed", 2) == 2


async def test_while_the_web_part_is_away_clients_are_told_when_to_come_back_and_then_it_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "web.sock"
    async with running_front(path) as rig:
        wire = await rig.connect()
        answer = await wire.get()
        assert (answer.status, answer.code) == (503, Code.UNAVAILABLE.value)
        assert int(answer.headers["retry-after"]) > 0
        for _ in range(2):
            async with running_web(path, Web()):
                wire = await rig.connect()
                assert (await wire.get()).status == 200
            assert (await (await rig.connect()).get()).code == Code.UNAVAILABLE.value
        assert (await rig.process.stats())["refused_unavailable"] == 3


async def test_a_web_part_that_dies_in_a_request_is_a_502_because_it_may_have_been_carried_out(tmp_path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(die, tmp_path / "web.sock")
    async with running_front(tmp_path / "web.sock") as rig:
        answer = await (await rig.connect()).get()
        assert (answer.status, answer.code) == (502, Code.UNAVAILABLE.value)
    server.close()
    await server.wait_closed()


async def test_a_front_that_dies_is_replaced_on_the_same_port_with_new_numbers(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        old = await rig.connect()
        assert ["x-warren-connection", "1"] in (await old.get()).echoed["headers"]
        child = rig.process._child
        assert child is not None
        child._process.kill()
        assert await old.ended() == b""
        await until(lambda: rig.process._child is not child)
        fresh = await rig.connect()
        assert ["x-warren-connection", str((1 << 32) + 1)] in (await fresh.get()).echoed["headers"]
        rig.process.prove(1)
        assert (await rig.process.stats())["connections_unproven"] == 1, "an old number lifts no new connection"
        assert rig.process.restarts == 1


def test_a_front_that_hangs_is_replaced_within_ten_seconds() -> None:
    assert FRONT_MISSES_MAX * (FRONT_LOOK_S + FRONT_STATS_S) < 10


async def test_a_front_that_is_replaced_takes_ipv4_as_before_where_no_host_was_named(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock", listen=":0") as rig:
        rig.addresses = (f"127.0.0.1:{rig.place()[1]}",)
        killed = rig.pid
        assert (await (await rig.connect()).get()).status == 200
        os.kill(killed, signal.SIGKILL)
        await until(lambda: rig.pid != killed)
        assert (await (await rig.connect()).get()).status == 200


async def test_a_front_that_hangs_is_told_of_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warren.limits.FRONT_LOOK_S", 0.1)
    monkeypatch.setattr("warren.limits.FRONT_STATS_S", 1.5)  # one that does not hang answers on a full machine too
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        assert (await (await rig.connect()).get()).status == 200
        hanging = rig.pid
        await stand_still(hanging)
        fresh = await rig.connect()  # the kernel takes it, nobody serves it
        assert await fresh.ended() == b""
        await until(lambda: rig.process.restarts >= 1 and rig.pid != hanging)
        assert (await (await rig.connect()).get()).status == 200
    assert any(record.getMessage().startswith("the front hangs") for record in caplog.records)


async def test_a_front_that_dies_while_descriptors_are_short_is_replaced_when_they_are_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F32: the server goes on; what a killed front needs to be started again may be missing for a while."""
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        assert (await (await rig.connect()).get()).status == 200
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        killed = rig.pid
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            os.kill(killed, signal.SIGKILL)
            await until(lambda: any("the front does not start" in record.getMessage() for record in caplog.records))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await until(lambda: rig.pid != killed)
        assert (await (await rig.connect()).get()).status == 200


async def test_a_front_that_is_slow_to_answer_once_is_no_front_that_hangs(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        pid = rig.pid
        await stand_still(pid)
        with pytest.raises(WarrenError) as refused:
            await rig.process.stats()
        os.kill(pid, signal.SIGCONT)
        assert refused.value.code is Code.TIMEOUT
        await rig.until("connections_open", 0)
        assert (rig.pid, rig.process.restarts) == (pid, 0)


async def test_stop_lets_a_request_finish_and_ends_what_is_idle_at_once(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        idle, busy = await rig.connect(), await rig.connect()
        assert (await idle.get()).status == 200
        await busy.send(f"GET /wait HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        await rig.until("requests", 2)
        stopping = asyncio.create_task(rig.process.stop())
        assert await idle.ended() == b""
        web.release.set()
        answer = await busy.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        async with asyncio.timeout(PATIENCE_S):
            await stopping
        with pytest.raises(ConnectionRefusedError):
            await rig.connect()


async def test_stop_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(stop_s=0.3)) as rig,
    ):
        busy = await rig.connect()
        await busy.send(f"GET /wait HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        await rig.until("requests", 1)
        begun = asyncio.get_running_loop().time()
        await rig.process.stop()
        took_s = asyncio.get_running_loop().time() - begun
        assert took_s > 0.2
        figures.note("a front that is to stop within 0.3 s has stopped", took_s, 2.5)
        assert await busy.ended() == b""


async def spawn(settings: bytes, before: str = "") -> asyncio.subprocess.Process:
    """The bare process, as the parent starts it; `before` is for the shell in between."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f'{before} exec "$0" -m warren server-front',
        sys.executable,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(settings)
    await process.stdin.drain()
    return process


async def test_with_64_descriptors_it_serves_whom_it_can_and_lets_the_rest_wait(tmp_path: Path) -> None:
    settings = {"listen": ["127.0.0.1:0"], "hosts": [HOST], "web_socket": str(tmp_path / "web.sock")}
    async with running_web(tmp_path / "web.sock", Web()):
        process = await spawn(json.dumps(settings).encode() + b"\n", "ulimit -n 64;")
        assert process.stdin is not None
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().split()[1]
        place = address.rpartition(":")
        async with asyncio.timeout(PATIENCE_S):
            wires = [Wire(*await asyncio.open_connection(place[0], int(place[2]))) for _ in range(40)]
            for number in range(1, 19):
                process.stdin.write(f"proven {number}\n".encode())
            answers = {asyncio.create_task(wire.get()): wire for wire in wires}
            served = 0
            while answers:
                done, _ = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    served += task.exception() is None and task.result().status == 200
                    await answers.pop(task).close()
            process.stdin.write(b"stats\n")
            counters = json.loads((await process.stdout.readline()).decode().partition(" ")[2])
            process.stdin.close()
            assert await process.wait() == 0
            assert await process.communicate() == (b"", b"")
        assert counters["accept_failed"] == 0
        assert counters["refused_unavailable"] == 0, "there was a descriptor for every way to the web part"
        assert 40 - served <= counters["evicted_unproven"] < 30


@pytest.mark.parametrize("way", ["stdin", "SIGTERM"])
async def test_the_process_ends_with_0_when_its_stdin_ends_or_on_sigterm(way: str, tmp_path: Path) -> None:
    settings = {"listen": ["127.0.0.1:0", "127.0.0.1:0"], "hosts": [HOST], "web_socket": str(tmp_path / "web.sock")}
    process = await spawn(json.dumps(settings).encode() + b"\nnonsense\nstats\n")
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        lines = [(await process.stdout.readline()).decode().split() for _ in range(3)]
        assert [line[0] for line in lines] == ["listening", "listening", "stats"]
        assert json.loads(lines[2][1])["control_unknown"] == 1
        if way == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        _, stderr = await process.communicate()
    assert stderr == b""


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def environment_of(pid: int) -> bytes:
    """The environment that the process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def open_files() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_parent_that_is_killed_takes_its_front_with_it(tmp_path: Path) -> None:
    settings = {"listen": ["127.0.0.1:0"], "hosts": [HOST], "web_socket": str(tmp_path / "web.sock")}
    source = (
        "import asyncio, sys, msgspec\n"
        "from warren.server.front import FrontLimits, FrontProcess, FrontSettings\n"
        "async def main():\n"
        "    front = FrontProcess(msgspec.json.decode(sys.argv[1], type=FrontSettings))\n"
        "    addresses = await front.start()\n"
        "    print(addresses[0], front._child._process.pid, flush=True)\n"
        "    await front.run()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", source, json.dumps(settings), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        front = int((await parent.stdout.readline()).split()[1])
        parent.kill()
        await parent.wait()
    await until(lambda: not runs(front))


async def test_a_port_that_is_taken_is_a_coded_refusal_and_exit_code_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = FrontSettings(listen=(listen,), hosts=(HOST,), web_socket=str(tmp_path / "web.sock"))
        with pytest.raises(WarrenError, match=f"cannot listen on {listen}") as refused:
            await FrontProcess(settings).start()
        assert refused.value.code is Code.LISTEN_FAILED
        assert refused.value.fix
        bare = {"listen": [listen], "hosts": [HOST], "web_socket": "w"}
        process = await spawn(json.dumps(bare).encode() + b"\n")
        _, stderr = await process.communicate()
        assert process.returncode == 1
        assert stderr.decode().startswith(f"warren: {Code.LISTEN_FAILED.value}: cannot listen on {listen}: ")
        assert b"Traceback" not in stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"certificate": "/nowhere/cert.pem"}, Code.INVALID_CONFIG),
        ({"certificate": __file__, "private_key": __file__}, Code.INVALID_CONFIG),
        ({"hosts": ["http://a"]}, Code.INVALID_CONFIG),
        ({"hots": []}, Code.INVALID_CONFIG),
        ({"listen": ["nowhere"]}, Code.INVALID_ARGUMENT),
        ({"listen": ["192.0.2.1:0"]}, Code.LISTEN_FAILED),
    ],
)
async def test_settings_that_cannot_be_used_are_a_coded_refusal(change: dict[str, object], code: Code) -> None:
    settings = {"listen": ["127.0.0.1:0"], "hosts": [HOST], "web_socket": "web.sock", **change}
    process = await spawn(json.dumps(settings).encode() + b"\n")
    stdout, stderr = await process.communicate()
    assert process.returncode == 1
    assert json.loads(stdout.decode().splitlines()[-1].removeprefix("failed "))["code"] == code.value
    assert stderr.decode().startswith(f"warren: {code.value}: ")
    assert b"Traceback" not in stderr


async def test_the_front_sees_nothing_of_the_servers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    async with running_front(tmp_path / "web.sock") as rig:
        environment = environment_of(rig.pid)
        assert b"PATH=" in environment
        assert b"secret" not in environment


async def test_counters_without_a_front_are_unavailable(tmp_path: Path) -> None:
    settings = FrontSettings(listen=("127.0.0.1:0",), hosts=(HOST,), web_socket=str(tmp_path / "web.sock"))
    with pytest.raises(WarrenError) as refused:
        await FrontProcess(settings).stats()
    assert refused.value.code is Code.UNAVAILABLE


def test_no_host_means_every_address_and_named_families_stand_side_by_side() -> None:
    with contextlib.ExitStack() as opened:
        everywhere = [opened.enter_context(listener) for listener in bind_all([":0"])]
        port = everywhere[0].getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=5) as client:
                assert client.getpeername()[1] == port
        first = opened.enter_context(bind_all(["0.0.0.0:0"])[0])
        second = opened.enter_context(bind_all([f"[::]:{first.getsockname()[1]}"])[0])
        assert shown(second.getsockname()) == f"[::]:{shown(first.getsockname()).rpartition(':')[2]}"


def test_bind_all_leaves_nothing_open_when_one_address_fails() -> None:
    before = open_files()
    with pytest.raises(WarrenError):
        bind_all(["127.0.0.1:0", "127.0.0.1:0", "192.0.2.1:0"])
    assert open_files() == before


@pytest.mark.parametrize("answer", ["stats {nonsense", 'stats {"a": "b"}', "stats " + "[" * 60_000, "hello", "\xff"])
async def test_a_front_that_speaks_nonsense_is_not_believed_and_harms_nobody(answer: str) -> None:
    """The front meets strangers; whoever took it over could say anything on the control channel."""
    program = f"import sys\nfor line in sys.stdin: print({answer!r}, flush=True)\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=FRONT_LINE_MAX_BYTES,
    )  # fmt: skip
    child = _Child(process)
    serving = asyncio.create_task(child.serve())
    with pytest.raises(WarrenError) as refused:
        await child.stats()
    assert refused.value.code in {Code.UNAVAILABLE, Code.TIMEOUT}
    await child.kill()
    async with asyncio.timeout(PATIENCE_S):
        await serving  # an end like any other: no error of it reaches the server


async def test_a_front_skips_what_its_server_may_not_say(tmp_path: Path) -> None:
    async with running_front(tmp_path / "web.sock") as rig:
        child = rig.process._child
        assert child is not None
        for line in ("nonsense\n", "proven x\n", "proven 99999999999999999999999\n", "stats\x00\n", "a" * 5000 + "\n"):
            child.tell(line)
        assert (await rig.process.stats())["connections_open"] == 0
