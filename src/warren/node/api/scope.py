"""What the nouns of the local API may touch of the daemon, and nothing beside it."""

from typing import Protocol

from warren.node.convergence import Convergence
from warren.node.health import Health
from warren.node.reconcile import Reconciler
from warren.node.roster import Roster
from warren.node.settings import Loaded
from warren.node.wanted import Wanted


class Scope(Protocol):
    """The daemon, as the nouns see it."""

    loaded: Loaded
    health: Health
    roster: Roster
    wanted: Wanted
    convergence: Convergence | None
    reconciler: Reconciler | None
    survives_reboot: bool

    async def set_wanted(self, *, up: bool, operator_uid: int | None) -> None:
        """Remember what the user wants."""

    async def down(self) -> tuple[str, ...]:
        """Off; returns the names of the networks that were up, when the host is clean."""
