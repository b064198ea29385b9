"""`POST /v1/up`: be on; join a network where server and key say so. Idempotent; streams progress.

Decides what a request means: everything in it is read before anything changes; a key joins (or finds that this machine
is in that network already), no key brings up what is on disk. It ends well when every network asked for is in force: a
session, or a verified state from disk while the server is away. A network that was joined by this very request and
cannot be brought up is left again, so that a refused first `up` leaves nothing behind.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import UP_SESSION_WAIT_S, UP_TIMEOUT_MAX_S
from warren.model.names import parse_host_label, parse_network_name, parse_tag, suggest_host_label
from warren.model.transport import TransportWish
from warren.node.api.caller import uid_of_user
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.control.joining import Entry
from warren.node.control.place import ServerPlace, parse_server
from warren.node.network import Network
from warren.node.rights import check_tun_rights
from warren.protocol.local.rights import Right
from warren.protocol.local.stream import Progress
from warren.protocol.local.up import UpNetwork, UpRequest, UpResult
from warren.trust.admission_key import AdmissionKey
from warren.trust.admission_key import parse as parse_key
from warren.trust.words import code_of


@dataclass(frozen=True, slots=True)
class _Wish:
    """The request, read and checked."""

    place: ServerPlace | None
    key: AdmissionKey | None
    entry: Entry
    operator_uid: int | None
    port: int | None
    timeout_s: float
    hostname: str | None
    network: str | None
    force_relay: bool | None
    alias: str | None
    ipv6_only: bool | None
    transport: TransportWish | None


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Come up."""
    wish = _read(request, scope)
    check_tun_rights()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wish.timeout_s
    await scope.roster.load()
    networks, joined = await _networks(scope, wish, reply)
    for network in networks:
        if network is not joined:
            _refuse_what_stays(network, wish)
    try:
        await _set_wishes(scope, wish, networks)
        await scope.set_wanted(up=True, operator_uid=wish.operator_uid)
        if scope.convergence is not None:
            scope.convergence.request()
        for network in networks:
            if network.is_waiting and network is joined:
                await _tell_waiting(network, reply)
            await in_force(network, deadline - loop.time())
            await scope.roster.settle_names()
    except WarrenError:
        if joined is not None and joined.is_waiting:
            raise _still_waiting(joined) from None
        if joined is not None:
            await scope.roster.leave(joined)
            await scope.set_wanted(up=bool(scope.roster.networks), operator_uid=scope.wanted.operator_uid)
        raise
    kept = [_kept_warning(network, wish) for network in networks if network is not joined]
    warnings = [_plain_warning(wish.place), *kept, *map(_refused_warning, networks)]
    await reply.line(
        UpResult(
            networks=tuple(result_of(network, joined=network is joined) for network in networks),
            warnings=tuple(warning for warning in warnings if warning),
            survives_reboot=scope.survives_reboot,
        )
    )


