"""The version of the control protocol: one integer, what each value added, the oldest that is served.

Both sides name the range that they speak; the server picks the highest of both. A message or field that older programs
may ignore needs no new version: unknown notices are skipped, unknown requests are answered `Unsupported`, unknown
fields are ignored. A new version is for what an older program would misunderstand.
"""

from collections.abc import Sequence

ADDED: dict[int, str] = {
    1: "hello, challenge, resume, join, admitted, refused, map, publish, signal, leave, ping; "
    "without a new number: prefixes in the challenge of who joins, membership and heads in resume, tell, told; relays, "
    "home, the home relay in presence; submit, ask-waiting, waiting (and the groups of who waits), deny, "
    "the delegation in the challenge, "
    "its own membership in join, its own removal in leave; the server's time in the challenge; "
    "the capability transport/aes256gcm/v1 in node records; documents of the kinds recovery and root-change, and the "
    "generation in removals, which older nodes refuse and go on without; farewell, and that who waits is ephemeral; "
    "the invite in a membership that another key signs since, which older nodes ignore; what to do, "
    "beside why a request was refused",
}
"""Version -> what it added. The highest key is what this program speaks; a change of the protocol adds a line."""

NEWEST = max(ADDED)
OLDEST_SERVED = 1
"""What is older is refused in words; raised only when a version is given up."""


def choose(offered: Sequence[int]) -> int | None:
    """Return the version to speak with a node that offered (oldest, newest), or None where the ranges don't meet."""
    oldest, newest = offered[0], offered[1]
    best = min(newest, NEWEST)
    return best if best >= max(oldest, OLDEST_SERVED) else None
