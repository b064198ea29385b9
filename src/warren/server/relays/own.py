"""How nodes reach this server's own relay: its key, the UDP addresses that the front listens on, and the server's URL.

Decides which host stands before the port: what a setting says, else the address listened on, else the URL's host. Pure.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from warren.limits import RELAY_ENDPOINTS_MAX
from warren.model.relays import relay_number
from warren.protocol.control.messages import RelayPlace

OWN_NAME: Final = "server"


def describe_own(key: bytes, listening: Sequence[str], *, host: str, url: str, announced: Sequence[str]) -> RelayPlace:
    """The relay with this X25519 key. `listening`: `ADDRESS:PORT` of the front's UDP sockets; `host` and `url` are the
    server's; `announced`: `HOST:PORT` texts that a setting gives, instead of all that.
    """
    found = announced or [place for one in listening if (place := _reachable(one, host)) is not None]
    udp = tuple(dict.fromkeys(found))[:RELAY_ENDPOINTS_MAX]
    return RelayPlace(number=relay_number(key), name=OWN_NAME, key=key, udp=udp, url=url)


def _reachable(listening: str, host: str) -> str | None:
    """Under which `HOST:PORT` a socket is reached; None where the host is an address of the other family."""
    bound, _, port = listening.rpartition(":")
    address = ip_address(bound.strip("[]"))
    if not address.is_unspecified:
        return listening
    try:
        named = ip_address(host)
    except ValueError:
        return f"{host}:{port}"  # a name may have addresses of both families
    if named.version != address.version:
        return None
    return f"[{host}]:{port}" if named.version == 6 else f"{host}:{port}"
