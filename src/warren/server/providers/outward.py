"""The one way by which the server asks others over HTTP: bounded in size and time, and to public addresses only.

Decides where a question may go (SSRF): the name is looked up here, every address it has must be public unless the
caller's setting says otherwise, and the connection goes to the address that was judged, so that a name which changes
its answer between look and use gains nothing. Redirects are not followed, compressed answers not taken. Must not know
what is asked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from ipaddress import IPv4Address, IPv6Address

import httpx2

from warren.errors import Code, WarrenError
from warren.limits import PROVIDER_ANSWER_MAX_BYTES, PROVIDER_CALL_MAX_S

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public internet, and so is the one that it may carry inside."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            return False
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


@cache
def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts; reading that takes 20 ms."""
    return ssl.create_default_context()


class Outward(httpx2.AsyncHTTPTransport):
    """A transport for httpx2. `private`: whether private and loopback addresses are allowed."""

    def __init__(self, *, private: bool) -> None:
        super().__init__(verify=_trusted(), trust_env=False)
        self._private = private

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Judge, connect to what was judged, and bound the answer. Raises WarrenError FORBIDDEN or MALFORMED."""
        host = request.url.host
        address = await self._judged(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(address))  # the Host header was set before, and stays
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise WarrenError(Code.MALFORMED, f"{host} answered in a form that was not asked for")
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous transport has asynchronous bodies")
        response.stream = _Bounded(response.stream)
        return response

    async def _judged(self, host: str, port: int) -> IPv4Address | IPv6Address:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise WarrenError(Code.SERVER_UNREACHABLE, f"there is no {host[:200]}") from error
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if not self._private and not all(map(is_public, addresses)):
            raise WarrenError(
                Code.FORBIDDEN,
                f"{host[:200]} is at a private address",
                "if that is meant, say private = true for this provider",
            )
        return addresses[0]


class _Bounded(httpx2.AsyncByteStream):
    """A body of at most PROVIDER_ANSWER_MAX_BYTES."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > PROVIDER_ANSWER_MAX_BYTES:
                raise WarrenError(Code.TOO_LARGE, "the provider's answer is larger than it may be")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def one_question(host: str) -> AsyncIterator[None]:
    """The deadline of a question, and one refusal for whatever the network does. Raises WarrenError."""
    try:
        async with asyncio.timeout(PROVIDER_CALL_MAX_S):
            yield
    except TimeoutError as error:
        raise WarrenError(Code.TIMEOUT, f"{host} did not answer in time", "try again") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
        raise WarrenError(Code.SERVER_UNREACHABLE, f"{host} cannot be reached", "try again") from error
