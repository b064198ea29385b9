"""A sign-in page is what only a stranger in between would answer; a server that refuses is none."""

import pytest

from warren.protocol.rest.portal import is_portal

JSON, HTML = "application/json", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "location", "kind", "body"),
    [
        (511, "", HTML, b""),
        (302, "http://login.hotel.example/?u=x", HTML, b""),
        (307, "//192.0.2.1/login", "", b""),
        (200, "", HTML, b"<html><body>Welcome"),
        (200, "", "", b"\n <!DOCTYPE html><title>Sign in"),
    ],
)
def test_a_stranger_in_between_is_seen(status: int, location: str, kind: str, body: bytes) -> None:
    assert is_portal("vpn.example.org", status, location, kind, body)


@pytest.mark.parametrize(
    ("status", "location", "kind", "body"),
    [
        (200, "", JSON, b'{"status":"ok"}'),
        (503, "", "application/problem+json", b"{}"),
        (404, "", HTML, b"<html>not found"),
        (301, "https://VPN.example.org/health", "", b""),
        (302, "/elsewhere", "", b""),
        (302, "http://[", "", b""),
    ],
)
def test_a_server_that_answers_refuses_or_moves_within_itself_is_none(
    status: int, location: str, kind: str, body: bytes
) -> None:
    assert not is_portal("vpn.example.org", status, location, kind, body)
