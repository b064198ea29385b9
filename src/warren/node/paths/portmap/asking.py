"""What PCP and NAT-PMP have in common: one question at a time, sent again until it is answered. Pure.

Decides when to send again and when to give up. Must not know what is asked, nor what an answer means.
"""

from warren.node.paths.portmap.client import (
    Absent,
    Box,
    Datagram,
    HttpAnswer,
    Outcome,
    Question,
    Silent,
    Transmit,
)

RESTARTED = "the gateway restarted"


class AskingClient:
    """The part of `client.Client` that asks; who speaks a protocol adds the words."""

    def __init__(self, server_port: int) -> None:
        """`server_port`: the gateway's, UDP."""
        self._server_port = server_port
        self._question: Question | None = None
        self._box = Box()

    @property
    def _about(self) -> str:
        """What the question that waits is about; empty where none does."""
        return self._question.about if self._question is not None else ""

    def handle_http(self, number: int, answer: HttpAnswer | None, now: float) -> None:
        """Nothing is asked by HTTP."""

    def handle_timeout(self, now: float) -> None:
        """Send again, or give up."""
        question = self._question
        if question is None:
            return
        if question.has_ended(now):
            self._end(Absent("no answer") if question.about == "detect" else Silent())
        elif question.take(now):
            self._box.transmits.append(question.datagram)

    def poll_transmit(self) -> Transmit | None:
        """The next datagram."""
        return self._box.transmit()

    def poll_outcome(self) -> Outcome | None:
        """The next outcome."""
        return self._box.outcome()

    def poll_timeout(self) -> float | None:
        """When to send again or give up."""
        return self._question.timeout if self._question is not None else None

    def _begin(self, about: str, request: bytes, now: float) -> None:
        self._question = Question.begin(about, Datagram(self._server_port, request), now)
        self.handle_timeout(now)

    def _end(self, outcome: Outcome) -> None:
        self._question = None
        self._box.outcomes.append(outcome)