def _read(request: Request, scope: Scope) -> _Wish:
    body = request.decode(UpRequest)
    operator_uid = scope.wanted.operator_uid
    if body.operator is not None:
        if request.right < Right.ROOT:
            raise WarrenError(Code.FORBIDDEN, "only root names an operator")
        operator_uid = uid_of_user(body.operator)
    if body.port is not None and not 1 <= body.port <= 65535:
        raise WarrenError(Code.INVALID_ARGUMENT, f"{body.port} is not a port (1 to 65535)")
    if not 0 < body.timeout_s <= UP_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a timeout is more than 0 and at most {UP_TIMEOUT_MAX_S:g} s")
    if body.state is not None and body.state != str(scope.loaded.settings.state.resolve()):
        raise WarrenError(
            Code.CONFLICT,
            f"the daemon on this socket keeps its state in {scope.loaded.settings.state}",
            "give another --socket as well",
        )
    if body.auth_key is not None and body.network is not None:
        raise WarrenError(Code.INVALID_ARGUMENT, "a key names its network itself")
    if body.auth_key is not None and body.server is None:
        raise WarrenError(Code.INVALID_ARGUMENT, "a key needs its server", "add --server URL")
    name = body.hostname if body.hostname is not None else suggest_host_label(socket.gethostname()) or ""
    return _Wish(
        place=parse_server(body.server) if body.server is not None else None,
        key=parse_key(body.auth_key) if body.auth_key is not None else None,
        entry=Entry(
            hostname=parse_host_label(name) if body.hostname is not None else name,
            tags=tuple(parse_tag(tag) for tag in body.tags or ()),
            ephemeral=bool(body.ephemeral),
            ipv4=not body.ipv6_only,
        ),
        operator_uid=operator_uid,
        port=body.port,
        timeout_s=body.timeout_s,
        hostname=body.hostname,
        network=body.network,
        force_relay=body.force_relay,
        alias=None if body.alias is None else parse_network_name(body.alias),
        ipv6_only=body.ipv6_only,
        transport=body.transport,
    )


async def _set_wishes(scope: Scope, wish: _Wish, networks: Sequence[Network]) -> None:
    """What can be changed in a network that this machine is in."""
    if (wish.alias is not None or wish.ipv6_only is not None) and len(networks) != 1:
        raise WarrenError(
            Code.INVALID_ARGUMENT, "an alias, or IPv6 alone, is for one network", "name it with --network"
        )
    if wish.alias is not None:
        if any(one.name == wish.alias for one in scope.roster.networks if one not in networks):
            raise WarrenError(Code.CONFLICT, f"another network is called '{wish.alias}' on this machine already")
        await networks[0].set_here(alias=wish.alias)
    for network in networks:
        if wish.ipv6_only is not None:
            await network.set_here(ipv4=not wish.ipv6_only)
        if wish.force_relay is not None:
            await network.set_force_relay(forced=wish.force_relay)
        if wish.transport is not None:
            await network.set_transport(wish.transport)
        if wish.port is not None:
            await network.set_port(wish.port)


async def _networks(scope: Scope, wish: _Wish, reply: Reply) -> tuple[tuple[Network, ...], Network | None]:
    """The networks that this request means, and which of them was joined by it."""
    if wish.place is None:
        if not scope.roster.networks:
            raise scope.roster.refusal() or WarrenError(
                Code.NOT_UP, "this machine is in no network", "join one: warren up --server URL --auth-key KEY"
            )
        if wish.network is not None:
            return (scope.roster.find(wish.network),), None
        joined = tuple(n for n in scope.roster.networks if n.parts.membership.state == "member")
        return joined or scope.roster.networks, None
    known = tuple(n for n in scope.roster.networks if n.parts.membership.server == wish.place.url)
    if wish.key is None:
        if not known:
            raise WarrenError(
                Code.NOT_A_MEMBER, f"this machine is in no network of {wish.place.url}", "join with --auth-key KEY"
            )
        if wish.network is not None:
            return (scope.roster.find(wish.network),), None
        return known, None
    await reply.line(Progress(text=f"joining by {wish.place.url}"))
    try:
        async with asyncio.timeout(wish.timeout_s):
            found = await scope.roster.join(wish.place, wish.key, wish.entry, wish.port, wish.transport or "auto")
    except TimeoutError as error:
        text = f"{wish.place.url} did not admit this node in time"
        raise WarrenError(Code.TIMEOUT, text, "try again, with a longer --timeout") from error
    except WarrenError as error:
        if error.code is Code.SERVER_UNREACHABLE and known:
            return known, None  # up already, and the server is away: what is on disk is in force
        raise
    return (found.network,), found.network if found.is_new else None


