"""What stands in the way on a router: a table of its own each, so it comes and goes in mid-flow.

    router.nft(obstacles.no_udp)
    router.nft(obstacles.gone("no_udp"))

Pure: texts for nftables.
"""

no_udp = """
table inet no_udp {
  chain forward { type filter hook forward priority -10; policy accept; meta l4proto udp drop; }
}
"""
"""No UDP passes, either way."""

only_443 = """
table inet only_443 {
  chain forward {
    type filter hook forward priority -10; policy drop;
    ct state established,related accept
    tcp dport 443 accept
    meta l4proto ipv6-icmp accept
  }
}
"""
"""TCP to port 443 goes out, and its answers come in; nothing else passes."""

nothing = """
table inet nothing {
  chain forward { type filter hook forward priority -20; policy drop; }
}
"""
"""The router forwards nothing: a network that hangs, with the cable in."""

# A timeout object does nothing at priority -200, where conntrack itself looks; -199 is the first that counts.
short_udp = """
table ip short_udp {
  ct timeout brief { protocol udp; l3proto ip; policy = { unreplied : 2, replied : 3 }; }
  chain early { type filter hook prerouting priority -199; policy accept; meta l4proto udp ct timeout set "brief"; }
}
"""
"""Mappings of UDP last 2 s, 3 s once answered."""


def gone(table: str, family: str = "inet") -> str:
    """Take an obstacle away."""
    return f"delete table {family} {table}\n"


def no_udp_between(*ends: str) -> str:
    """UDP between these addresses and anybody is dropped (`no_udp_between` as a table); all else passes."""
    v4 = ", ".join(end for end in ends if ":" not in end)
    v6 = ", ".join(end for end in ends if ":" in end)
    rules = [f"meta l4proto udp {way} {{ {v4} }} drop;" for way in ("ip daddr", "ip saddr") if v4]
    rules += [f"meta l4proto udp {way} {{ {v6} }} drop;" for way in ("ip6 daddr", "ip6 saddr") if v6]
    chain = f"chain forward {{ type filter hook forward priority -10; policy accept; {' '.join(rules)} }};"
    return f"table inet no_udp_between {{ {chain} }}\n"


def mtu_hole(most_bytes: int, *, towards: str = "") -> str:
    """Longer packets vanish, fragments too, and nobody is told (no ICMP 'too big' passes or is made here).

    `towards`: only packets to and from this IPv4 address.
    """
    ways = (f"ip daddr {towards} ", f"ip saddr {towards} ") if towards else ("",)
    drops = "; ".join(f"{way}ip frag-off & 0x3fff != 0 drop; {way}meta length > {most_bytes} drop" for way in ways)
    return f"""
table inet mtu_hole {{
  chain early {{
    type filter hook prerouting priority -450; policy accept;
    {drops}
  }}
  chain forward {{
    type filter hook forward priority -10; policy accept;
    icmp type destination-unreachable icmp code 4 drop
    icmpv6 type packet-too-big drop
  }}
}}
"""


def loss(percent: int) -> str:
    """So many of a hundred forwarded packets are dropped, by chance."""
    chain = f"chain forward {{ type filter hook forward priority -10; numgen random mod 100 < {percent} drop; }};"
    return f"table inet loss {{ {chain} }}\n"
