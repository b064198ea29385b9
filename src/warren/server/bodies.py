"""JSON bodies and cookies of requests: bytes of anybody to values, or a refusal with 400.

Decides that nothing in a body is a bug of ours: the framework tells of JSON that is none, but not of text that is no
UTF-8 or of arrays in arrays without end. What a value has to be says the struct of its route. A cookie is the secret of
a session: the framework keeps the last thousand that anybody showed, for as long as the program runs; this keeps none.
"""

from typing import Any

from litestar import Request
from litestar.datastructures.state import State
from litestar.exceptions import ClientException
from litestar.serialization import decode_json

from warren.server.words import check_value


class BodyRequest(Request[Any, Any, State]):
    """A request whose body is refused where it is no JSON, and whose cookies are forgotten with it."""

    @property
    def cookies(self) -> dict[str, str]:
        """By name; of two of one name the last."""
        return read_cookies(self.headers.get("cookie", ""))

    async def json(self) -> Any:
        """The body's value, None where it is empty. Raises ClientException."""
        return read_json(await self.body())


def read_cookies(header: str) -> dict[str, str]:
    """The cookies of a header (RFC 6265, 4.2.1), as they stand there: ours need no quotes. What has no `=` is none."""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def read_json(body: bytes) -> Any:
    """The value, None for no bytes. Raises ClientException (400) for what is no JSON, SerializationException as the
    framework does, WarrenError INVALID_ARGUMENT for text that no database takes."""
    try:
        value = decode_json(body or b"null")
    except (UnicodeDecodeError, RecursionError) as error:
        raise ClientException("the body is no JSON") from error
    if b"\\" in body or not body.isascii():  # JSON has a NUL as an escape only
        check_value(value)
    return value
