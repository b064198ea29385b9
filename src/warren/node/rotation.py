"""Which WireGuard keys a node has while they change: a device takes two, so nothing is lost on the way. Pure.

Decides the steps. The next key is *announced* in the node's record, beside the one in use; once every peer that is
there has had a moment to hear of it, the node *switches*: the next key is in use and the former one beside it, for
peers that were away meanwhile; a week later the former one is *forgotten*. Sessions of a key that stays go on (engine,
rotation tests). Time is what the key was in use for, counted while the daemon runs: a clock that is off rotates nothing
(FAULTS.md F4).
"""

import dataclasses
from enum import Enum
from typing import Final

from warren.model.keys import ExchangeKeyPair
from warren.node.keys import NodeKeys

IN_USE_MAX_S: Final = 30 * 86400.0
FORMER_KEPT_S: Final = 7 * 86400.0  # as the path key: two machines that were off while the server was away still meet


class Step(Enum):
    """What is to be done now."""

    ANNOUNCE = "announce"
    SWITCH = "switch"
    FORGET = "forget"


def due(keys: NodeKeys, *, is_asked: bool) -> tuple[Step | None, float]:
    """What is due by what the key was in use for, and how many more seconds of it until the next step is."""
    if keys.wireguard_next is not None:
        return Step.SWITCH, 0.0
    used_s = keys.wireguard_used_s
    if keys.wireguard_former is not None:
        return (Step.FORGET, 0.0) if is_asked or used_s >= FORMER_KEPT_S else (None, FORMER_KEPT_S - used_s)
    return (Step.ANNOUNCE, 0.0) if is_asked or used_s >= IN_USE_MAX_S else (None, IN_USE_MAX_S - used_s)


def announced(keys: NodeKeys, fresh: ExchangeKeyPair) -> NodeKeys:
    """With the next key beside the one in use."""
    return dataclasses.replace(keys, wireguard_next=fresh, wireguard_former=None)


def switched(keys: NodeKeys) -> NodeKeys:
    """The next key in use, the former one beside it; as before where there is no next one."""
    if keys.wireguard_next is None:
        return keys
    return dataclasses.replace(
        keys,
        wireguard=keys.wireguard_next,
        wireguard_next=None,
        wireguard_former=keys.wireguard,
        wireguard_used_s=0.0,
    )


def forgotten(keys: NodeKeys) -> NodeKeys:
    """Without the former key."""
    return dataclasses.replace(keys, wireguard_former=None)
