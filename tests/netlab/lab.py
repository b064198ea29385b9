"""A lab: switches, hosts and routers with their NATs, alive for the length of a `with` block.

    with Lab() as lab:
        internet = lab.switch(v4="203.0.113.0/24", v6="2001:db8::/64")
        server = lab.host("server", internet)
        flat = lab.switch()
        lab.router("home", wan=internet, lan=flat, nat=nat.home)
        laptop = lab.host("laptop", flat)
        laptop.run(["ping", "-c1", str(server.ip)])

Root is not needed where the kernel lets users make namespaces. Names carry this process's pid, though nothing outside
the lab sees them. Whatever happens, nothing of it stays: see keeper.py.
"""

import itertools
import os
import shutil
import tempfile
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.netlab import nat as nats
from tests.netlab.host import Host
from tests.netlab.impairment import PERFECT, Impairment
from tests.netlab.keeper import Keeper, LabUnavailable
from tests.netlab.router import Router
from tests.netlab.switch import Switch
from tests.netlab.wire import Wire

__all__ = ["Host", "Lab", "LabUnavailable", "Switch"]

_numbers = itertools.count(1)


class Lab:
    """Everything made by it ends with it. `LabUnavailable` says why this machine cannot have one."""

    def __init__(self, folder: Path | None = None, *, user_namespace: bool | None = None) -> None:
        """Logs and captures go to `folder`, which stays; without one to a temporary folder that goes with the lab.

        `user_namespace`: whether to be root in a namespace of its own; by default where we are not root.
        """
        self._prefix = f"w{os.getpid()}-{next(_numbers)}"
        self._own_folder = folder is None
        self._keeper = Keeper(user_namespace=os.geteuid() != 0 if user_namespace is None else user_namespace)
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"{self._prefix}-"))
        self.hosts: dict[str, Host] = {}
        self._switches = 0

    def switch(self, name: str = "", *, v4: str | None = None, v6: str | None = None) -> Switch:
        """A new Ethernet; without networks of your choice it gets private ones of its own."""
        self._switches += 1
        number = self._switches
        return Switch(
            self._keeper, name or f"switch{number}", f"sw{number}",
            IPv4Network(v4 or f"10.200.{number}.0/24"), IPv6Network(v6 or f"fd77:{number:x}::/64"),
        )  # fmt: skip

    def host(self, name: str, *switches: Switch, offload: bool = True, wire: Wire | None = None) -> Host:
        """A new host with one interface on each switch, the first of them through `wire` where there is one.

        `offload=False` turns its NICs' offloads off.
        """
        host = Host(self._keeper, f"{self._prefix}-{name}", name, self.folder)
        self.hosts[name] = host
        for number, switch in enumerate(switches):
            host.attach(switch, offload=offload, wire=None if number else wire)
        return host

    def wire(self, name: str, impairment: Impairment = PERFECT, *, seed: int = 1) -> Wire:
        """A cable that delays, loses and doubles as told; give it to a host or router that is made then."""
        wire = Wire(self._keeper, f"{self._prefix}-{name}", name, self.folder, impairment, seed=seed)
        self.hosts[name] = wire
        return wire

    def router(
        self, name: str, *, wan: Switch, lan: Switch, nat: nats.Recipe = nats.none, more: int = 0,
        wire: Wire | None = None,
    ) -> Router:  # fmt: skip
        """A host that forwards between two switches (`eth0` is the WAN) and is the gateway of `lan`.

        IPv6 is routed without translation, behind the recipe's filter; IPv4 so only where `nat` is `nat.none`. It has
        `more` further addresses outside; its WAN goes through `wire` where there is one.
        """
        router = Router(self._keeper, f"{self._prefix}-{name}", name, self.folder)
        self.hosts[name] = router
        router.attach(wan, wire=wire)
        router.attach(lan)
        router.serve(nat, more)
        if nat is nats.none:
            wan.add_route(str(lan.v4), router)
        wan.add_route(str(lan.v6), router)
        lan.add_route("0.0.0.0/0", router)
        lan.add_route("::/0", router)
        return router

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every program and namespace of the lab."""
        try:
            for host in self.hosts.values():
                host.end()
        finally:
            self._keeper.close()
            if self._own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)
