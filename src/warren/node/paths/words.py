"""How a path is shown to people and programs: the values of `protocol.local.status` from the agent's own. Pure.

Decides words only. The agent's times are monotonic; `epoch_s` is what makes Unix seconds of them.
"""

from collections.abc import Callable

from warren.model.addresses import Hop, RelayHop
from warren.node.paths.events import PathState
from warren.node.paths.history import Change, History, Quality
from warren.protocol.local.status import Path, PathChange, PathKind, PathQuality


def kind_of(hop: Hop | None) -> PathKind:
    """The one word for a hop."""
    if hop is None:
        return "none"
    return "relay" if isinstance(hop, RelayHop) else "direct"


def via_of(hop: Hop | None, relay_name: Callable[[int], str]) -> str:
    """The endpoint, or the relay's name."""
    if hop is None:
        return ""
    return relay_name(hop.relay) if isinstance(hop, RelayHop) else str(hop)


def path_words(
    state: PathState, history: History, latency_ms: float | None, relay_name: Callable[[int], str], epoch_s: float
) -> Path:
    """Everything about the way to a peer. `latency_ms`: of a fresh round trip inside the session, None: there is none;
    then a path whose probes are answered has no session yet."""
    kind, via = kind_of(state.endpoint), via_of(state.endpoint, relay_name)
    is_silent = state.endpoint is not None and latency_ms is None
    return Path(
        kind=kind,
        endpoint=via if kind == "direct" else None,
        relay=via if kind == "relay" else None,
        latency_ms=latency_ms,
        since=epoch_s + state.since if state.since is not None else None,
        note=state.note or ("no session yet" if is_silent else ""),
        reason=state.reason,
        history=tuple(_change(one, relay_name, epoch_s) for one in history.changes),
        quality=tuple(_quality(one, epoch_s) for one in history.quality),
    )


def _change(change: Change, relay_name: Callable[[int], str], epoch_s: float) -> PathChange:
    return PathChange(
        at=epoch_s + change.at, kind=kind_of(change.hop), via=via_of(change.hop, relay_name), reason=change.reason
    )


def _quality(bucket: Quality, epoch_s: float) -> PathQuality:
    pings = bucket.answered + bucket.lost
    mean_s = bucket.rtt_mean_s
    return PathQuality(
        at=epoch_s + bucket.began_at,
        pings=pings,
        loss=round(bucket.lost / pings, 3) if pings else 0.0,
        latency_ms=round(mean_s * 1000, 3) if mean_s is not None else None,
        latency_max_ms=round(bucket.rtt_most_s * 1000, 3) if bucket.answered else None,
    )
