"""`GET /v1/status`: this node, its peers, how packets reach them, and what is wrong.

Decides words and measures: *connected* (a latency) is said only after a fresh round trip inside the session, so peers
with a session are pinged first, all at once, for at most STATUS_PING_WAIT_S. Must not decide anything else: verdicts
and reasons come from where they were made.
"""

import asyncio
import time

from warren import __version__
from warren.errors import WarrenError
from warren.limits import STATUS_FRESH_S, STATUS_PING_WAIT_S, STATUS_PINGS_MAX
from warren.model.ids import Identity, NetworkId, show_identity, show_network_id
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.dataplane.interface import PeerStats
from warren.node.netmap import Peer
from warren.node.network import Network
from warren.node.paths.words import path_words
from warren.protocol.local import status as words


async def answer(scope: Scope, _request: Request, reply: Reply) -> None:
    """Measure, then tell."""
    scope.roster.damaged.look()
    networks = scope.roster.networks
    stats = {network.id: _stats(network) for network in networks}
    await _refresh(networks, stats)
    shown = tuple(_network(network) for network in networks)
    peers = tuple(
        _peer(network, peer, stats[network.id].get(peer.identity))
        for network in networks
        if network.map is not None
        for peer in sorted(network.map.peers, key=lambda one: one.name)
    )
    health = tuple(
        words.Health(code=entry.code, text=entry.text, since=entry.since, fix=entry.fix)
        for entry in scope.health.entries(time.time())
    )
    await reply.result(
        words.Status(version=__version__, me=shown[0].me if shown else None, networks=shown, peers=peers, health=health)
    )


def _stats(network: Network) -> dict[Identity, PeerStats]:
    found: dict[Identity, PeerStats] = {}
    if network.tunnel is None or network.map is None:
        return found
    try:
        for identity in network.tunnel.peers():
            found[identity] = network.tunnel.stats(identity)
    except WarrenError:
        return found  # the tunnel went while we looked
    return found


def _offloads(network: Network) -> dict[str, str]:
    try:
        return network.tunnel.offloads() if network.tunnel is not None else {}
    except WarrenError:
        return {}  # the tunnel went while we looked


def _workers(network: Network) -> int:
    try:
        return network.tunnel.workers() if network.tunnel is not None else 0
    except WarrenError:
        return 0  # the tunnel went while we looked


def _counters(network: Network, *prefixes: str) -> dict[str, int]:
    try:
        counters = network.tunnel.counters() if network.tunnel is not None else {}
    except WarrenError:
        return {}  # the tunnel went while we looked
    return {name: count for name, count in counters.items() if name.startswith(prefixes)}


async def _refresh(networks: tuple[Network, ...], stats: dict[NetworkId, dict[Identity, PeerStats]]) -> None:
    """Ping the peers whose session lives and whose last answer is not fresh."""
    now = time.monotonic()
    asked = []
    for network in networks:
        for identity, found in stats[network.id].items():
            last = network.echoes.latest(identity)
            is_fresh = last is not None and now - last.at < STATUS_FRESH_S
            if found.session_alive and found.endpoint is not None and not is_fresh and network.tunnel is not None:
                asked.append(network.echoes.ask(network.tunnel, identity, STATUS_PING_WAIT_S))
    await asyncio.gather(*asked[:STATUS_PINGS_MAX], return_exceptions=True)
    for unasked in asked[STATUS_PINGS_MAX:]:
        unasked.close()


def _network(network: Network) -> words.Network:
    link = network.link.state
    me = network.map.me if network.map is not None else None
    return words.Network(
        name=network.name,
        id=show_network_id(network.id),
        me=words.Self(
            name=me.name if me is not None else network.parts.membership.hostname,
            fqdn=me.fqdn if me is not None else "",
            addresses=tuple(str(address) for address in me.addresses) if me is not None else (),
            identity=show_identity(network.me),
            online=link.state == "connected",
        ),
        server=words.ServerState(
            url=network.parts.membership.server, state=link.state, since=link.since, reason=link.reason
        ),
        locked=network.is_locked,
        root="this server",  # networks whose root is elsewhere come with the issue that makes them
        expires=_expires(network),
        version_at=network.as_of,
        offloads=_offloads(network),
        workers=_workers(network),
        filter=_counters(network, "drop_filter_", "flows") | network.flows.counters(),
        refused=_counters(network, "drop_probe_") | network.prober.refused.counters(),
        transport=network.parts.membership.transport,
    )


def _expires(network: Network) -> float | None:
    member = network.held.view.members.get(network.me) if network.held is not None else None
    return None if member is None or member.membership.expires is None else float(member.membership.expires)


def _peer(network: Network, peer: Peer, stats: PeerStats | None) -> words.Peer:
    return words.Peer(
        name=peer.name,
        network=network.name,
        fqdn=peer.fqdn,
        addresses=tuple(str(address) for address in peer.addresses),
        user=peer.user,
        tags=peer.tags,
        identity=show_identity(peer.identity),
        wireguard_key=peer.wireguard_keys[0].hex(),
        path=_path(network, peer),
        last_handshake=stats.last_handshake_s if stats is not None else None,
        rx_bytes=stats.rx_bytes if stats is not None else 0,
        tx_bytes=stats.tx_bytes if stats is not None else 0,
        online=peer.online,
        cipher=stats.cipher.value if stats is not None and stats.cipher is not None else "",
        last_seen=peer.last_seen,
        allowed=peer.allowed,
        allowed_reason=peer.allowed_reason,
    )


def _path(network: Network, peer: Peer) -> words.Path:
    state, history = network.prober.state(peer.identity), network.prober.history(peer.identity)
    if state is None or history is None:
        return words.Path(kind="none")
    now = time.monotonic()
    last = network.echoes.latest(peer.identity)
    is_fresh = last is not None and now - last.at < STATUS_FRESH_S
    latency_ms = round(last.rtt_s * 1000, 3) if last is not None and is_fresh else None
    return path_words(state, history, latency_ms, network.prober.relay_name, time.time() - now)
