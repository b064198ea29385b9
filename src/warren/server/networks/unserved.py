"""Networks that the database holds and this server cannot serve: read, and why not. One of them keeps no other from it.

Decides what a network has to be for this server to begin with it. Must not know sessions or keys. Its machines are told
to come back later, not that they are in no network; whoever runs the server reads the reason in its log.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from warren.errors import Code, WarrenError
from warren.server.networks.live import LiveNetwork
from warren.server.networks.store import DocumentRow, NetworkRow


@dataclass(frozen=True, slots=True)
class Unserved:
    """A network that is out of service until this server starts again, and what it was that it could not do."""

    row: NetworkRow
    reason: WarrenError

    def refusal(self) -> WarrenError:
        """What its people and machines are told."""
        return WarrenError(
            Code.UNAVAILABLE,
            f"the network {self.row.name} is out of service on this server",
            "whoever runs the server finds the reason in its log; the networks beside it go on",
        )


def begin(row: NetworkRow, documents: Iterable[DocumentRow], clock: Callable[[], float]) -> LiveNetwork:
    """The network of these rows, asked once whose word counts in it. Raises WarrenError with what is wrong with it."""
    try:
        network = LiveNetwork(row, documents, clock)
        network.registrar_keys()
    except (msgspec.MsgspecError, ValueError) as error:
        raise WarrenError(
            Code.STATE_DAMAGED,
            f"what the database holds of the network {row.name} cannot be read: {error}",
            "restore the database from a backup",
        ) from error
    return network
