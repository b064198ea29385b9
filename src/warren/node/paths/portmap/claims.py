"""Which outer endpoints a gateway may claim for us. Pure.

Decides that a lying gateway (or whoever answers in its place) cannot point our peers at a victim with much: an address
must be one that a machine outside can have and, once servers have told under which addresses they see us, one of those;
a port must be one that gateways give. What passes is still only a candidate: nobody sends more than a few probes to it
before an authenticated answer (SECURITY.md, rule 34). Private addresses pass: behind two NATs the inner one gives them,
and a neighbour behind the outer one can use them.
"""

from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from warren.model.addresses import Endpoint
from warren.node.paths.candidates import is_probeable

_SYSTEM_PORTS = 1024  # services of others live below; no gateway gives such a port unasked
_INNER = tuple(  # RFC 1918, and the inside of a carrier's NAT (RFC 6598)
    IPv4Network(prefix) for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


def claim_problem(
    external: Endpoint, source: IPv4Address | IPv6Address, seen: AbstractSet[IPv4Address | IPv6Address]
) -> str:
    """Why this claim is not believed; empty where it is. `seen`: our addresses as servers saw them."""
    address = external.address
    if address.version != source.version or not is_probeable(external, ()) or address.is_link_local:
        return f"no machine outside has the address {address}"
    if external.port < _SYSTEM_PORTS:
        return f"port {external.port} belongs to a service"
    if isinstance(address, IPv6Address):
        return "" if address == source else f"{address} is not this machine's address"
    if address.is_reserved:
        return f"no machine outside has the address {address}"
    outside = {one for one in seen if one.version == 4}
    is_inner = any(address in prefix for prefix in _INNER)
    if outside and not is_inner and address != source and address not in outside:
        return f"servers see this machine at another address than {address}"
    return ""
