"""The client's side of NAT-PMP for one port (RFC 6886): the outer address with the epoch, a UDP mapping, its end.

A mapping answer names no address, so the one told before counts with it. A gateway knows a mapping by our address and
port alone; therefore what is released is only a mapping that this run holds for a port that it has open. Pure.
"""

from ipaddress import IPv4Address

from warren.errors import WarrenError
from warren.limits import PORTMAP_LIFETIME_S
from warren.model.addresses import Endpoint
from warren.node.paths.portmap.asking import RESTARTED, AskingClient
from warren.node.paths.portmap.client import Absent, Granted, Kept, Lost, Method, Present, Refused, Released
from warren.node.paths.portmap.epoch import Epoch
from warren.wire import natpmp


class NatPmpClient(AskingClient):
    """`client.Client` for NAT-PMP."""

    def __init__(self, port: int) -> None:
        super().__init__(natpmp.SERVER_PORT)
        self._port = port
        self._outside: IPv4Address | None = None
        self._epoch = Epoch()

    @property
    def method(self) -> Method:
        """NAT-PMP."""
        return Method.NAT_PMP

    def detect(self, now: float) -> None:
        """Ask for the outer address."""
        self._begin("detect", natpmp.encode_address_request(), now)

    def ask(self, suggested: Endpoint | None, now: float) -> None:
        """Make or renew the mapping."""
        wish = suggested.port if suggested is not None else self._port
        self._begin("ask", natpmp.encode_map(self._port, wish, PORTMAP_LIFETIME_S), now)

    def check(self, now: float) -> None:
        """Ask for the outer address again."""
        self._begin("check", natpmp.encode_address_request(), now)

    def release(self, held: Endpoint, now: float) -> None:  # noqa: ARG002 - the gateway knows it by our port
        """End the mapping of our port."""
        self._begin("release", natpmp.encode_map(self._port, 0, 0), now)

    def handle_datagram(self, port: int, data: bytes, now: float) -> None:
        """An answer, perhaps."""
        if port != natpmp.SERVER_PORT or not self._about:
            return
        try:
            answer = natpmp.decode_answer(data)
        except WarrenError:
            return
        if answer.result == natpmp.Result.UNSUPPORTED_VERSION:
            return  # said to PCP's question, which came from the same socket
        about = self._about
        if isinstance(answer, natpmp.AddressAnswer) and about in {"detect", "check"}:
            self._handle_address(about, answer, now)
        elif isinstance(answer, natpmp.MapAnswer) and about in {"ask", "release"}:
            self._handle_map(about, answer, now)

    def handle_announcement(self, data: bytes, now: float) -> None:
        """The gateway restarted, or has another address."""
        try:
            answer = natpmp.decode_answer(data)
        except WarrenError:
            return
        if not isinstance(answer, natpmp.AddressAnswer):
            return
        is_lost, has_moved = self._learn(answer, now)
        if is_lost or has_moved:
            self._box.outcomes.append(Lost(RESTARTED if is_lost else "the gateway has another address"))

    # --- within ---

    def _learn(self, answer: natpmp.AddressAnswer, now: float) -> tuple[bool, bool]:
        """(whether the gateway lost its state, whether it has another address than before)"""
        is_lost = self._epoch.observe(answer.epoch_s, now)
        before = self._outside
        if answer.address is not None:
            self._outside = answer.address
        return is_lost, before is not None and self._outside != before

    def _handle_address(self, about: str, answer: natpmp.AddressAnswer, now: float) -> None:
        is_lost, has_moved = self._learn(answer, now)
        if about == "detect":
            refused = Absent(f"no outer address: {_reason(answer.result)}")
            self._end(Present() if answer.address is not None else refused)
        elif is_lost or has_moved:
            self._end(Lost(RESTARTED if is_lost else "the gateway has another address"))
        else:
            self._end(Kept())

    def _handle_map(self, about: str, answer: natpmp.MapAnswer, now: float) -> None:
        if answer.result == natpmp.Result.SUCCESS and answer.internal_port != self._port:
            return
        self._epoch.observe(answer.epoch_s, now)
        if about == "release":
            self._end(Released())
        elif answer.result != natpmp.Result.SUCCESS or not answer.lifetime_s:
            self._end(Refused(_reason(answer.result)))
        elif self._outside is None:
            self._end(Refused("the gateway tells no outer address"))
        else:
            self._end(Granted(Endpoint(self._outside, answer.external_port), answer.lifetime_s))


def _reason(result: int) -> str:
    try:
        return natpmp.Result(result).name.replace("_", " ").lower()
    except ValueError:
        return f"result {result}"
