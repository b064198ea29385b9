"""Who gets in through a router of the lab: nftables rules for the filter hooks (RFC 4787, section 5; RFC 6092 for v6).

The router itself drops what is new from the WAN except ICMP echo. Without that an early punch makes a conntrack entry
on the router, the later flow of the host behind it gets another port, and two homes never meet.
"""

ESTABLISHED_ONLY = """
table inet guard {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{wan}" ct state established,related accept
    iifname "{wan}" icmp type echo-request accept
    iifname "{wan}" meta l4proto ipv6-icmp accept
    iifname "{wan}" drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{wan}" ct state established,related accept
    iifname "{wan}" ct status dnat accept
    iifname "{wan}" drop
  }}
}}
"""


def guard(wan: str) -> str:
    """Only answers come in, and what the router was told to hand inwards (`ct status dnat`): address and port."""
    return ESTABLISHED_ONLY.format(wan=wan)
