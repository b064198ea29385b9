"""Our engine on one host and a stock wireguard-go on another, configured for each other."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_interface
from pathlib import Path

from tests.interop.engine import Engine
from tests.interop.wireguard_go import WireguardGo
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.wire import Wire

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair

STOCK_PORT = 51820
_INNER = {4: ("10.77.0.1/24", "10.77.0.2/24"), 6: ("fd77:77::1/64", "fd77:77::2/64")}


@dataclass(frozen=True, slots=True)
class Joined:
    """Both devices, their hosts, and their addresses inside the tunnel."""

    engine: Engine
    stock: WireguardGo
    our_host: Host
    their_host: Host
    our_address: IPv4Address | IPv6Address
    their_address: IPv4Address | IPv6Address


@contextmanager
def join(
    lab: Lab, program: Path, *, we_initiate: bool = True, with_preshared_key: bool = False, outer: int = 4,
    inner: int | None = None, mtu: int | None = None, offloads: int | None = None, env: Mapping[str, str] | None = None,
    behind_us: str = "", wire: Wire | None = None, transport: str = "wireguard",
) -> Iterator[Joined]:  # fmt: skip
    """Only the side that is to initiate knows where the other is; the inner packets are of the outer's family, or of
    `inner`. `behind_us`: one more prefix that the stock peer may reach through us.
    """
    lan = lab.switch()
    our_host, their_host = lab.host("ours", lan, wire=wire), lab.host("theirs", lan)
    ours, theirs = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    preshared_key = os.urandom(32) if with_preshared_key else b""
    our_inner, their_inner = map(ip_interface, _INNER[inner or outer])
    stock = WireguardGo.start(program, their_host, "wgo", theirs.private_bytes().reveal(), STOCK_PORT)
    with Engine(our_host, "ours%d", ours.private_bytes().reveal(), mtu=mtu, offloads=offloads, env=env) as engine:
        there = Endpoint(their_host.ip6 if outer == 6 else their_host.ip, STOCK_PORT)
        here = (our_host.ip6 if outer == 6 else our_host.ip, engine.port)
        engine.set_peer(
            theirs.public,
            str(their_inner.network),
            preshared_key=preshared_key,
            endpoint=str(there) if we_initiate else "",
            mode="MANAGED" if we_initiate else "ROAM",
            transport=transport,
        )
        stock.set_peer(
            ours.public,
            ",".join(filter(None, (str(our_inner.network), behind_us))),
            preshared_key=preshared_key or bytes(32),
            endpoint=None if we_initiate else here,
        )
        engine.up(our_inner)
        stock.up(their_inner)
        yield Joined(engine, stock, our_host, their_host, our_inner.ip, their_inner.ip)


@dataclass(frozen=True, slots=True)
class Twins:
    """Two engines of ours, their hosts, and their addresses inside the tunnel."""

    engines: tuple[Engine, Engine]
    hosts: tuple[Host, Host]
    addresses: tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]


@contextmanager
def join_twins(
    lab: Lab, *, outer: int = 4, inner: int = 4, mtu: int | None = None,
    transports: tuple[str, str] = ("wireguard", "wireguard"),
) -> Iterator[Twins]:  # fmt: skip
    """Both know where the other is."""
    lan = lab.switch()
    hosts = lab.host("one", lan), lab.host("two", lan)
    keys = ExchangeKeyPair(os.urandom(32)), ExchangeKeyPair(os.urandom(32))
    inside = tuple(map(ip_interface, _INNER[inner]))
    with ExitStack() as stack:
        engines = tuple(
            stack.enter_context(Engine(host, "twin%d", key.private_bytes().reveal(), mtu=mtu))
            for host, key in zip(hosts, keys, strict=True)
        )
        for me, you in ((0, 1), (1, 0)):
            place = Endpoint(hosts[you].ip6 if outer == 6 else hosts[you].ip, engines[you].port)
            allowed = str(inside[me].network)
            engines[me].set_peer(keys[you].public, allowed, endpoint=str(place), transport=transports[me])
            engines[me].up(inside[me])
        yield Twins((engines[0], engines[1]), hosts, (inside[0].ip, inside[1].ip))
