"""From authentic documents to what a node believes: one pure function, with reasons.

Decides what counts, in this order: root (genesis), delegations, removals, time, settings, policy, heads, memberships,
records. Must not know how documents came here or where floors are kept. The answer does not depend on the order of the
documents, and giving its own `documents` and `floors` back gives the same answer.
"""

from collections.abc import Callable, Iterable

from warren.model.ids import NetworkId
from warren.trust.authenticate import Authentic
from warren.trust.floors import Floors
from warren.trust.view import View


def verify(
    network: NetworkId,
    documents: Iterable[Authentic],
    *,
    floors: Floors,
    now: int,
    readable: Callable[[bytes], bool] = lambda _text: True,
) -> View:
    """What these documents make true.

    `documents`: with the genesis among them; all that the node holds, old and new. `floors`: of the last View, or from
    disk. `now`: Unix seconds, max(clock, last effective_now + monotonic seconds since). `readable`: whether a policy's
    text can be read by this version; an unreadable one does not replace the last good one. WarrenError NETWORK_UNKNOWN
    without this network's genesis, TOO_LARGE for more documents or floors than `limits` allows.
    """
    raise NotImplementedError
