"""What is being done about the way to a peer, and what stands in its way: a few words for status. Pure.

Decides words only; nothing else in the program reads them.
"""

from collections.abc import Iterable

from warren.node.paths.nat import Mapping
from warren.node.paths.path import Path, Wholeness


def note_of(current: Path, others: Iterable[Path], own: Mapping, peer: Mapping, *, forced: bool) -> str:
    """What to say beside the path in use; empty where all is well. `own`, `peer`: how both sides are translated."""
    if not current.is_relay:
        if current.give_up_at is not None and current.unanswered > 1:
            return "no answer"
        return Wholeness.HOLE.value if current.wholeness is Wholeness.HOLE else ""
    if forced:
        return "forced, no answer" if current.is_silent else "forced"
    if current.is_silent:
        return "no answer"
    obstacle = _obstacle(others, own, peer)
    return f"trying direct: {obstacle}" if obstacle else "trying direct"


def note_without_path(known: Iterable[Path], *, forced: bool) -> str:
    """What to say where there is no path."""
    if forced:
        return "no relay, and only relays may be used"
    paths = list(known)
    if not paths:
        return "no address of the peer is known"
    is_trying = any(path.schedule for path in paths)
    return "trying direct" if is_trying else "no address of the peer answers"


def _obstacle(paths: Iterable[Path], own: Mapping, peer: Mapping) -> str:
    if any(path.wholeness is Wholeness.HOLE for path in paths if not path.is_relay):
        return Wholeness.HOLE.value
    if own is Mapping.BLOCKED:
        return "UDP blocked here"
    if peer is Mapping.BLOCKED:
        return "UDP blocked at the peer"
    return "symmetric NAT" if Mapping.VARIES in {own, peer} else ""
