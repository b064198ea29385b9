"""A server that stops while a session waits for something long, as a batch that is judged, stops without an error."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
import websockets

from warren.errors import Code, WarrenError
from warren.model.keys import SigningKeyPair
from warren.protocol import version
from warren.protocol.control.events import Greeted
from warren.protocol.control.frames import encode
from warren.protocol.control.messages import Hello
from warren.server.metrics import Metrics
from warren.server.serving import Listener, bind_unix
from warren.server.sessions import endpoint
from warren.server.sessions.admission import Admission
from warren.server.sessions.endpoint import NodeEndpoint
from warren.server.sessions.hub import Hub

FAR_S = 3600.0


@pytest.mark.parametrize("takes_s", [0.05, FAR_S])
async def test_a_session_in_the_middle_of_something_ends_without_an_error(
    admission: Admission,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    takes_s: float,
) -> None:
    began, ended = asyncio.Event(), list[str]()

    async def greet(_self: Admission, _hello: Greeted) -> None:
        began.set()
        try:
            await asyncio.sleep(takes_s)
        except asyncio.CancelledError:
            ended.append("cut off")
            raise
        ended.append("done")
        raise WarrenError(Code.NETWORK_UNKNOWN, "another one's")

    monkeypatch.setattr(Admission, "greet", greet)
    monkeypatch.setattr(endpoint, "HTTP_DRAIN_S", 0.5 if takes_s == FAR_S else FAR_S)
    node = NodeEndpoint(
        admission=admission,
        hub=Hub(lambda: 0.0),
        metrics=Metrics(),
        server_key=SigningKeyPair(os.urandom(32)),
        now=asyncio.get_running_loop().time,
        prove=lambda _number: None,
    )
    listener = Listener(node, bind_unix(tmp_path / "web.sock"))
    await listener.start()
    hello = Hello(versions=(version.OLDEST_SERVED, version.NEWEST), nonce=bytes(32), network=bytes(32))
    async with websockets.unix_connect(str(tmp_path / "web.sock"), uri="ws://localhost/") as client:
        await client.send(encode(hello))
        await began.wait()
        await node.drain()
        await listener.stop()
    assert ended == ["cut off" if takes_s == FAR_S else "done"]
    errors = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert errors == []
