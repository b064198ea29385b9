"""What was refused of what came in the name of peers: signals and probes, counted by reason. Pure.

Decides nothing: whoever refuses adds one. The engine counts what it drops before Python sees it (`drop_probe_*`).
"""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Refused:
    """Of one network, since the daemon began."""

    signal_forged: int = 0
    """The peer did not seal it, or not for us, or for another network; or it was altered on the way."""
    signal_replayed: int = 0
    """Older than what the peer told already, or the same once more. What honest peers send two ways comes twice."""
    probe_replayed: int = 0
    """A ping that is not newer than the newest: answered, for a pong is as long, but it teaches nothing."""
    probe_unasked: int = 0
    """A pong that no ping is out for."""

    def counters(self) -> dict[str, int]:
        """By name, as the engine names its own."""
        return {f"drop_{name}": count for name, count in asdict(self).items()}
