"""Whether a node's record may take the place of the one before. Pure.

Decides: no larger than any needs, signed by this very identity for this network, of its membership's epoch, newer than
the stored one, and no WireGuard key that another member showed first. Must not know sessions or the database.
SECURITY.md rules 20 and 22.
"""

from warren.errors import Code, WarrenError
from warren.limits import RECORD_MAX_BYTES
from warren.model.ids import Identity
from warren.server.networks.live import LiveNetwork, wireguard_keys
from warren.trust.authenticate import Refusal, authenticate
from warren.trust.documents import FIRST_EPOCH, Kind, NodeRecord
from warren.trust.floors import reason_against


def check_record(network: LiveNetwork, identity: Identity, raw: bytes) -> None:
    """Raise WarrenError TOO_LARGE, MALFORMED, BAD_SIGNATURE, FORBIDDEN, OUT_OF_ORDER or CONFLICT unless it may be
    stored."""
    if len(raw) > RECORD_MAX_BYTES:
        raise WarrenError(Code.TOO_LARGE, f"a node record has {RECORD_MAX_BYTES} bytes at most")
    answer = authenticate(network.id, raw)
    if isinstance(answer, Refusal):
        raise WarrenError(answer.code, f"the node's record does not count: {answer.text}")
    body = answer.body
    if answer.kind != Kind.RECORD or not isinstance(body, NodeRecord):
        raise WarrenError(Code.MALFORMED, "this is not a node record")
    if body.identity != identity or answer.signer != identity:
        raise WarrenError(Code.FORBIDDEN, "a node speaks for itself only")
    membership = network.membership(identity)
    if body.epoch != (FIRST_EPOCH if membership is None else membership.epoch):
        raise WarrenError(Code.OUT_OF_ORDER, "the record is of another membership")
    _check_order(network.record(identity), body)
    for key in wireguard_keys(body):
        owner = network.owner_of_key(key)
        if owner is not None and owner != identity:
            raise WarrenError(Code.CONFLICT, "another member showed this WireGuard key first", "make new keys")


def _check_order(before: NodeRecord | None, body: NodeRecord) -> None:
    floor = None if before is None else (before.epoch, before.counter)
    reason = reason_against((body.epoch, body.counter), floor, reach=body.epoch)  # its membership is of that epoch
    if reason is None and floor == (body.epoch, body.counter):
        reason = "another record of the same number"
    if reason is not None:
        raise WarrenError(Code.OUT_OF_ORDER, f"the record is {reason}")