async def in_force(network: Network, within_s: float) -> None:
    """Wait until the network carries packets, and for a moment longer until its session is open."""
    if not await network.until(lambda: network.tunnel is not None or network.failure is not None, max(within_s, 0.1)):
        raise _why_not(network)
    if network.failure is not None and network.tunnel is None:
        raise network.failure
    await network.until(
        lambda: network.link.state.state != "connecting" and network.carries,
        min(max(within_s, 0.1), UP_SESSION_WAIT_S),
    )


async def _tell_waiting(network: Network, reply: Reply) -> None:
    """Say which words an admin has to see as well."""
    words = await asyncio.to_thread(code_of, network.id, network.me)
    text = f"this network is locked: ask an admin to approve this machine; its words are: {words}"
    await reply.line(Progress(text=text))


def _still_waiting(network: Network) -> WarrenError:
    words = code_of(network.id, network.me)
    return WarrenError(
        Code.WAITING,
        f"this machine waits until an admin of the network approves it; its words are: {words}",
        "an admin runs: warren member approve NAME; this machine comes up by itself then",
    )


def _why_not(network: Network) -> WarrenError:
    state = network.link.state
    if state.state == "away" and state.code is not None:
        return WarrenError(state.code, state.reason, "see `warren status`")
    if network.map is None and network.held is not None:
        text = f"{network.name}: no valid membership of this node is known"
        return WarrenError(Code.NOT_A_MEMBER, text, "`warren leave`, and join anew with a key")
    return WarrenError(Code.TIMEOUT, f"{network.name} did not come up in time", "see `warren status`")


def result_of(network: Network, *, joined: bool) -> UpNetwork:
    """A network that is in force, as the user is told of it."""
    me = network.map.me if network.map is not None else None
    return UpNetwork(
        network=network.name,
        name=me.name if me is not None else "",
        fqdn=me.fqdn if me is not None else "",
        addresses=tuple(str(address) for address in me.addresses) if me is not None else (),
        server=network.parts.membership.server,
        joined=joined,
        state_of=None if network.link.state.state == "connected" else network.as_of,
    )


def _plain_warning(place: ServerPlace | None) -> str:
    if place is None or place.secure or place.is_loopback:
        return ""
    return f"{place.url} is without TLS: others on the way see which machines meet (not what they say)"


def _refused_warning(network: Network) -> str:
    """What is held stays in force, whatever a server says; but a server that refuses is not one that is away."""
    state = network.link.state
    if state.state != "away" or state.code not in {Code.REMOVED, Code.NOT_A_MEMBER, Code.NETWORK_UNKNOWN}:
        return ""
    return f"{network.name}: {state.reason}: `warren leave`, and join anew with a key"


def _refuse_what_stays(network: Network, wish: _Wish) -> None:
    """WarrenError CONFLICT where a network that this machine is in already says otherwise than what was asked for: a
    script that sets a name or a tag has to hear that it did not. The same words as at the join are no change: a key may
    give more tags than were asked for, and a network another name where one was taken."""
    me = network.parts.membership
    member = network.held.view.members.get(network.me) if network.held is not None else None
    if member is None or network.map is None:
        return  # it is not known yet what is so
    name, tags = network.map.me.name, member.membership.tags
    if wish.hostname is not None and wish.hostname not in {name, me.hostname}:
        what = f"this machine is '{name}' in {network.name}, and a member keeps its name"
    elif not set(wish.entry.tags) <= {*tags, *me.tags}:
        what = f"this machine's tags in {network.name} are {', '.join(tags) or 'none'}, and a member keeps its tags"
    elif wish.entry.ephemeral and not me.ephemeral:
        what = f"this machine is a lasting member of {network.name}"
    else:
        return
    raise WarrenError(Code.CONFLICT, what, "leave and join anew to change it: warren leave, then warren up with a key")


def _kept_warning(network: Network, wish: _Wish) -> str:
    """What was asked for and counts later."""
    if wish.port is not None and network.tunnel is not None and network.tunnel.port != wish.port:
        return f"{network.name}: the port stays {network.tunnel.port} until `warren down` and `warren up`"
    return ""
