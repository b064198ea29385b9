"""From which address of ours the kernel would send to another machine, as its routes are. Nothing is sent."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from warren.model.addresses import Endpoint


def source_toward(remote: Endpoint) -> IPv4Address | IPv6Address | None:
    """The address that a new connection would come from; None where there is no way."""
    family = socket.AF_INET if remote.address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            probe.connect((str(remote.address), remote.port))  # a UDP socket's connect only looks the way up
            return ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:
        return None
