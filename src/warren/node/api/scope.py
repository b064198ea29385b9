"""What the nouns of the local API may touch of the daemon, and nothing beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from warren.errors import WarrenError
from warren.node.convergence import Convergence
from warren.node.health import Health
from warren.node.reconcile import Reconciler
from warren.node.roster import Roster
from warren.node.settings import Loaded
from warren.node.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Off:
    """The names of the networks that were up, and why 'off' is not on the disk, if so."""

    networks: tuple[str, ...]
    forgotten: WarrenError | None


class Scope(Protocol):
    """The daemon, as the nouns see it."""

    loaded: Loaded
    health: Health
    roster: Roster
    wanted: Wanted
    convergence: Convergence | None
    reconciler: Reconciler | None
    survives_reboot: bool

    async def check_fits(self, prefixes: Sequence[IPv4Network | IPv6Network]) -> None:
        """WarrenError ADDRESS_COLLISION where a network of these prefixes could not come up on this host."""

    async def set_wanted(self, *, up: bool, operator_uid: int | None) -> None:
        """Remember what the user wants."""

    async def down(self) -> Off:
        """Off; answers when the host is clean."""
