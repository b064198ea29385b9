"""Whether a name and password may be tried: guessing is stopped without anybody shutting another person out. Pure.

Decides by three counts of wrong tries within `FAILURES_WITHIN_S`. Of one name from one address, so that a stranger's
tries cost the person nothing elsewhere. Of one address at any names. Of one name from all addresses where that person
never signed on, which slows those who guess from many places, and never a place that the person is known at. A browser
that holds a mark of an earlier sign-on as this very person (OWASP calls it a device cookie) is counted by itself alone:
neither a neighbour behind the same router nor the whole world keeps its person out. Must not know cookies or passwords.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from warren.server.signon.rules import FAILURES_AN_ACCOUNT_MAX, FAILURES_AN_ADDRESS_MAX
from warren.server.throttle import THROTTLED_MAX, Throttle

FAILURES_OF_STRANGERS_MAX: Final = 100
"""At one name from all unknown addresses: at most 9,600 guesses a day, and NIST SP 800-63B-4 (3.2.2) asks for a limit
of 100 in a row."""


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody at an `address` tries a name (`account`); `browser` tells apart those that signed on as it before, empty
    where this one did not."""

    account: str
    address: str
    browser: str = ""

    @property
    def place(self) -> str:
        """Where it is tried, of this account."""
        return f"{self.account}\0{'browser' if self.browser else 'address'}\0{self.browser or self.address}"


class Guessing:
    """The counts. Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._by_place = Throttle(FAILURES_AN_ACCOUNT_MAX)
        self._by_address = Throttle(FAILURES_AN_ADDRESS_MAX)
        self._by_strangers = Throttle(FAILURES_OF_STRANGERS_MAX)
        self._known: OrderedDict[str, None] = OrderedDict()

    def wait_s(self, one: Try, now: float) -> float:
        """How long this try has to wait, 0 where it may be made."""
        return max(throttle.wait_s(subject, now) for throttle, subject in self._counts(one))

    def begin(self, one: Try, now: float) -> None:
        """Count it as wrong, before anybody knows: many at once are not more than many one after the other."""
        for throttle, subject in self._counts(one):
            throttle.fail(subject, now)

    def was_right(self, one: Try) -> None:
        """It was right: this person is known at this place from then on."""
        for throttle, subject in self._counts(one)[1:]:
            throttle.take_back(subject)
        self._by_place.forgive(one.place)
        if not one.browser:
            self._known[one.place] = None
            self._known.move_to_end(one.place)
            while len(self._known) > THROTTLED_MAX:
                self._known.popitem(last=False)

    def _counts(self, one: Try) -> list[tuple[Throttle, str]]:
        counts = [(self._by_place, one.place)]
        if not one.browser:
            counts.append((self._by_address, one.address))
            if one.place not in self._known:
                counts.append((self._by_strangers, one.account))
        return counts
