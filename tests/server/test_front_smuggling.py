"""Requests that two parsers could read in two ways: none of them reaches the web part."""

from pathlib import Path

import pytest
from tests.server.front_rig import HOST, UPGRADE, Web, running_front, running_web

from warren.errors import Code

SMUGGLED = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n"
POST = f"POST / HTTP/1.1\r\nHost: {HOST}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
BAD = {
    "a length beside chunks": f"{POST}Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n{SMUGGLED}",
    "chunks beside a length": f"{POST}{CHUNKED}Content-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "two lengths": f"{POST}Content-Length: 0\r\nContent-Length: 50\r\n\r\n{SMUGGLED}",
    "the same length twice": f"{POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a length with a sign": f"{POST}Content-Length: +0\r\n\r\n{SMUGGLED}",
    "a coding that is not chunked": f"{POST}Transfer-Encoding: xchunked\r\n\r\n{SMUGGLED}",
    "two codings": f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": f"{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two hosts": f"{GET}Host: evil.test\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\nAccept: a\r\n\r\n",
    "a folded line": f"{GET}X: a\r\n {CHUNKED}\r\n",
    "a bare line feed": f"GET / HTTP/1.1\r\nHost: {HOST}\nX: a\r\n\r\n",
    "only bare line feeds": f"GET / HTTP/1.1\nHost: {HOST}\n\n",
    "a bare carriage return": f"{GET}X: a\r{CHUNKED}\r\n",
    "a zero byte": f"{GET}X: a\0b\r\n\r\n",
    "an absolute target": f"GET http://evil.test/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "a tunnel": f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "a line before the request": f"\r\n{GET}\r\n",
    "HTTP/2 in the clear": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a handshake of TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an upgrade with a body": f"{GET}{UPGRADE}Content-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("name", BAD)
async def test_an_ambiguous_request_is_refused_before_the_web_part_hears_of_it(name: str, tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(BAD[name])
        answer = await wire.answer()
        assert (answer.status, answer.code) == (400, Code.MALFORMED.value)
        assert await wire.ended() == b"", "nothing that follows is answered"
        assert web.seen == []


async def test_a_bad_request_behind_a_good_one_is_refused_after_the_good_ones_answer(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(f"GET /good HTTP/1.1\r\nHost: {HOST}\r\n\r\nGET /bad HTTP/1.1\nHost: {HOST}\r\n\r\n")
        assert (await wire.answer()).echoed["target"] == "/good"
        assert (await wire.answer()).code == Code.MALFORMED.value
        assert await wire.ended() == b""
        assert web.seen == ["/good"]


async def test_what_follows_a_chunked_body_or_a_declined_upgrade_is_no_request(tmp_path: Path) -> None:
    web = Web()
    async with running_web(tmp_path / "web.sock", web), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        await wire.send(
            f"POST /chunks HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        )
        assert (await wire.answer()).echoed["target"] == "/chunks"
        assert await wire.ended() == b""
        wire = await rig.connect()
        await wire.send(f"GET /refused HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n{SMUGGLED}")
        assert (await wire.answer()).status == 403
        assert await wire.ended() == b""
        assert web.seen == ["/chunks", "/refused"]


async def test_an_unasked_protocol_is_not_offered_to_the_web_part(tmp_path: Path) -> None:
    async with running_web(tmp_path / "web.sock", Web()), running_front(tmp_path / "web.sock") as rig:
        wire = await rig.connect()
        answer = await wire.get(extra="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n")
        names = {name for name, _ in answer.echoed["headers"]}
        assert names == {"host", "x-warren-peer", "x-warren-connection"}
