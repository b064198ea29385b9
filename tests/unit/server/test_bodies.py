"""What is read of a request, and what is kept of it."""

import pytest
from litestar import _parsers

from warren.server.bodies import BodyRequest, read_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("__Host-warren=abc", {"__Host-warren": "abc"}),
        ("a=1; b=2;c=3 ; ", {"a": "1", "b": "2", "c": "3"}),
        ("a=1; a=2", {"a": "2"}),
        ("a=b=c; none; =d", {"a": "b=c", "": "d"}),
        ("; ;=;", {"": ""}),
    ],
)
def test_cookies_are_read_as_they_stand(header: str, cookies: dict[str, str]) -> None:
    assert read_cookies(header) == cookies


def test_no_cookie_outlives_its_request() -> None:
    """What a session showed is its secret, and what strangers show may be many kilobytes."""
    kept = _parsers.parse_cookie_string.cache_info()
    for number in range(3):
        header = f"__Host-warren=secret-{number}"
        request = BodyRequest({"type": "http", "headers": [(b"cookie", header.encode())]})  # type: ignore[arg-type]
        assert request.cookies == {"__Host-warren": f"secret-{number}"}
    assert _parsers.parse_cookie_string.cache_info() == kept
