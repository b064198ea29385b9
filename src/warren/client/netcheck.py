"""What the network lets through where no daemon runs: asks a server's STUN port and its `/health` by itself.

Decides as little as it can: one socket a family, each address of the server asked STUN_TRIES times, the answers as the
daemon would tell them. Port mappings and relays are the daemon's to know, and stay empty here.
"""

import http.client
import os
import select
import socket
import ssl
import time
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import PORTAL_ANSWER_MAX_BYTES
from warren.model.addresses import Endpoint
from warren.protocol.local.netcheck import Family, Netcheck, advise
from warren.protocol.rest.portal import HEALTH_PATH, is_portal
from warren.wire import stun

_TRY_EVERY_S = 0.3  # between two requests to one address
_ADDRESSES_MAX = 4  # of a server, a family
_READ_BYTES = 2048


def check(url: str, wait_s: float) -> Netcheck:
    """Ask the server at `url`; WarrenError INVALID_ARGUMENT for no URL, NOT_FOUND where its name leads nowhere."""
    host, port, is_secure = _server(url)
    places = _places(host)
    seen = {family: _ask(family, places[family], wait_s) for family in places}
    ipv4, ipv6 = _family(seen, socket.AF_INET), _family(seen, socket.AF_INET6)
    answered = [mapped for mapped in seen.values() if mapped]
    varies = [len(set(mapped)) > 1 for mapped in answered if len(mapped) > 1]
    portal = _portal(host, port, wait_s, is_secure=is_secure)
    found = Netcheck(
        udp=bool(answered) if answered or portal is not None else None,  # where nothing answers at all, who knows
        ipv4=ipv4,
        ipv6=ipv6,
        mapping_varies=any(varies) if varies else None,
        gateways=(),
        captive_portal=portal,
        relays=(),
        asked_by="command",
    )
    return msgspec.structs.replace(found, advice=advise(found))


def _server(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"}:
        raise WarrenError(Code.INVALID_ARGUMENT, "not a server's URL", "like https://vpn.example.org")
    return host, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https"


def _places(host: str) -> dict[socket.AddressFamily, list[Endpoint]]:
    """The server's STUN endpoints by family."""
    try:
        found = socket.getaddrinfo(host, stun.DEFAULT_PORT, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise WarrenError(
            Code.NOT_FOUND, f"no address of {host} is known", "is the name right, and is DNS up?"
        ) from error
    places: dict[socket.AddressFamily, list[Endpoint]] = {}
    for family, _, _, _, where in found:
        endpoint = Endpoint(ip_address(str(where[0]).partition("%")[0]), int(where[1]))
        known = places.setdefault(family, [])
        if endpoint not in known and len(known) < _ADDRESSES_MAX:
            known.append(endpoint)
    return places


def _ask(family: socket.AddressFamily, servers: list[Endpoint], wait_s: float) -> list[Endpoint]:
    """How each server that answers sees one socket of ours."""
    waiting = {os.urandom(stun.TRANSACTION_BYTES): server for server in servers}
    seen: list[Endpoint] = []
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        asking.settimeout(0)
        deadline = time.monotonic() + wait_s
        while waiting and (left_s := deadline - time.monotonic()) > 0:
            for transaction, server in waiting.items():
                _send(asking, server, stun.encode_binding_request(transaction))
            readable, _, _ = select.select([asking], [], [], min(_TRY_EVERY_S, left_s))
            if readable:
                mapped = _answer(asking, waiting)
                seen += [mapped] if mapped is not None else []
    return seen


def _send(asking: socket.socket, server: Endpoint, request: bytes) -> None:
    try:
        asking.sendto(request, (str(server.address), server.port))
    except OSError:
        return  # no way there, by this family


def _answer(asking: socket.socket, waiting: dict[bytes, Endpoint]) -> Endpoint | None:
    """One answer to a question that waits, which then waits no more."""
    try:
        datagram, sender = asking.recvfrom(_READ_BYTES)
        answer = stun.decode_binding_response(datagram)
    except (OSError, WarrenError):
        return None
    server = waiting.get(answer.transaction)
    if server is None or ip_address(sender[0].partition("%")[0]) != server.address:
        return None
    del waiting[answer.transaction]
    return answer.mapped if isinstance(answer, stun.BindingSuccess) else None


def _family(seen: dict[socket.AddressFamily, list[Endpoint]], family: socket.AddressFamily) -> Family:
    if family not in seen:
        return Family(works=None)
    mapped = seen[family]
    word = "varies" if len(set(mapped)) > 1 else "stable" if len(mapped) > 1 else "unknown"
    return Family(
        works=bool(mapped),
        mapped=str(mapped[0]) if mapped else None,
        has_address=bool(mapped),
        nat=word if mapped else "blocked",  # type: ignore[arg-type]
    )


def _portal(host: str, port: int, wait_s: float, *, is_secure: bool) -> bool | None:
    if is_secure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent, and a sign-in page has no certificate of the server's
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=wait_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=wait_s)
    try:
        connection.request("GET", HEALTH_PATH)
        answer = connection.getresponse()
        body = answer.read(PORTAL_ANSWER_MAX_BYTES)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    location, kind = answer.getheader("location", "") or "", answer.getheader("content-type", "") or ""
    return is_portal(host, answer.status, location, kind, body)
