"""Slow clients: every phase of a connection has an end that no byte now and then can move."""

import asyncio
from pathlib import Path

import pytest
from tests.faults import figures
from tests.server.front_rig import HOST, Rig, Web, Wire, running_front, running_web, until

from warren.errors import Code
from warren.server.front import FrontLimits

SHORT_S = 1.0  # what this program itself says in time has to come in time on a full machine too
TRICKLE_S = 0.03


async def trickle(wire: Wire, text: str) -> tuple[bytes, float]:
    """Send a byte at a time until the front ends the connection; return what it said and how long that took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    ended = asyncio.create_task(wire.ended())
    for byte in text.encode():
        done, _ = await asyncio.wait({ended}, timeout=TRICKLE_S)
        if done:
            break
        wire.writer.write(bytes([byte]))
    return await ended, loop.time() - begun


async def test_headers_that_come_a_byte_at_a_time_are_cut_off_with_408(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(head_s=SHORT_S)) as rig,
    ):
        wire = await rig.connect()
        said, took_s = await trickle(wire, f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {'x' * 1000}")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert Code.TIMEOUT.value.encode() in said
        assert SHORT_S * 0.8 < took_s < SHORT_S + 30
        assert (await rig.process.stats())["refused_head_timeout"] == 1
        assert await rig.until("connections_open", 0, most=0) == 0


async def test_the_headers_of_a_further_request_are_cut_off_too(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(head_s=SHORT_S)) as rig,
    ):
        wire = await rig.connect()
        assert (await wire.get()).status == 200
        said, took_s = await trickle(wire, f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {'x' * 1000}")
        assert said.startswith(b"HTTP/1.1 408 ")
        assert took_s < SHORT_S + 30


@pytest.mark.parametrize("framing", ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
async def test_a_body_that_comes_a_byte_at_a_time_is_cut_off_and_never_reaches_the_web_part(
    framing: str, tmp_path: Path
) -> None:
    web = Web()
    async with (
        running_web(tmp_path / "web.sock", web),
        running_front(tmp_path / "web.sock", FrontLimits(body_s=SHORT_S)) as rig,
    ):
        wire = await rig.connect()
        await wire.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{framing}")
        said, took_s = await trickle(wire, "x" * 1000)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert Code.TIMEOUT.value.encode() in said
        assert SHORT_S * 0.8 < took_s < SHORT_S + 30
        assert web.seen == []


async def test_a_connection_without_a_request_ends_without_a_word(tmp_path: Path) -> None:
    bounds = FrontLimits(head_s=SHORT_S, idle_s=SHORT_S)
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock", bounds) as rig:
        silent, idle = await rig.connect(), await rig.connect()
        assert (await idle.get()).status == 200
        assert await silent.ended() == b""
        assert await idle.ended() == b""
        assert (await rig.process.stats())["closed_idle"] == 2


async def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    web = Web()
    async with (
        running_web(tmp_path / "web.sock", web),
        running_front(tmp_path / "web.sock", FrontLimits(response_s=SHORT_S)) as rig,
    ):
        wire = await rig.connect()
        answer = await wire.get("/wait")
        assert (answer.status, answer.code) == (504, Code.TIMEOUT.value)
        await until(web.cancelled.is_set)


async def test_an_answer_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    bounds = FrontLimits(response_s=SHORT_S, body_s=SHORT_S)
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock", bounds) as rig:
        wire = await rig.connect(receive_bytes=4096)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a reader's transport has it
        for _ in range(4):  # 16 MiB: more than the kernel keeps for one connection
            await wire.send(f"GET /large HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        await rig.until("closed_stalled", 1)
        assert await rig.until("connections_open", 0, most=0) == 0


async def test_while_many_trickle_others_are_answered_at_once(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(unproven_an_address_max=300)) as rig,
    ):
        slow = [await rig.connect() for _ in range(200)]
        for wire in slow:
            await wire.send("GET / HTTP/1.1\r\nHo")
        assert await rig.until("connections_unproven", 200) == 200
        begun = asyncio.get_running_loop().time()
        assert (await (await rig.connect()).get()).status == 200
        figures.note("F20: an answer beside 200 that trickle", asyncio.get_running_loop().time() - begun, 5.0)


async def fill(rig: Rig, count: int) -> list[Wire]:
    """Open connections until the front has counted them."""
    wires = [await rig.connect() for _ in range(count)]
    await rig.until("connections_accepted", count)
    return wires


async def test_an_address_has_so_many_unproven_connections_until_they_are_lifted_or_end(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(unproven_an_address_max=3)) as rig,
    ):
        wires = await fill(rig, 3)
        refused = await rig.connect()
        assert await refused.ended() == b""
        assert await rig.until("refused_address_full", 1) == 1
        rig.process.prove(2)
        rig.process.prove(2)
        rig.process.prove(999)
        await rig.until("connections_unproven", 0, most=2)
        allowed = await rig.connect()
        assert (await allowed.get()).status == 200
        refused = await rig.connect()
        assert await refused.ended() == b"", "one lift frees one place"
        await wires[0].close()
        await rig.until("connections_open", 0, most=3)
        assert (await (await rig.connect()).get()).status == 200


async def test_when_strangers_fill_the_front_the_oldest_of_them_goes_and_no_proven_one(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(connections_max=8)) as rig,
    ):
        wires = await fill(rig, 4)
        rig.process.prove(1)
        await rig.until("connections_unproven", 0, most=3)
        wires += [await rig.connect() for _ in range(2)]
        assert await wires[1].ended() == b""
        assert await rig.until("evicted_unproven", 1) == 1
        for wire in (wires[0], *wires[2:]):
            assert (await wire.get()).status == 200


async def test_a_full_front_lets_the_next_one_wait_instead_of_failing(tmp_path: Path) -> None:
    async with (
        running_web(tmp_path / "web.sock", Web()),
        running_front(tmp_path / "web.sock", FrontLimits(connections_max=10)) as rig,
    ):
        wires = await fill(rig, 5)
        for number in range(1, 10):
            rig.process.prove(number)
            if number < 9 and len(wires) < 9:
                wires.append(await rig.connect())
                await rig.until("connections_accepted", len(wires))
        await rig.until("connections_unproven", 0, most=0)
        assert len(wires) == 9
        waiting = await rig.connect()
        answer = asyncio.create_task(waiting.get())
        done, _ = await asyncio.wait({answer}, timeout=0.2)
        assert not done, "nine of ten slots are taken"
        await wires[0].close()
        assert (await answer).status == 200
