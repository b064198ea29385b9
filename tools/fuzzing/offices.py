"""What an admin's key signs, at the server that stores it and before the person who is asked to sign beside it.

An authority with a real key is not trusted to be sensible: any body of its, in a batch, is refused with a reason or
leaves a network whose next acts still come out.
"""

from unittest.mock import patch

from tools.fuzzing.documents import DATE, ENVELOPES, HELD, KEYS, NETWORK, ROOT
from tools.fuzzing.parser import Parser, require
from warren import canonical
from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.model.names import printable
from warren.policy.language import is_readable
from warren.server.approvals import rules
from warren.trust import acts
from warren.trust.authenticate import Refusal, authenticate
from warren.trust.batches import Draft, Pen, lines_digest
from warren.trust.floors import Floors
from warren.trust.showing import show
from warren.trust.signing import Envelope, signed_bytes
from warren.trust.verify import verify

_RAWS = tuple(one.raw for one in HELD)
_NOW = DATE + 1


def _signed(data: bytes) -> bytes | None:
    """The body behind the first byte, in an envelope whose kind and signer the byte chooses; None where none fits."""
    like = ENVELOPES[data[0] % len(ENVELOPES)]
    key = KEYS[Identity(like.signer)]
    signature = key.sign(signed_bytes(like.kind, NETWORK, data[1:]))
    try:
        return canonical.encode(Envelope(kind=like.kind, signer=key.public, body=data[1:], signature=signature))
    except WarrenError:
        return None


def check_batch(data: bytes) -> bool:
    """The server stores what counts beside what it holds, and afterwards judges itself to be right."""
    if not data or (raw := _signed(data)) is None:
        return False
    try:
        with patch.object(rules, "_authentic", lambda _network, _held: list(HELD)):  # verified once, above all inputs
            judged = rules.judge(NETWORK, _RAWS, [raw], _NOW)
    except WarrenError as error:
        require(error.code is not Code.INTERNAL and error.text == printable(error.text), f"refused: {error!r}")
        return False
    require(all(row is None or row == raw for _, _, row in judged.changes), "it stores what nobody brought")
    require(not judged.gone or not set(judged.gone) & judged.view.members.keys(), "gone, and still a member")
    return True


def check_draft(data: bytes) -> bool:
    """Beside any body of an authority, the root's acts come out as a batch that says what it does, or are refused."""
    if not data or (raw := _signed(data)) is None:
        return False
    answer = authenticate(NETWORK, raw)
    if isinstance(answer, Refusal):
        return False
    view = verify(NETWORK, (*HELD, answer), floors=Floors(), now=_NOW, readable=is_readable)
    draft = Draft(view, Pen(ROOT), now=_NOW, readable=is_readable)
    try:
        _act(draft, data[-1] % 5)
        batch = draft.batch()
    except WarrenError as error:
        require(error.code is not Code.INTERNAL, f"signing does not end: {error!r}")
        return False
    lines = show(batch)
    require(all(line == printable(line) for line in lines), f"a line that a terminal obeys: {lines!r}")
    require(len(lines_digest(lines)) == 32, "no digest")
    require(set(batch.after.members) <= set(batch.before.members), "an act let somebody in")
    return True


def _act(draft: Draft, number: int) -> None:
    member = next(iter(draft.view.members), Identity(bytes(32)))
    match number:
        case 0:
            acts.kick(draft, member)
        case 1:
            acts.rename(draft, "other")
        case 2:
            acts.promote(draft, member)
        case 3:
            acts.lock(draft)
        case _:
            acts.set_policy(draft, b'{"version": 1, "rules": []}')


_BODIES = tuple(bytes([number]) + envelope.body for number, envelope in enumerate(ENVELOPES))
_FIELDS = (
    b"\xa7counter",
    b"\xa4date",
    b"\xa8identity",
    b"\xa5epoch",
    b"\xa8hostname",
    b"\xa5under",
    b"\xcf" + b"\xff" * 8,
)

PARSERS = (
    Parser("batch", _BODIES, check_batch, _FIELDS),
    Parser("draft", _BODIES, check_draft, _FIELDS),
)
