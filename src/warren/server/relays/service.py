"""What a member is told about relays: every one that there is, and its own grant for them.

Decides how long a grant is good (RELAY_GRANT_LIFE_S, never beyond the membership), and when it is renewed. Whether
somebody is a member the caller has asked. Must not know sessions or the front. The grants' key signs nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import RELAY_GRANT_LIFE_S
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.protocol.control.messages import RelayPlace
from warren.protocol.relay.grants import Grant, sign_grant
from warren.server.networks.live import LiveNetwork


@dataclass(frozen=True, slots=True)
class Told:
    """What one member is told, and when it is to be told again at the latest (Unix s)."""

    relays: tuple[RelayPlace, ...]
    grant: bytes
    renew_at_s: float


class Relays:
    """The relays of this server. `own` is set when the front serves; `others` come from a file."""

    def __init__(self, signer: SigningKeyPair, others: tuple[RelayPlace, ...], unix_time: Callable[[], float]) -> None:
        self._signer = signer
        self._others = others
        self._unix_time = unix_time
        self._own: tuple[RelayPlace, ...] = ()

    @property
    def signer(self) -> bytes:
        """The public key whose grants this server's relay (and each that stands alone for it) has to trust."""
        return self._signer.public

    @property
    def places(self) -> tuple[RelayPlace, ...]:
        """Every relay, our own first."""
        return (*self._own, *self._others)

    def set_own(self, place: RelayPlace | None) -> bool:
        """This server's own relay; whether that is news."""
        before, self._own = self._own, (place,) if place is not None else ()
        return before != self._own

    def told(self, network: LiveNetwork, identity: Identity) -> Told:
        """What this member is told now."""
        now = self._unix_time()
        if not self.places:
            return Told((), b"", now + RELAY_GRANT_LIFE_S)
        membership = network.membership(identity)
        expires = membership.expires if membership is not None and membership.expires is not None else None
        ends = now + RELAY_GRANT_LIFE_S if expires is None else min(now + RELAY_GRANT_LIFE_S, float(expires))
        grant = Grant(
            network=network.id,
            identity=identity,
            relays=tuple(place.number for place in self.places),
            issued_s=int(now),
            not_after_s=max(int(ends), int(now)),
        )
        return Told(self.places, sign_grant(grant, self._signer), now + (ends - now) / 2)

    def check(self, relay: int) -> None:
        """Whether a node may call this relay its home (0: none). WarrenError INVALID_ARGUMENT."""
        if relay != 0 and all(place.number != relay for place in self.places):
            raise WarrenError(Code.INVALID_ARGUMENT, "this server knows no such relay")
