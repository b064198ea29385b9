"""How far this machine's wall clock is from its server's, as the server told its time when the session began. Pure.

Decides only what a person is told, and whether a key may be spent: nothing that a node believes goes by the server's
word for the time. Who joins with a clock that is days ahead would be admitted and then believe nobody (the news it is
shown is old by its clock), so it is refused before its key is used; one that is behind goes by the dates that were
signed, and works.
"""

from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import CLOCK_JOIN_AHEAD_MAX_S

_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The server's Unix seconds `told`, heard at `at_s` by the boot clock (it counts on in a machine's sleep)."""

    told: int
    at_s: float

    def ahead_s(self, wall_s: float, boot_s: float) -> float:
        """By how much a wall clock that shows `wall_s` now is ahead of the server's; negative: behind."""
        return wall_s - (self.told + boot_s - self.at_s)


def refusal(time: ServerTime | None, wall_s: float, boot_s: float) -> WarrenError | None:
    """Why this machine may not join now; None where it may, or an older server did not tell."""
    ahead_s = time.ahead_s(wall_s, boot_s) if time is not None else 0.0
    if ahead_s <= CLOCK_JOIN_AHEAD_MAX_S:
        return None
    return WarrenError(
        Code.CLOCK,
        f"this machine's clock is {span(ahead_s)} ahead of its server: no key was used",
        "set the clock (if it is right: the server's), then run the same again",
    )


def span(seconds: float) -> str:
    """A time as people say it, in the largest unit of which there are two."""
    for unit_s, name in ((_DAY_S, "days"), (_HOUR_S, "hours")):
        if seconds >= 2 * unit_s:
            return f"{round(seconds / unit_s)} {name}"
    return f"{max(round(seconds / _MINUTE_S), 1)} minutes"
