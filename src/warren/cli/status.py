"""`warren status`: self first, a line a node, then what is wrong (CLI.md, Formats).

Decides the words for a path; what is true of it the daemon says. *Connected* is only what has a fresh round trip.
"""

import time

import msgspec

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.cli.moments import show_clock
from warren.cli.units import show_bytes, show_duration, show_latency, show_offline
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local.rights import STATUS
from warren.protocol.local.status import Network, Peer, Status

_MOVED_SHOWN_S = 600.0  # a change of path so recent is shown with its reason
_HEAD = ("NAME", "ADDRESS", "STATE", "LATENCY", "RX/TX")


def status(parsed: Parsed) -> int:
    """Print the status; exit code 0 where the daemon answers."""
    client = local_client(parsed)
    if parsed.is_on("json"):
        output.say_json(client.get(STATUS, msgspec.Raw))
        return output.DONE
    shown = client.get(STATUS, Status)
    for line in render(shown, time.time(), parsed.text("network")):
        output.say(line)
    return output.DONE


def render(shown: Status, now: float, network: str | None = None) -> list[str]:
    """Return the lines of a status at `now` (Unix seconds), of one network or of all. NETWORK_UNKNOWN for another."""
    networks = [one for one in shown.networks if network in {None, one.name, one.id}]
    if shown.networks and not networks:
        there_are = ", ".join(one.name for one in shown.networks)
        raise WarrenError(Code.NETWORK_UNKNOWN, f"this machine is in no network {network}", f"there are: {there_are}")
    names = {one.name for one in networks}
    peers = [one for one in shown.peers if one.network in names]
    if not networks:
        return ["in no network: join one with  warren up --server URL --auth-key KEY", *_health(shown)]
    is_long = len(networks) > 1
    rows = [_own_row(one, is_long=is_long) for one in networks]
    told = {one.name for one in networks if one.server.state == "connected"}
    rows += [_peer_row(one, now, is_long=is_long, is_told=one.network in told) for one in peers]
    away = [_away(one, now) for one in networks if one.server.state != "connected" and not _is_told(one, shown)]
    moved = [line for one in peers if (line := _moved(one, now, is_long=is_long))]
    return [*output.aligned(_HEAD, rows), *moved, *away, *_health(shown)]


def state_of(peer: Peer, now: float, *, is_told: bool = True) -> str:  # noqa: PLR0911 - one a state
    """Return how a peer is reached, in words. `is_told`: the server says right now who is on."""
    path = peer.path
    note = f" ({path.note})" if path.note else ""
    if not peer.allowed:
        return f"not allowed: {peer.allowed_reason}" if peer.allowed_reason else "not allowed"
    if is_told and is_away(peer):
        return show_offline(peer.last_seen, now)
    if path.kind == "direct":
        silent = " (no answer)" if path.latency_ms is None and not note else note
        return f"direct {path.endpoint or ''}{silent}"
    if path.kind == "relay":
        return f"relay {path.relay or ''}".rstrip() + note
    if path.kind == "peer-relay":
        return f"relayed by {path.relay or 'a peer'}{note}"
    if peer.online:
        return path.note or "connecting"
    return show_offline(peer.last_seen, now)


def is_away(peer: Peer) -> bool:
    """Its server has no session with it, and nothing of it answers: what is left of a path leads nowhere."""
    return not peer.online and peer.path.latency_ms is None


def _moved(peer: Peer, now: float, *, is_long: bool) -> str:
    """Why a peer is on a relay, or changed its path not long ago; empty where there is nothing to tell."""
    path = peer.path
    is_news = len(path.history) > 1 and now - path.history[-1].at < _MOVED_SHOWN_S
    if not peer.allowed or is_away(peer) or not path.history or not (path.kind == "relay" or is_news):
        return ""
    last = path.history[-1]
    name = f"{peer.name}.{peer.network}" if is_long else peer.name
    where = f"moved to {'relay ' if last.kind == 'relay' else ''}{last.via}" if last.kind != "none" else "lost its path"
    why = f", because {last.reason}" if last.reason else ""
    return printable(f"  {name} {where} at {show_clock(last.at, now)}{why}")


def _own_row(network: Network, *, is_long: bool) -> tuple[str, ...]:
    me = network.me
    return (f"{me.name}.{network.name}" if is_long else me.name, _address(me.addresses), "self", "", "")


def _peer_row(peer: Peer, now: float, *, is_long: bool, is_told: bool) -> tuple[str, ...]:
    path = peer.path
    return (
        f"{peer.name}.{peer.network}" if is_long else peer.name,
        _address(peer.addresses),
        state_of(peer, now, is_told=is_told),
        "" if path.latency_ms is None else show_latency(path.latency_ms),
        "" if is_told and is_away(peer) else f"{show_bytes(peer.rx_bytes)}/{show_bytes(peer.tx_bytes)}",
    )


def _address(addresses: tuple[str, ...]) -> str:
    return addresses[0] if addresses else ""


def _is_told(network: Network, shown: Status) -> bool:
    """Whether health says already why the server is away, in the daemon's better words."""
    return bool(network.server.reason) and any(network.server.reason in one.text for one in shown.health)


def _away(network: Network, now: float) -> str:
    server = network.server
    since = "" if server.since is None else f" for {show_duration(now - server.since)}"
    why = f": {server.reason}" if server.reason else ""
    return printable(f"! server {server.url} {server.state}{since}{why}")


def _health(shown: Status) -> list[str]:
    return [printable(f"! {one.text}" + (f": {one.fix}" if one.fix else "")) for one in shown.health]
