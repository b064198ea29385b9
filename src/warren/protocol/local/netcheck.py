"""`POST /v1/netcheck`: what this machine's network lets through, and one sentence of advice. Exactly the JSON of
`warren netcheck --json`; the daemon makes it, or where none runs the command itself, as far as it can."""

from typing import Literal

import msgspec

NatWord = Literal["none", "stable", "varies", "blocked", "unknown"]
"""How the outer endpoint comes about: no translation, one for every destination, another for each, no UDP at all."""


class NetcheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Of which network (None: the only one), and for how long answers may be waited for."""

    network: str | None = None
    wait_s: float = 4.0


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """IPv4 or IPv6. `works`: an answer came over it; None where nobody could be asked. `mapped`: as servers see us."""

    works: bool | None
    mapped: str | None = None
    has_address: bool = False
    nat: NatWord = "unknown"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A default gateway. `protocols`: `pcp`, `nat-pmp`, `upnp` to `present` or why not. `external`: what is mapped."""

    family: int
    address: str
    protocols: dict[str, str]
    method: str | None = None
    external: str | None = None


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """A relay; `latency_ms` None: not reached, `trouble` says why. `over`: `udp`, `websocket`."""

    name: str
    latency_ms: float | None = None
    home: bool = False
    over: str = ""
    trouble: str = ""


class Netcheck(msgspec.Struct, frozen=True, kw_only=True):
    """Everything; `udp` and `mapping_varies` None: not known. `asked_by`: `daemon`, or `command` where none runs.

    `forced`: this machine was told to use relays only. `direct_peers`, `relayed_peers`: by how many it goes so.
    """

    udp: bool | None
    ipv4: Family
    ipv6: Family
    mapping_varies: bool | None
    gateways: tuple[Gateway, ...]
    captive_portal: bool | None
    relays: tuple[Relay, ...]
    advice: str = ""
    network: str = ""
    asked_by: str = "daemon"
    forced: bool = False
    direct_peers: int = 0
    relayed_peers: int = 0


def advise(found: Netcheck) -> str:  # noqa: PLR0911 - one a thing that may stand in the way
    """One sentence: the first thing that stands in the way and what to do about it, or that nothing does.

    What is not known is said to be so: silence of all servers is no sign of anything else.
    """
    has_mapping = any(one.external is not None for one in found.gateways if one.family == 4)
    is_open6 = found.ipv6.works is True
    if found.captive_portal:
        return "A sign-in page stands before the internet: open a web browser, sign in, and try again."
    is_out_of_reach = any(one.trouble for one in found.relays) and all(one.latency_ms is None for one in found.relays)
    if is_out_of_reach and (found.udp is not False or found.captive_portal is None):
        return (
            "No relay answers now, so only direct paths that stand carry anything: "
            "see whether the server is up, and whether this machine reaches it."
        )
    if found.forced:
        return "Only relays are used, as this machine was told: allow direct paths with `warren up --no-force-relay`."
    if found.udp is False:
        way = "through a relay over TLS" if any(one.latency_ms is not None for one in found.relays) else "by no way yet"
        where = "UDP is blocked here, or at the server (UDP 3478)"
        return f"{where}, so peers are reached {way}: let it through to have direct paths."
    if found.udp is None:
        return "No server could be asked what this machine looks like from outside: name one with --server, or `up`."
    if found.mapping_varies and not has_mapping:
        more = "; IPv6 helps where both sides have it" if is_open6 else ""
        return (
            "The router takes another port for every peer (symmetric NAT), so some pairs need a relay: "
            f"switch on UPnP, NAT-PMP or PCP in the router, or forward the tunnel's port{more}."
        )
    if found.mapping_varies is None and not has_mapping and not _is_public(found):
        return f"{_ONE_PLACE}{_experience(found)}."
    return f"All is well: {_what_helps(found, has_mapping=has_mapping)}."


_ONE_PLACE = (
    "UDP passes, but one place alone cannot tell whether the router takes another port for every peer (symmetric NAT), "
    "for which a relay at another address is needed"
)


def _experience(found: Netcheck) -> str:
    if not found.direct_peers and not found.relayed_peers:
        return ""
    return f"; of the peers here {found.direct_peers} are reached directly, {found.relayed_peers} by a relay"


def _is_public(found: Netcheck) -> bool:
    return "none" in {found.ipv4.nat, found.ipv6.nat}


def _what_helps(found: Netcheck, *, has_mapping: bool) -> str:
    if has_mapping:
        return "the router maps a port for this machine, so peers reach it directly"
    if _is_public(found):
        return "this machine has a public address, so peers reach it directly unless a firewall forbids"
    return "direct paths to most peers are possible, and a port mapping in the router would help the rest"
