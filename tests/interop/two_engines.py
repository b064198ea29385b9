"""Two hosts of the lab with a tunnel of our engine between them, without daemons and server."""

import os
from ipaddress import ip_interface

from tests.interop.engine import Engine
from tests.netlab.lab import Lab

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

A, B, A6, B6 = "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"


class TwoEngines:
    """`a` knows where `b` is, which answers whoever comes; no filter at either."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch()
        self.hosts = lab.host("a", lan), lab.host("b", lan)
        keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
        self.a, self.b = (
            Engine(host, "warren%d", key.private_bytes().reveal()) for host, key in zip(self.hosts, keys, strict=True)
        )
        there = str(Endpoint(self.hosts[1].ip, self.b.port))
        self.a.set_peer(keys[1].public, f"{B}/32,{B6}/128", endpoint=there)
        self.b.set_peer(keys[0].public, f"{A}/32,{A6}/128", mode="ROAM")
        self.a.up(ip_interface(f"{A}/24"), ip_interface(f"{A6}/64"))
        self.b.up(ip_interface(f"{B}/24"), ip_interface(f"{B6}/64"))

    def end(self) -> None:
        """End both."""
        self.a.end()
        self.b.end()
