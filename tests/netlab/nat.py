"""Recipes for routers: how each kind of NAT maps and filters, as nftables rules (RFC 4787 has the terms).

One function a kind: from the names of the router's sides to a ruleset. The router itself drops what is new from the
WAN except ICMP echo; without that an early punch makes a conntrack entry on the router, and the later flow of the host
behind it gets another port.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Sides:
    """What a recipe may speak of: the router's interfaces and its address outside."""

    wan: str
    lan: str
    address: IPv4Address


Recipe = Callable[[Sides], str]


def _guard(sides: Sides) -> str:
    return f"""
table inet guard {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{sides.wan}" ct state established,related accept
    iifname "{sides.wan}" icmp type echo-request accept
    iifname "{sides.wan}" meta l4proto ipv6-icmp accept
    iifname "{sides.wan}" drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{sides.wan}" ct state established,related accept
    iifname "{sides.wan}" ct status dnat accept
    iifname "{sides.wan}" drop
  }}
}}
"""


def none(sides: Sides) -> str:
    """A plain router: everything passes both ways."""
    return ""


def home(sides: Sides) -> str:
    """Endpoint-independent mapping while ports are free, address- and port-dependent filtering: most homes."""
    return f"""
{_guard(sides)}
table ip nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{sides.wan}" masquerade
  }}
}}
"""


def symmetric(sides: Sides) -> str:
    """Address- and port-dependent mapping with random ports: no other peer can guess the next one."""
    return f"""
{_guard(sides)}
table ip nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{sides.wan}" masquerade fully-random
  }}
}}
"""
