"""What a network's documents give this machine to worry about, in the words of its health. Pure.

Must not know how health is kept or shown; keys only have to be the same for the same trouble.
"""

from collections.abc import Mapping

from warren.limits import CLOCK_OFF_S
from warren.model.ids import Identity
from warren.node.ledger import Held
from warren.node.netmap import membership_refusal

_FIXES = {"heads-stale": "look at this machine's clock; if it is right, its server is cut off or withholds news"}


def trouble_of(held: Held, me: Identity, name: str, clock_behind_s: float) -> Mapping[str, tuple[str, str, str]]:
    """Key -> (code, text, what to do) of each thing that is wrong in the network `name`."""
    trouble = {note.text: (note.code, f"{name}: {note.text}", _FIXES.get(note.code, "")) for note in held.view.health}
    if clock_behind_s > CLOCK_OFF_S:
        text = f"this machine's clock is at least {round(clock_behind_s / 60)} minutes behind what {name} signed"
        trouble["clock"] = ("clock-behind", text, "set the clock; until then the signed date counts")
    for refused in held.refused:
        text = f"{name}: refused a {refused.kind or 'document'} of {refused.subject.hex()[:10]}: {refused.text}"
        trouble[text] = (refused.code.value, text, "")
    refusal = membership_refusal(held.view, me)
    if refusal is not None:
        trouble["membership"] = (refusal.code.value, f"{name}: {refusal.text}", refusal.fix)
    return trouble
