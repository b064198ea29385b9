"""`POST /v1/netcheck`: what this machine's network lets through, as the daemon knows it or finds out at once.

Decides which parts are asked and for how long one waits for them; what they mean was decided where it was seen
(`paths.nat`, `paths.portmap`, the relays), and the advice where both daemon and command find it (`advise`).
"""

import asyncio

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import NETCHECK_LOOK_S, NETCHECK_WAIT_MAX_S
from warren.model.addresses import Endpoint, RelayHop
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.control.portal import look_for_portal
from warren.node.network import Network
from warren.node.paths.nat import Mapping
from warren.node.paths.portmap.service import FamilyState
from warren.node.paths.relays import RelayView
from warren.protocol.local import netcheck as words

_NATS: dict[Mapping, words.NatWord] = {
    Mapping.UNKNOWN: "unknown",
    Mapping.NONE: "none",
    Mapping.STABLE: "stable",
    Mapping.VARIES: "varies",
    Mapping.BLOCKED: "blocked",
}


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Wait for what is being found out, then tell."""
    wish = request.decode(words.NetcheckRequest)
    if not 0 < wish.wait_s <= NETCHECK_WAIT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a wait is more than 0 and at most {NETCHECK_WAIT_MAX_S:g} s")
    if not scope.roster.networks:
        raise WarrenError(Code.NOT_UP, "this machine is in no network that is up", "warren up, or name a --server")
    network = scope.roster.find(wish.network) if wish.network else scope.roster.networks[0]
    portal, _ = await asyncio.gather(
        look_for_portal(network.link.place, wish.wait_s), _until_known(network, wish.wait_s)
    )
    found = _found(network, portal=portal)
    await reply.result(msgspec.structs.replace(found, advice=words.advise(found)))


async def _until_known(network: Network, wait_s: float) -> None:
    """Until servers have told how they see us and gateways what they speak; in steps, for neither has an event."""
    network.prober.ask_outside()
    for _ in range(round(wait_s / NETCHECK_LOOK_S)):
        if _is_known(network):
            return
        await asyncio.sleep(NETCHECK_LOOK_S)


def _is_known(network: Network) -> bool:
    return not network.prober.is_asking_outside and all(one.is_settled for one in network.portmap.state)


def _found(network: Network, *, portal: bool | None) -> words.Netcheck:
    mapping = network.prober.mapping
    families = [_family(network, version) for version in (4, 6)]
    # relays answer STUN at their UDP port: who did not just now has at best a session that nobody missed yet
    relays = tuple(_relay(view, is_silent=mapping is Mapping.BLOCKED) for view in network.relays.view())
    hops = [state.endpoint for peer in network.prober.peers if (state := network.prober.state(peer)) is not None]
    direct = sum(isinstance(hop, Endpoint) for hop in hops)
    is_reached = portal is False or any(relay.latency_ms is not None for relay in relays)
    is_blocked = mapping is Mapping.BLOCKED and is_reached  # else it is not UDP alone that is unanswered
    return words.Netcheck(
        udp=True if _has_udp(families, relays) or direct else False if is_blocked else None,
        ipv4=families[0],
        ipv6=families[1],
        mapping_varies=None if mapping in {Mapping.UNKNOWN, Mapping.BLOCKED} else mapping is Mapping.VARIES,
        gateways=tuple(map(_gateway, network.portmap.state)),
        captive_portal=portal,
        relays=relays,
        network=network.name,
        forced=network.prober.is_forced,
        direct_peers=direct,
        relayed_peers=sum(isinstance(hop, RelayHop) for hop in hops),
    )


def _has_udp(families: list[words.Family], relays: tuple[words.Relay, ...]) -> bool:
    """An answer to anything shows that it passes."""
    by_relay = any(relay.over == "udp" and relay.latency_ms is not None for relay in relays)
    return any(family.works for family in families) or by_relay


def _gateway(found: FamilyState) -> words.Gateway:
    return words.Gateway(
        family=found.family,
        address=found.gateway,
        protocols={method.value: text for method, text in found.found.items()},
        method=found.method.value if found.method is not None else None,
        external=str(found.external) if found.external is not None else None,
    )


def _relay(view: RelayView, *, is_silent: bool) -> words.Relay:
    over = view.carriage.name.lower() if view.carriage is not None else ""
    is_silent = is_silent and over == "udp"
    return words.Relay(
        name=view.name,
        latency_ms=round(view.rtt_s * 1000, 3) if view.rtt_s is not None and not is_silent else None,
        home=view.is_home,
        over=over,
        trouble=view.trouble or ("it does not answer" if is_silent else ""),
    )


def _family(network: Network, version: int) -> words.Family:
    nat = network.prober.nat(version)
    own = [address for address in network.surroundings.addresses if address.version == version]
    is_blocked = nat.mapping is Mapping.BLOCKED
    return words.Family(
        works=True if nat.outer else False if is_blocked else None,
        mapped=str(nat.outer[0]) if nat.outer else None,
        has_address=bool(own),
        nat=_NATS[nat.mapping],
    )
