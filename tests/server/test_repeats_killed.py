"""The server dies between a change and its answer: who sends the request again gets the answer, and nothing is there
twice; dies before the commit: it is done once then. On each database, and as the command line does it by itself."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.client import rest
from warren.client.rest import RestClient
from warren.failpoints import SWITCH, VARIABLE
from warren.protocol.rest.audit import AuditPage
from warren.protocol.rest.keys import KeyCreate, KeyCreated, Keys


@pytest.fixture(name="server", params=["sqlite", "postgresql"])
def _server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    if request.param == "postgresql":
        running.env = {"DATABASE_URL": request.getfixturevalue("postgresql").database()}
    yield running
    running.stop()


async def test_a_key_that_was_made_while_the_server_died_is_there_once_and_its_secret_is_told(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "CLIENT_AGAIN_S", 60.0)  # a start beside other workers
    plain, made = dict(server.env), list[KeyCreated]()
    for place in ("repeat.committed",) if plain else ("repeat.kept", "repeat.committed"):  # on PostgreSQL the one
        server.env = plain | {SWITCH: "yes", VARIABLE: f"{place}:kill"}
        server.start()
        with ThreadPoolExecutor(1) as pool:
            client = RestClient(str(server.data), timeout_s=90.0)
            asked = pool.submit(client.post, "networks", "default", "keys", body=KeyCreate(uses=2), kind=KeyCreated)
            assert server.wait() == -signal.SIGKILL, "its failpoint was not reached"
            assert not asked.done()
            server.env = plain
            server.start()
            made.append(asked.result(90.0))
        listed = server.rest.get("networks", "default", "keys", kind=Keys).keys
        assert {one.id for one in listed} == {one.key.id for one in made}
        log = server.rest.get("audit", kind=AuditPage, query={"action": "key.created"}).entries
        assert len(log) == len(made)
        async with TestNode(server.node_url) as node:
            assert await node.join(made[-1].secret, f"node{len(made)}") is None
        server.stop()
