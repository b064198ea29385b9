"""`POST /v1/ping`: round trips inside the session with a peer, a line each, with the path that carried them.

Decides whom a word names, when to stop, and what to say where no answer came. Until there is a path the pings wait for
one, so that the first ping to a new peer is answered as soon as anything can be.
"""

import asyncio
from ipaddress import ip_address

from warren.errors import Code, WarrenError
from warren.limits import PING_COUNT_MAX, PING_INTERVAL_MIN_S, PING_TIMEOUT_MAX_S
from warren.model.addresses import RelayHop
from warren.model.names import printable
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.dataplane.interface import Tunnel
from warren.node.netmap import Peer
from warren.node.network import Network
from warren.node.paths.echo import Echo
from warren.node.paths.words import kind_of, via_of
from warren.node.roster import Roster, show_short
from warren.protocol.local.ping import PingLost, PingPong, PingRequest, PingResult


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Ping until enough answers came."""
    wish = request.decode(PingRequest)
    _check(wish)
    network, peer = find_peer(scope.roster, wish.host, wish.network)
    answered = 0
    number = 0
    while number < wish.count:
        number += 1
        echo, reason = await _one(network, peer, wish.timeout_s)
        if echo is None:
            await reply.line(PingLost(number=number, name=peer.name, address=_address(peer), reason=reason))
        else:
            answered += 1
            pong = _pong(network, number, peer, echo)
            await reply.line(pong)
            if wish.until_direct and (pong.via == "direct" or network.prober.is_forced):
                break
        if number < wish.count:
            await asyncio.sleep(wish.interval_s)
    await reply.line(PingResult(sent=number, answered=answered))


def find_peer(roster: Roster, host: str, network: str | None) -> tuple[Network, Peer]:
    """The peer that a word names: `name`, `name.network`, its full name, an address, the start of an identity.

    WarrenError NOT_FOUND, or CONFLICT where several networks have it.
    """
    networks = roster.networks if network is None else (roster.find(network),)
    if not networks:
        raise WarrenError(Code.NOT_UP, "this machine is in no network that is up", "warren up")
    found = [(one, peer) for one in networks for peer in peers_named(one, host)]
    if len(found) > 1:
        names = ", ".join(
            f"{peer.name}.{one.name} ({_address(peer)}, network {show_short(one)})" for one, peer in found[:4]
        )
        fix = "name the network too, by --network with the start of its id where names are equal; or give the address"
        raise WarrenError(Code.CONFLICT, f"'{printable(host[:80])}' means several: {names}", fix)
    if found:
        return found[0]
    for one in networks:
        if names_self(one, host):
            raise WarrenError(
                Code.INVALID_ARGUMENT,
                f"'{printable(host[:80])}' is this machine itself",
                "name a peer; `warren status` shows them",
            )
    raise WarrenError(Code.NOT_FOUND, f"no peer is called '{printable(host[:80])}'", "see `warren status`")


def peers_named(network: Network, host: str) -> list[Peer]:
    """The network's peers that a word names."""
    return [peer for peer in network.map.peers if _is(network, peer, host)] if network.map is not None else []


def names_self(network: Network, host: str) -> bool:
    """Whether the word names this machine."""
    if network.map is None:
        return False
    me, word = network.map.me, host.lower().rstrip(".")
    names = {me.name, me.fqdn, f"{me.name}.{network.name}", *map(str, me.addresses)}
    return word in names or (len(word) >= 8 and me.identity.hex().startswith(word))


def _is(network: Network, peer: Peer, host: str) -> bool:
    word = host.lower().rstrip(".")
    if word in {peer.name, peer.fqdn, f"{peer.name}.{network.name}"}:
        return True
    if len(word) >= 8 and peer.identity.hex().startswith(word):
        return True
    try:
        return ip_address(word) in peer.addresses
    except ValueError:
        return False


async def _one(network: Network, peer: Peer, within_s: float) -> tuple[Echo | None, str]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    if not peer.allowed:
        await asyncio.sleep(0)
        return None, f"policy: {peer.allowed_reason}"
    if not await network.until(lambda: _has_path(network, peer), within_s):
        state = network.prober.state(peer.identity)
        online = "" if peer.online else "; the server says it is offline"
        return None, (state.note if state is not None else "the tunnel is not up") + online
    tunnel = network.tunnel
    if tunnel is None:
        return None, "the tunnel is not up"
    echo = await _ask(network, tunnel, peer, deadline - loop.time())
    return echo, "no answer inside the session"


async def _ask(network: Network, tunnel: Tunnel, peer: Peer, within_s: float) -> Echo | None:
    try:
        return await network.echoes.ask(tunnel, peer.identity, max(within_s, 0.05))
    except WarrenError as error:
        if error.code in {Code.NOT_FOUND, Code.NOT_UP}:
            return None  # the peer or the tunnel went while we asked
        raise


def _has_path(network: Network, peer: Peer) -> bool:
    state = network.prober.state(peer.identity)
    return state is not None and state.endpoint is not None


def _pong(network: Network, number: int, peer: Peer, echo: Echo) -> PingPong:
    state = network.prober.state(peer.identity)
    # where we send to; the answer may come from another address of a peer that has several. Direct is what was so both
    # ways: a peer that still answers by the relay has not moved
    hop = state.endpoint if state is not None and state.endpoint is not None else echo.endpoint
    if isinstance(echo.endpoint, RelayHop):
        hop = echo.endpoint
    return PingPong(
        number=number,
        name=peer.name,
        address=_address(peer),
        via=kind_of(hop),
        endpoint=via_of(hop, network.prober.relay_name),
        latency_ms=round(echo.rtt_s * 1000, 3),
    )


def _address(peer: Peer) -> str:
    return str(peer.addresses[0]) if peer.addresses else ""


def _check(wish: PingRequest) -> None:
    if not 1 <= wish.count <= PING_COUNT_MAX:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a count is 1 to {PING_COUNT_MAX}")
    if not PING_INTERVAL_MIN_S <= wish.interval_s <= PING_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"an interval is {PING_INTERVAL_MIN_S:g} to {PING_TIMEOUT_MAX_S:g} s")
    if not 0 < wish.timeout_s <= PING_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a timeout is more than 0 and at most {PING_TIMEOUT_MAX_S:g} s")
