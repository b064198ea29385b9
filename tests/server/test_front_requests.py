"""Requests through the front: what passes, what is taken off, what is answered by the front itself."""

from pathlib import Path

from tests.server.front_rig import HOST, Web, running_front, running_web, until

from warren.errors import Code
from warren.limits import OPEN_BODY_MAX_BYTES, REQUEST_BODY_MAX_BYTES
from warren.server.front import FrontLimits


async def test_a_request_reaches_the_web_part_with_the_clients_address_and_nothing_forged(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        forged = (
            "X-Warren-Peer: 10.0.0.1\r\nX-Warren-Connection: 9\r\nx_warren_peer: 10.0.0.1\r\nForwarded: for=1\r\n"
            "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
            "X-Mine: 1\r\nX-Drop: 1\r\nConnection: X-Drop, Host\r\nAccept: text/*\r\n"
        )
        answer = await wire.get("/a%20b?c=d", extra=forged)
        assert answer.status == 200
        assert answer.echoed["method"] == "GET"
        assert answer.echoed["target"] == "/a%20b?c=d"
        assert sorted(answer.echoed["headers"]) == [
            ["accept", "text/*"],
            ["host", HOST],
            ["x-mine", "1"],
            ["x-warren-connection", "1"],
            ["x-warren-peer", "127.0.0.1"],
        ]
        assert answer.headers["x-answer"] == "1"
        assert "keep-alive" not in answer.headers


async def test_one_connection_carries_many_requests_and_pipelined_ones_in_order(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        for number in range(3):
            assert (await wire.get(f"/{number}")).echoed["target"] == f"/{number}"
        await wire.send(
            "".join(f"POST /{n} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n\r\nabc" for n in range(5))
        )
        targets = [(await wire.answer()).echoed["target"] for _ in range(5)]
        assert targets == [f"/{n}" for n in range(5)]
        counters = await rig.process.stats()
        assert counters["requests"] == 8
        assert counters["web_connections"] < 8, "connections to the web part are used again"


async def test_bodies_arrive_whole_framed_by_length_or_in_chunks(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        body = bytes(1024 * 1024)
        head = f"POST /p HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer x\r\n"
        await wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert (await wire.answer()).echoed["body"] == len(body)
        chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in ("a" * 10, "b" * 5000)) + "0\r\n\r\n"
        await wire.send(f"POST /p HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
        answer = await wire.answer()
        assert answer.echoed["body"] == 5010
        assert ["content-length", "5010"] in answer.echoed["headers"]
        assert answer.headers["connection"] == "close"
        assert await wire.ended() == b""


async def test_a_client_that_asks_first_is_told_to_go_on_with_its_body(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await wire.answer(bodiless=True)).status == 100
        await wire.send("ok")
        assert (await wire.answer()).echoed["body"] == 2


async def test_a_large_answer_streams_through_to_a_slow_reader(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect(receive_bytes=4096)
        answer = await wire.get("/large")
        assert len(answer.body) == 64 * 64 * 1024
        assert (await wire.get("/after")).echoed["target"] == "/after"


async def test_head_requests_and_old_clients_are_served(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert int((await wire.answer(bodiless=True)).headers["content-length"]) > 0
        assert (await wire.get("/next")).status == 200
        old = await rig.connect()
        await old.send(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
        assert (await old.answer()).status == 200
        assert await old.ended() == b""


async def test_another_host_is_answered_421_with_a_problem_that_no_browser_can_use(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        for host in ("evil.test", f"{HOST}.evil.test", f"x{HOST}", "127.0.0.1", f"{HOST}:x"):
            wire = await rig.connect()
            answer = await wire.get(host=host)
            assert (answer.status, answer.code) == (421, Code.MISDIRECTED.value), host
            assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert await wire.ended() == b""
        wire = await rig.connect()
        assert (await wire.get(host=f"{HOST.upper()}:8443")).status == 200
        assert web.seen == ["/"]


async def test_limits_of_head_and_body_answer_with_their_codes(tmp_path: Path) -> None:
    web = Web()
    async with (
        running_web(tmp_path / "web.sock", web),
        running_front(tmp_path / "web.sock", FrontLimits(body_max_bytes=1000)) as rig,
    ):
        large = [
            f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {'x' * 17_000}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: {HOST}\r\n" + "X: y\r\n" * 200 + "\r\n",
            f"GET /{'x' * 17_000} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        ]
        for text in large:
            wire = await rig.connect()
            await wire.send(text)
            answer = await wire.answer()
            assert (answer.status, answer.code) == (431, Code.TOO_LARGE.value)
            assert await wire.ended() == b""
        wire = await rig.connect()
        assert (await wire.get(extra=f"X: {'x' * 15_000}\r\n")).status == 200
        bodies = [
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1001\r\n\r\n",
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1001\r\n\r\n" + "x" * 1001,
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + "x" * 1001,
        ]
        for text in bodies:
            wire = await rig.connect()
            await wire.send(text)
            answer = await wire.answer()
            assert (answer.status, answer.code) == (413, Code.TOO_LARGE.value)
            assert await wire.ended() == b""
        assert web.seen == ["/"]


async def test_memory_for_bodies_is_one_budget_for_all(tmp_path: Path) -> None:
    bounds = FrontLimits(body_max_bytes=1000, buffered_max_bytes=1500)
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock", bounds) as rig:
        head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n"
        first, second = await rig.connect(), await rig.connect()
        await first.send(head + "x" * 999)
        await rig.until("bytes_in", len(head) + 999)
        await second.send(head + "x" * 999)
        answer = await second.answer()
        assert (answer.status, answer.code) == (503, Code.BUSY.value)
        assert int(answer.headers["retry-after"]) > 0
        await first.send("x")
        assert (await first.answer()).echoed["body"] == 1000
        third = await rig.connect()
        await third.send(head + "x" * 1000)
        assert (await third.answer()).status == 200


async def test_one_address_holds_a_part_of_that_memory_and_others_go_on(tmp_path: Path) -> None:
    bounds = FrontLimits(buffered_max_bytes=10_000, buffered_an_address_max_bytes=2500)
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock", bounds) as rig:
        head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n"
        greedy = [await rig.connect() for _ in range(8)]
        for wire in greedy:
            await wire.send(head + "x" * 999)
        await rig.until("refused_busy", 6)
        for address in ("127.0.0.2", "127.0.0.3"):
            other = await rig.connect(source=address)
            await other.send(head + "x" * 1000)
            assert (await other.answer()).echoed["body"] == 1000, "one address holds up another"
        more = await rig.connect()
        await more.send(head + "x" * 1000)
        answer = await more.answer()
        assert (answer.status, answer.code) == (503, Code.BUSY.value)


async def test_who_shows_no_token_has_nothing_large_to_say(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        for size, token, status in (
            (OPEN_BODY_MAX_BYTES, "", 200),
            (OPEN_BODY_MAX_BYTES + 1, "", 413),
            (OPEN_BODY_MAX_BYTES + 1, "Authorization: Bearer x\r\n", 200),
            (REQUEST_BODY_MAX_BYTES + 1, "Authorization: Bearer x\r\n", 413),
        ):
            wire = await rig.connect()
            await wire.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{token}Content-Length: {size}\r\n\r\n")
            if status == 200:
                await wire.send(b"x" * size)
            assert (await wire.answer()).status == status, (size, token)
        assert web.seen == ["/", "/"]


async def test_a_request_whose_client_left_is_cancelled_at_the_web_part(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"GET /wait HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        await rig.until("requests", 1)
        await until(lambda: "/wait" in web.seen)
        await wire.close()
        await until(web.cancelled.is_set)
        other = await rig.connect()
        assert (await other.get("/other")).echoed["target"] == "/other"
