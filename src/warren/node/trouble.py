"""What of a network's documents a person should know, as health entries. Pure.

Decides what is shown and for how long. What is so right now (no membership, no policy, old heads) is shown while it is
so. What happened once (a document was refused, two documents contradict each other) is shown for TROUBLE_SHOWN_S, since
a server that lies could else hide it with its next, harmless message. Bounded by TROUBLES_REMEMBERED_MAX: the first
stay. Must not know who sends documents or who reads health.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from warren.limits import CLOCK_OFF_S, EXPIRY_WARNED_S, TROUBLE_SHOWN_S, TROUBLES_REMEMBERED_MAX
from warren.model.ids import ID_BYTES, Identity
from warren.node.control.server_time import span
from warren.node.ledger import Held
from warren.node.netmap import membership_refusal
from warren.trust.authenticate import Refusal
from warren.trust.authority import DELEGATION_REMOVED
from warren.trust.documents import REMOVED_DELEGATE, Kind
from warren.trust.ephemeral import is_ephemeral
from warren.trust.heads import DATED_ANEW
from warren.trust.ledger import SAID_ALREADY
from warren.trust.office import is_locked
from warren.trust.view import View

HAPPENED = frozenset({"conflict", "policy-conflict", "wireguard-key-claimed", "head-withheld", "root-conflict"})
"""Notes of `verify` that are about what came, not about what is held."""

_FIXES = {
    "date-ahead": "it counts no further here; set this machine's clock, or if it is right its server's is wrong",
    "heads-stale": "look at this machine's clock; if it is right, its server is cut off or withholds news",
    "root-change-missing": "its server withholds it; until it is here the former root's documents do not count",
    "root-conflict": "the first one counts; whoever signed the other has keys that they should not have",
}
_SET_IT = "set the clock, or if it is right the server's"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One entry: a stable code, a sentence, what to do (may be empty)."""

    code: str
    text: str
    fix: str = ""


class Troubles:
    """One network's."""

    def __init__(self) -> None:
        self._happened: dict[Trouble, float] = {}
        self._looked_at: tuple[View | None, tuple[Refusal, ...]] = (None, ())

    def take(self, held: Held, now: float) -> None:
        """Remember what was wrong with the documents that came last; once, however often they are looked at. `now`:
        seconds, ascending."""
        before, self._looked_at = self._looked_at, (held.view, held.refused)
        if before[0] is held.view and before[1] is held.refused:
            return
        notes = [
            Trouble(note.code, note.text, _FIXES.get(note.code, ""))
            for note in held.view.health
            if note.code in HAPPENED
        ]
        refused = (one for one in held.refused if not _is_course(one, held.view))
        for trouble in (*notes, *map(_refused, refused)):
            self._happened.pop(trouble, None)
            if len(self._happened) >= TROUBLES_REMEMBERED_MAX:
                del self._happened[next(iter(self._happened))]
            self._happened[trouble] = now

    def shown(
        self,
        held: Held,
        me: Identity,
        now: float,
        *,
        clock_behind_s: float = 0.0,
        clock_ahead_s: float = 0.0,
        unix_s: float = 0.0,
    ) -> tuple[Trouble, ...]:
        """Everything that is wrong, the lasting first. `clock_behind_s`: this machine's, behind what was signed;
        `clock_ahead_s`: ahead of what its server tells, negative where it is behind that. `unix_s`: what counts as the
        time."""
        for trouble in [one for one, at in self._happened.items() if now - at > TROUBLE_SHOWN_S]:
            del self._happened[trouble]
        return (
            *_lasting(held, me),
            *_ending(held, me, unix_s),
            *_clock(clock_behind_s, clock_ahead_s),
            *self._happened,
        )


def _ending(held: Held, me: Identity, unix_s: float) -> Iterator[Trouble]:
    """This machine's own membership ends soon. What renews itself is told of only when that is overdue."""
    member = held.view.members.get(me)
    if member is None or member.membership.expires is None:
        return
    body = member.membership
    left_s, life_s = member.membership.expires - unix_s, member.membership.expires - body.date
    if left_s > min(EXPIRY_WARNED_S, life_s / 4):
        return
    if is_ephemeral(body) and is_locked(held.view):
        fix = "a machine of one of the network's admins renews it, once it is online: none has been"
    elif body.tags or is_ephemeral(body):
        fix = "its server renews it as soon as the two have met"
    else:
        fix = "warren up --renew"
    yield Trouble("key-expires", f"key expires in {span(max(left_s, 0.0))}", fix)


def _clock(behind_s: float, ahead_s: float) -> Iterator[Trouble]:
    """A clock that is off is told, not obeyed; what was signed is surer than what a server says."""
    if behind_s > CLOCK_OFF_S:
        text = f"this machine's clock is at least {span(behind_s)} behind what was signed"
        yield Trouble("clock-behind", text, "set the clock; until then the signed date counts")
    elif -ahead_s > CLOCK_OFF_S:
        yield Trouble("clock-behind", f"this machine's clock is {span(-ahead_s)} behind its server", _SET_IT)
    elif ahead_s > CLOCK_OFF_S:
        yield Trouble("clock-ahead", f"this machine's clock is {span(ahead_s)} ahead of its server", _SET_IT)


def _lasting(held: Held, me: Identity) -> Iterator[Trouble]:
    view = held.view
    refusal = membership_refusal(view, me)
    if refusal is not None:
        yield Trouble(refusal.code.value, refusal.text, refusal.fix)
    for note in view.health:
        if note.code not in HAPPENED:
            yield Trouble(note.code, note.text, _FIXES.get(note.code, ""))
    if view.policy is None and view.settings is not None:
        seen = view.floors.order(Kind.POLICY, b"") is not None
        why = "the access policy was seen before and is withheld" if seen else "the server showed no access policy"
        yield Trouble("no-policy", f"{why}: nobody may reach anybody")


def _is_course(refusal: Refusal, view: View) -> bool:
    """Whether a refusal is the course of things: what is held itself says the same, or shows the end of what came, as
    it does for good wherever a delegation once ended. Where only the floors know of that end, somebody withholds it."""
    if refusal.text != DELEGATION_REMOVED:
        return refusal.text in {SAID_ALREADY, DATED_ANEW}
    about = REMOVED_DELEGATE + refusal.subject[:ID_BYTES]
    return any(one.kind == Kind.REMOVAL and one.subject.startswith(about) for one in view.documents)


def _refused(refusal: Refusal) -> Trouble:
    about = f" of {refusal.subject.hex()[:10]}" if refusal.subject else ""
    return Trouble(refusal.code.value, f"refused a {refusal.kind or 'document'}{about}: {refusal.text}")


def keyed(troubles: Iterable[Trouble], network: str) -> dict[str, tuple[str, str, str]]:
    """As `Health.replace` takes them: named after what they say, with the network's name in the sentence."""
    return {f"{one.code}/{one.text}": (one.code, f"{network}: {one.text}", one.fix) for one in troubles}
