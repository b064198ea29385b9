"""This node's own record: what the others need to reach it, signed by its identity. Pure.

Decides when a newer one is due (none is known, or its keys or capabilities are not those in use) and its place in the
order: one above the newest that is known, so a restored backup goes on from what the server has. Must not know who is
told.
"""

from warren.model.ids import NetworkId
from warren.node.keys import NodeKeys
from warren.trust.documents import FIRST_EPOCH, Kind, NodeRecord
from warren.trust.signing import sign
from warren.trust.view import View


def first_record(network: NetworkId, keys: NodeKeys, now: int, capabilities: tuple[str, ...] = ()) -> bytes:
    """The record to join with; `now` in Unix seconds."""
    return sign(Kind.RECORD, network, _record(keys, FIRST_EPOCH, 1, now, capabilities), keys.identity)


def newer_record(view: View, keys: NodeKeys, now: int, capabilities: tuple[str, ...] = ()) -> bytes | None:
    """The record to publish; None where the one in force says what is so, or this node is no member."""
    member = view.members.get(keys.identity.public)
    if member is None:
        return None
    known = member.record
    epoch = member.membership.epoch
    counter = known.counter + 1 if known is not None else _floor(view, keys) + 1
    wanted = _record(keys, epoch, counter, now, capabilities)
    if known is not None and _says(known) == _says(wanted):
        return None
    return sign(Kind.RECORD, view.network, wanted, keys.identity)


def _floor(view: View, keys: NodeKeys) -> int:
    order = view.floors.order(Kind.RECORD, keys.identity.public)
    return order[1] if order is not None else 0


def _record(keys: NodeKeys, epoch: int, counter: int, now: int, capabilities: tuple[str, ...]) -> NodeRecord:
    return NodeRecord(
        epoch=epoch,
        counter=counter,
        date=now,
        identity=keys.identity.public,
        wireguard=keys.wireguard.public,
        path=keys.path.public,
        next_wireguard=keys.wireguard_beside.public if keys.wireguard_beside is not None else b"",
        previous_path=keys.path_previous.public if keys.path_previous is not None else b"",
        capabilities=capabilities,
    )


def _says(record: NodeRecord) -> tuple[object, ...]:
    keys = record.wireguard, record.path, record.next_wireguard, record.previous_path
    return record.epoch, *keys, record.capabilities
