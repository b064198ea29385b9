"""What proves this node to a relay: a session key a relay, a certificate over it that the identity signs, the grant.

Decides how long certificates are good and when they are made anew. The identity key stays here; the engine gets the
session key, which is worth nothing after an hour. Pure: `now_s` (Unix, not behind any signed date) and `rng` are
arguments.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass

from warren.limits import RELAY_CERTIFICATE_LIFE_S
from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.protocol.relay.certificates import sign_certificate


@dataclass(frozen=True, slots=True)
class Papers:
    """A session key and the certificate over it; `renew_at_s` Unix seconds."""

    session_key: ExchangeKeyPair
    certificate: bytes
    renew_at_s: float


class PaperDesk:
    """Makes papers for one network. A relay's session key stays the same while the process lives."""

    def __init__(self, network: NetworkId, identity: SigningKeyPair, rng: Callable[[int], bytes]) -> None:
        """`rng` gives random bytes."""
        self._network = network
        self._identity = identity
        self._rng = rng
        self._made: dict[bytes, Papers] = {}

    def papers(self, relay_key: bytes, now_s: float) -> Papers:
        """Papers for the relay with this key, not due for renewal. WarrenError INVALID_ARGUMENT where it is no key."""
        known = self._made.get(relay_key)
        if known is not None and self._is_fresh(known, now_s):
            return known
        session_key = known.session_key if known is not None else ExchangeKeyPair(self._rng(32))
        certificate = sign_certificate(
            self._identity,
            network=self._network,
            relay_key=relay_key,
            session_key=session_key.public,
            not_after_s=int(now_s) + RELAY_CERTIFICATE_LIFE_S,
        )
        made = Papers(session_key, certificate, now_s + RELAY_CERTIFICATE_LIFE_S / 2)
        self._made[relay_key] = made
        return made

    def is_due(self, relay_key: bytes, now_s: float) -> bool:
        """Whether papers that were made for this relay have to be made anew."""
        known = self._made.get(relay_key)
        return known is not None and not self._is_fresh(known, now_s)

    def forget_others(self, relay_keys: Set[bytes]) -> None:
        """Only these are relays; the session key of another is drawn anew should it be one again."""
        self._made = {key: papers for key, papers in self._made.items() if key in relay_keys}

    def _is_fresh(self, papers: Papers, now_s: float) -> bool:
        # made in what is the future by now: the clock was wrong, and the relay may refuse it
        return papers.renew_at_s - RELAY_CERTIFICATE_LIFE_S / 2 <= now_s < papers.renew_at_s
