"""The client's side of PCP for one port (RFC 6887): the gateway's epoch, a mapping with a nonce of ours, its end.

IPv4 mappings and, where gateway and source are IPv6, pinholes in its firewall are the same request (RFC 6887, 11).
Decides which answer is ours: nonce, port and the question that waits have to fit. Pure.
"""

from warren.errors import WarrenError
from warren.limits import PORTMAP_LIFETIME_S
from warren.model.addresses import Endpoint
from warren.node.paths.portmap.asking import RESTARTED, AskingClient
from warren.node.paths.portmap.client import Absent, Gateway, Granted, Kept, Lost, Method, Present, Refused, Released
from warren.node.paths.portmap.epoch import Epoch
from warren.wire import pcp


class PcpClient(AskingClient):
    """`client.Client` for PCP."""

    def __init__(self, gateway: Gateway, port: int, nonce: bytes) -> None:
        super().__init__(pcp.SERVER_PORT)
        self._gateway = gateway
        self._port = port
        self._nonce = nonce
        self._epoch = Epoch()

    @property
    def method(self) -> Method:
        """PCP."""
        return Method.PCP

    def detect(self, now: float) -> None:
        """Ask for the epoch."""
        self._begin("detect", pcp.encode_announce(self._gateway.source), now)

    def ask(self, suggested: Endpoint | None, now: float) -> None:
        """Make or renew the mapping."""
        request = pcp.encode_map(self._gateway.source, self._nonce, self._port, PORTMAP_LIFETIME_S, suggested)
        self._begin("ask", request, now)

    def check(self, now: float) -> None:
        """Ask for the epoch again."""
        self._begin("check", pcp.encode_announce(self._gateway.source), now)

    def release(self, held: Endpoint, now: float) -> None:
        """End the mapping; the nonce shows that it is ours."""
        self._begin("release", pcp.encode_map(self._gateway.source, self._nonce, self._port, 0, held), now)

    def handle_datagram(self, port: int, data: bytes, now: float) -> None:
        """An answer, perhaps."""
        if port != pcp.SERVER_PORT or not self._about:
            return
        try:
            answer = pcp.decode_answer(data)
        except WarrenError:
            return
        match answer:
            case pcp.OtherVersion():
                self._handle_other_version(data)
            case pcp.AnnounceAnswer():
                self._handle_announce(answer, now)
            case pcp.MapAnswer():
                self._handle_map(answer, now)

    def handle_announcement(self, data: bytes, now: float) -> None:
        """The gateway tells its epoch after a restart."""
        try:
            answer = pcp.decode_answer(data)
        except WarrenError:
            return
        if isinstance(answer, pcp.AnnounceAnswer) and self._epoch.observe(answer.epoch_s, now):
            self._box.outcomes.append(Lost(RESTARTED))

    # --- within ---

    def _handle_other_version(self, data: bytes) -> None:
        # a NAT-PMP gateway answers what NAT-PMP asks in version 0 too; only 'unsupported version' is for us
        if len(data) >= 4 and int.from_bytes(data[2:4], "big") == pcp.Result.UNSUPP_VERSION:
            reason = "the gateway speaks NAT-PMP only" if data[0] == 0 else "the gateway speaks another version"
            about = self._about
            self._end(Absent(reason) if about == "detect" else Refused(reason))

    def _handle_announce(self, answer: pcp.AnnounceAnswer, now: float) -> None:
        about = self._about
        if about not in {"detect", "check"}:
            return
        # a refusal is an answer too: who refuses the opcode speaks PCP, and its epoch counts
        is_lost = self._epoch.observe(answer.epoch_s, now)
        if about == "detect":
            self._end(Present())
        else:
            self._end(Lost(RESTARTED) if is_lost else Kept())

    def _handle_map(self, answer: pcp.MapAnswer, now: float) -> None:
        about = self._about
        if about not in {"ask", "release"} or answer.nonce != self._nonce or answer.internal_port != self._port:
            return
        self._epoch.observe(answer.epoch_s, now)
        if about == "release":
            self._end(Released())  # refused or done: nothing more can be asked of it
        elif answer.external is None:
            self._end(Refused(_reason(answer.result)))
        else:
            self._end(Granted(answer.external, answer.lifetime_s))


def _reason(result: int) -> str:
    try:
        return pcp.Result(result).name.replace("_", " ").lower()
    except ValueError:
        return f"result {result}"
