"""How a router of the lab translates addresses and ports: nftables rules for the NAT hooks (RFC 4787, section 4).

Each function gives one `table ip nat`. The nftables of a chain with `type nat` see the first packet of a flow only, and
every new remote end is a new flow; that is what the dynamic maps below live on. `inward` says to which host and port an
outside port belongs, `heard` which remote addresses a host spoke to from there.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address

SEQUENCE_FIRST, SEQUENCE_PORTS = 41_000, 2_000  # the ports a sequential NAT counts through
_HASH_FIRST, _HASH_PORTS = 40_000, 20_000  # where a NAT that does not keep ports puts them (before the byte swap)

_MAPS = """
  map inward { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 65535; timeout 300s; }
  set heard { type inet_service . ipv4_addr; flags dynamic,timeout; size 65535; timeout 300s; }
"""
_REMEMBER = "update @inward { udp sport : ip saddr . udp sport } update @heard { udp sport . ip daddr }"


def _out(wan: str, udp: str, others: str = "masquerade") -> str:
    return f"""
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{wan}" meta l4proto udp {udp}
    oifname "{wan}" {others}
  }}
"""


def kept_port(wan: str, address: IPv4Address, demand: str) -> str:
    """Endpoint-independent, the port kept; a new flow comes in where `demand` (a match, perhaps empty) holds."""
    return f"""
table ip nat {{
{_MAPS}
  chain in {{
    type nat hook prerouting priority -100;
    iifname "{wan}" ip daddr {address} meta l4proto udp {demand} dnat ip to udp dport map @inward
  }}
{_out(wan, f"{_REMEMBER} snat to {address}")}
}}
"""


def masquerade(wan: str, flags: str = "") -> str:
    """The kernel's own: ports kept while free, or by `flags` (`fully-random`) a new one for each remote end."""
    return f"table ip nat {{ {_out(wan, f'masquerade {flags}', f'masquerade {flags}')} }}\n"


def hashed_port(wan: str, address: IPv4Address, of: str, seed: int) -> str:
    """A port that follows from `of` (what nftables concatenates) and the seed."""
    port = f"jhash {of} mod {_HASH_PORTS} seed {seed} offset {_HASH_FIRST}"
    return f"table ip nat {{ {_out(wan, f'snat ip to {address} : {port}')} }}\n"


def sequential_port(wan: str, address: IPv4Address) -> str:
    """The next port for each new flow."""
    ports = ", ".join(f"{number} : {SEQUENCE_FIRST + number}" for number in range(SEQUENCE_PORTS))
    return (
        f"table ip nat {{ {_out(wan, f'snat ip to {address} : numgen inc mod {SEQUENCE_PORTS} map {{ {ports} }}')} }}\n"
    )


def random_address(wan: str, addresses: Sequence[IPv4Address]) -> str:
    """Another outside address and port for each new flow."""
    choice = ", ".join(f"{number} : {address}" for number, address in enumerate(addresses))
    rule = f"snat ip to numgen random mod {len(addresses)} map {{ {choice} }} fully-random"
    return f"table ip nat {{ {_out(wan, rule, rule)} }}\n"


def one_to_one(wan: str, address: IPv4Address, inside: IPv4Address) -> str:
    """All that comes for the address goes to one host, and all from it leaves by the address: a cloud's machine."""
    return f"""
table ip nat {{
  chain in {{
    type nat hook prerouting priority -100;
    iifname "{wan}" ip daddr {address} dnat to {inside}
  }}
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{wan}" ip saddr {inside} snat to {address}
    oifname "{wan}" masquerade
  }}
}}
"""


def hairpin(wan: str, lan: str, address: IPv4Address) -> str:
    """A full cone for both sides: who is behind it reaches its neighbour by the outside address, and is seen by it."""
    return f"""
table ip nat {{
{_MAPS}
  chain in {{
    type nat hook prerouting priority -100;
    ip daddr {address} meta l4proto udp dnat ip to udp dport map @inward
  }}
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{wan}" meta l4proto udp {_REMEMBER} snat to {address}
    oifname "{lan}" ct status dnat meta l4proto udp {_REMEMBER} snat to {address}
    oifname "{wan}" masquerade
  }}
}}
"""


def masquerade6(wan: str, flags: str = "") -> str:
    """The same as `masquerade` for IPv6, which few but some networks do."""
    return f"""
table ip6 nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "{wan}" masquerade {flags}
  }}
}}
"""
