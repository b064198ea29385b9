"""Whether words of a peer from elsewhere are worth a look at the path in use. Pure; times are monotonic seconds.

A peer that speaks from another hop than the one that is sent to has moved (another address, port or way out), or only
has another idea of the best path. A ping on the path in use tells the two apart. From a hop that was not heard last
time it is worth one at once: a pong from a moment ago says nothing of a move since. Where the path in use answered, the
gap before the next look grows, or two peers that prefer different paths would look at them for ever.
"""

from warren.model.addresses import Hop

LOOK_GAP_S = 0.3  # between two looks at least, whatever is heard: a peer may speak from a hundred places in turn
LOOK_GAP_MAX_S = 3.0  # the same hop again and again, and the path in use answers


class Suspicion:
    """Of one peer. `wants_look` is asked with each word from elsewhere that is fresh and authentic."""

    def __init__(self) -> None:
        self._hop: Hop | None = None
        self._looked_at = float("-inf")
        self._gap_s = LOOK_GAP_S

    def wants_look(self, hop: Hop, now: float) -> bool:
        """Whether to look now; counted as a look if so."""
        is_news = hop != self._hop
        gap_s = LOOK_GAP_S if is_news else self._gap_s
        if now - self._looked_at < gap_s:
            return False
        self._hop, self._looked_at = hop, now
        self._gap_s = LOOK_GAP_S if is_news else min(2 * self._gap_s, LOOK_GAP_MAX_S)
        return True
