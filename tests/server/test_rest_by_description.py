"""Requests made from the server's own description, sent to its admin socket and judged by the description."""

import http.client
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests.adapters import HTTPAdapter
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance
from tests.server.running import RunningServer
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from warren.server.web import describe

EXCLUDED = [
    positive_data_acceptance,  # names and tags have a grammar that refuses what the description calls a string
    allow_header_conformance,  # Litestar's answer to OPTIONS names the methods of one handler of several on a path
]
schema = schemathesis.openapi.from_dict(dict(describe()))


class UnixAdapter(HTTPAdapter):
    """requests over one unix socket, whatever the URL's host."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._pool = UnixPool(path)

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> Any:
        return self._pool


class UnixPool(HTTPConnectionPool):
    """A pool whose connections go to one unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> Any:
        path = self._path

        class Connection(HTTPConnection):
            def connect(self) -> None:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(60)
                self.sock.connect(str(path))

        connection = Connection("localhost")
        assert isinstance(connection, http.client.HTTPConnection)
        return connection


@pytest.fixture(scope="module")
def session(server: RunningServer) -> requests.Session:
    made = requests.Session()
    made.mount("http://", UnixAdapter(server.data / "admin.sock"))
    return made


@schema.parametrize()
@settings(max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case[Any], session: requests.Session) -> None:
    case.call_and_validate(base_url="http://localhost", session=session, excluded_checks=EXCLUDED)
