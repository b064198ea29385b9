"""A home router that maps ports on request: Debian's miniupnpd, on a router of the lab (PCP, NAT-PMP, UPnP-IGD).

Its rules stand in a table of ours: mappings in its nat chains, mappings and pinholes in a chain that our filter asks
before it drops what is new from outside. The WAN has to have public addresses, which the program insists on.
"""

import shutil
from collections.abc import Mapping

from tests.netlab.lab import Lab
from tests.netlab.nat import Sides
from tests.netlab.process import Process
from tests.netlab.router import Router
from tests.netlab.switch import Switch

PROGRAM = shutil.which("miniupnpd", path="/usr/sbin:/sbin:/usr/local/sbin")
WAN = {"v4": "11.22.33.0/24", "v6": "2001:db8:1::/64"}
LAN6 = "2001:db8:2::/64"


def opening(sides: Sides) -> str:
    """Masquerade, and a filter that lets in what miniupnpd accepts."""
    return f"""
table inet gate {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{sides.wan}" ct state established,related accept
    iifname "{sides.wan}" meta l4proto {{ icmp, ipv6-icmp }} accept
    iifname "{sides.wan}" drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{sides.wan}" ct state established,related accept
    jump mapped
    iifname "{sides.wan}" drop
  }}
  chain mapped {{
  }}
  chain before {{
    type nat hook prerouting priority -100; policy accept;
    jump inward
  }}
  chain after {{
    type nat hook postrouting priority 100; policy accept;
    jump outward
    meta nfproto ipv4 oifname "{sides.wan}" masquerade
  }}
  chain inward {{
  }}
  chain outward {{
  }}
}}
"""


class Home:
    """A LAN behind such a router. Speaks every protocol unless told otherwise."""

    def __init__(self, lab: Lab, internet: Switch, name: str = "home") -> None:
        self.lan = lab.switch(f"{name}-lan", v6=LAN6)
        self.router: Router = lab.router(name, wan=internet, lan=self.lan, nat=opening)
        self._folder = lab.folder
        self._starts = 0
        self.process: Process | None = None

    def start(self, **options: str) -> None:
        """Start miniupnpd, or start it anew; `options` as in its configuration file."""
        assert PROGRAM is not None
        self._starts += 1
        config = self._folder / f"{self.router.name}-{self._starts}.conf"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._settings(options).items()))
        self.process = self.router.start([PROGRAM, "-d", "-f", config, "-P", config.with_suffix(".pid")])
        self.process.wait_for("Listening for NAT-PMP/PCP")

    def _settings(self, options: Mapping[str, str]) -> dict[str, str]:
        return {
            "ext_ifname": self.router.sides.wan,
            "ext_ifname6": self.router.sides.wan,
            "listening_ip": self.router.sides.lan,
            "port": "5000",
            "enable_natpmp": "yes",
            "enable_upnp": "yes",
            "secure_mode": "yes",
            "system_uptime": "no",
            "min_lifetime": "30",
            "upnp_table_name": "gate",
            "upnp_nat_table_name": "gate",
            "upnp_forward_chain": "mapped",
            "upnp_nat_chain": "inward",
            "upnp_nat_postrouting_chain": "outward",
            "uuid": "6b1ed7d1-3b54-4a5c-9d5a-1c7d3d3b7a4e",
            "clean_ruleset_interval": "600",
            **options,
        }

    def restart(self, **options: str) -> None:
        """As after a power cut: what was mapped is forgotten."""
        assert self.process is not None
        self.process.stop()
        self.router.load(opening)
        self.router.forget()
        self.start(**options)

    def said(self) -> str:
        """What miniupnpd told of itself since its last start."""
        assert self.process is not None
        return self.process.output()

    def rules(self) -> str:
        """What is let in now."""
        words = ["nft", "list", "table", "inet", "gate"]
        return self.router.run(words).stdout
