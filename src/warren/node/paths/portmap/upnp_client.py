"""The client's side of UPnP-IGD for one port (UPnP WANIPConnection:2, WANIPv6FirewallControl:1).

A search to the gateway alone, its description, then actions by SOAP, one after the other. Decides whose an entry is:
ours has our address, our port, and our description (or was made by this very client); what is another's is neither
taken over nor deleted, another port is asked for instead. A pinhole has only a number, so it is renewed and deleted by
the client that made it alone. Requests name a port and path; whoever carries them out connects to the gateway,
whatever its description says. Pure; `rng` gives random bytes.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from warren.errors import WarrenError
from warren.limits import PORTMAP_ANSWER_MAX_S, PORTMAP_LIFETIME_S, PORTMAP_UPNP_PORTS_MAX
from warren.model.addresses import PORT_MAX, Endpoint
from warren.node.paths.portmap.client import (
    Absent,
    Box,
    Datagram,
    Gateway,
    Granted,
    HttpAnswer,
    HttpRequest,
    Kept,
    Lost,
    Method,
    Outcome,
    Present,
    Question,
    Refused,
    Released,
    Silent,
    Transmit,
)
from warren.wire import ssdp, upnp

_PORT_MIN = 1024  # what a gateway's users may have
_Answer = Mapping[str, str] | upnp.Fault


class UpnpClient:
    """`client.Client` for UPnP: mappings where the source is IPv4, pinholes where it is IPv6."""

    def __init__(self, gateway: Gateway, port: int, tag: str, rng: Callable[[int], bytes]) -> None:
        """`tag` tells our entries from those of other programs, over restarts."""
        self._gateway = gateway
        self._port = port
        self._description = f"warren {tag}"
        self._rng = rng
        self._is_pinhole = gateway.source.version == 6
        self._service: upnp.Service | None = None
        self._search: Question | None = None
        self._number = 0
        self._action = ""  # asked, and not answered yet
        self._about = ""
        self._until: float | None = None
        self._wish = 0  # the outer port being asked for
        self._wishes = 0
        self._lease_s = PORTMAP_LIFETIME_S
        self._outside = ""
        self._held_port = 0  # made by this client
        self._pinhole = ""
        self._box = Box()

    @property
    def method(self) -> Method:
        """UPnP."""
        return Method.UPNP

    def detect(self, now: float) -> None:
        """Search for the device, then read its description."""
        self._about, self._action = "detect", ""
        search = Datagram(ssdp.SERVER_PORT, ssdp.encode_search(self._gateway.address))
        self._search = Question.begin("detect", search, now)
        self.handle_timeout(now)

    def ask(self, suggested: Endpoint | None, now: float) -> None:
        """Make or renew the entry or pinhole."""
        self._about = "ask"
        if self._is_pinhole:
            self._ask_pinhole(now)
            return
        self._wishes = 0
        self._wish = self._held_port or (suggested.port if suggested is not None else 0) or self._port
        self._send("GetExternalIPAddress", now)

    def check(self, now: float) -> None:
        """See whether the entry is there and ours. A pinhole is renewed, which fails where it is gone."""
        self._about = "check"
        self._wish = self._held_port
        if self._is_pinhole:
            self._ask_pinhole(now)
        else:
            self._look(now)

    def release(self, held: Endpoint, now: float) -> None:
        """Delete the entry if it is ours."""
        self._about = "release"
        self._wish = self._held_port or held.port
        if not self._is_pinhole:
            self._look(now)
        elif self._pinhole:
            self._send("DeletePinhole", now, ("UniqueID", self._pinhole))
        else:
            self._end(Released())

    def handle_datagram(self, port: int, data: bytes, now: float) -> None:
        """An answer to the search, perhaps."""
        if self._search is None or port != ssdp.SERVER_PORT:
            return
        try:
            found = ssdp.decode_found(data)
        except WarrenError:
            return
        place = found.location
        if place.address != self._gateway.address and not self._is_pinhole:
            return  # IPv6: a gateway has several addresses, and is asked at the one that we know
        self._search = None
        self._location = ssdp.Place(place.address, place.port, place.path)
        self._request(HttpRequest(self._next_number(), place.port, place.path), "description", now)

    def handle_announcement(self, data: bytes, now: float) -> None:
        """UPnP's announcements are not listened to."""

    def handle_http(self, number: int, answer: HttpAnswer | None, now: float) -> None:
        """The answer to the request that waits."""
        if number != self._number or not self._action:
            return
        action, self._action, self._until = self._action, "", None
        if action == "description":
            self._read_description(answer)
            return
        # SOAP tells refusals with status 500 (SOAP 1.1, 6.2)
        if answer is None or answer.status not in {200, 500}:
            self._end(Silent())
            return
        try:
            read = upnp.decode_action(answer.body, action)
        except WarrenError as error:
            self._end(Refused(error.text))
            return
        self._go_on(action, read, now)

    def handle_timeout(self, now: float) -> None:
        """Search again, or give up."""
        if self._search is not None:
            if self._search.has_ended(now):
                self._search = None
                self._end(Absent("no answer"))
            elif self._search.take(now):
                self._box.transmits.append(self._search.datagram)
        if self._until is not None and now >= self._until:
            is_description = self._action == "description"
            self._action, self._until = "", None
            self._end(Absent("the description did not come") if is_description else Silent())

    def poll_transmit(self) -> Transmit | None:
        """The next datagram or request."""
        return self._box.transmit()

    def poll_outcome(self) -> Outcome | None:
        """The next outcome."""
        return self._box.outcome()

    def poll_timeout(self) -> float | None:
        """When to search again or give up."""
        return min(
            (at for at in (self._search.timeout if self._search is not None else None, self._until) if at is not None),
            default=None,
        )

    # --- finding ---

    def _read_description(self, answer: HttpAnswer | None) -> None:
        if answer is None or answer.status != 200:
            self._end(Absent("the description cannot be read"))
            return
        try:
            services = upnp.parse_description(answer.body, self._location)
        except WarrenError as error:
            self._end(Absent(f"the description cannot be read: {error.text}"))
            return
        wanted = (upnp.FIREWALL6,) if self._is_pinhole else upnp.MAPPING_SERVICES
        of_kind = {service.kind: service for service in reversed(services)}
        self._service = next((of_kind[kind] for kind in wanted if kind in of_kind), None)
        self._end(Present() if self._service is not None else Absent("the device maps no ports"))

    # --- asking ---

    def _go_on(self, action: str, read: _Answer, now: float) -> None:
        match action:
            case "GetExternalIPAddress":
                self._take_outside(read, now)
            case "GetSpecificPortMappingEntry":
                self._take_entry(read, now)
            case "AddPortMapping":
                self._take_added(read, now)
            case "AddPinhole" | "UpdatePinhole":
                self._take_pinhole(action, read, now)
            case _:  # DeletePortMapping, DeletePinhole: done, or gone before
                self._held_port, self._pinhole = 0, ""
                self._end(Released())

    def _take_outside(self, read: _Answer, now: float) -> None:
        if isinstance(read, upnp.Fault):
            self._end(Refused(_reason(read)))
            return
        self._outside = read.get("NewExternalIPAddress", "")
        self._look(now)

    def _look(self, now: float) -> None:
        entry = (("NewRemoteHost", ""), ("NewExternalPort", str(self._wish)), ("NewProtocol", "UDP"))
        self._send("GetSpecificPortMappingEntry", now, *entry)

    def _take_entry(self, read: _Answer, now: float) -> None:
        """What stands at the outer port decides: nothing, ours, or another's."""
        is_free = isinstance(read, upnp.Fault)
        is_ours = not isinstance(read, upnp.Fault) and self._is_ours(read)
        if self._about == "check":
            self._end(Kept() if is_ours else Lost("the gateway forgot the mapping"))
        elif self._about == "release":
            if is_ours:
                entry = (("NewRemoteHost", ""), ("NewExternalPort", str(self._wish)), ("NewProtocol", "UDP"))
                self._send("DeletePortMapping", now, *entry)
            else:
                self._end(Released())
        elif is_free or is_ours:
            self._add(now)
        else:
            self._wish_another("every port that was tried is another's", now)

    def _is_ours(self, entry: Mapping[str, str]) -> bool:
        if entry.get("NewInternalClient") != str(self._gateway.source):
            return False
        if entry.get("NewInternalPort") != str(self._port):
            return False
        # some gateways shorten the description; of an entry that we made ourselves it is not needed
        return self._wish == self._held_port or entry.get("NewPortMappingDescription") == self._description

    def _add(self, now: float) -> None:
        self._send(
            "AddPortMapping",
            now,
            ("NewRemoteHost", ""),
            ("NewExternalPort", str(self._wish)),
            ("NewProtocol", "UDP"),
            ("NewInternalPort", str(self._port)),
            ("NewInternalClient", str(self._gateway.source)),
            ("NewEnabled", "1"),
            ("NewPortMappingDescription", self._description),
            ("NewLeaseDuration", str(self._lease_s)),
        )

    def _take_added(self, read: _Answer, now: float) -> None:
        if not isinstance(read, upnp.Fault):
            self._held_port = self._wish
            try:
                external = Endpoint(ip_address(self._outside), self._wish)
            except ValueError:
                self._end(Refused("the gateway tells no outer address"))
                return
            self._end(Granted(external, PORTMAP_LIFETIME_S))
        elif read.number == upnp.Refusal.PERMANENT_ONLY and self._lease_s:
            self._lease_s = 0  # stays until it is deleted; we renew and release it all the same
            self._add(now)
        elif read.number in {upnp.Refusal.CONFLICT, upnp.Refusal.ACTION_FAILED}:
            self._wish_another(_reason(read), now)
        else:
            self._end(Refused(_reason(read)))

    def _wish_another(self, reason: str, now: float) -> None:
        self._wishes += 1
        if self._wishes >= PORTMAP_UPNP_PORTS_MAX:
            self._end(Refused(reason))
            return
        self._wish = _PORT_MIN + int.from_bytes(self._rng(4), "big") % (PORT_MAX + 1 - _PORT_MIN)
        self._look(now)

    def _ask_pinhole(self, now: float) -> None:
        if self._pinhole:
            self._send("UpdatePinhole", now, ("UniqueID", self._pinhole), ("NewLeaseTime", str(PORTMAP_LIFETIME_S)))
            return
        self._send(
            "AddPinhole",
            now,
            ("RemoteHost", ""),
            ("RemotePort", "0"),
            ("InternalClient", str(self._gateway.source)),
            ("InternalPort", str(self._port)),
            ("Protocol", "17"),
            ("LeaseTime", str(PORTMAP_LIFETIME_S)),
        )

    def _take_pinhole(self, action: str, read: _Answer, now: float) -> None:
        if isinstance(read, upnp.Fault):
            had, self._pinhole = self._pinhole, ""
            if self._about == "check":
                self._end(Lost("the gateway forgot the pinhole"))
            elif had:
                self._ask_pinhole(now)
            else:
                self._end(Refused(_reason(read)))
            return
        if action == "AddPinhole":
            self._pinhole = read.get("UniqueID", "")[:32]
        external = Endpoint(self._gateway.source, self._port)
        self._end(Kept() if self._about == "check" else Granted(external, PORTMAP_LIFETIME_S))

    # --- within ---

    def _send(self, action: str, now: float, *arguments: tuple[str, str]) -> None:
        service = self._service
        if service is None:
            self._end(Refused("the device was not found"))
            return
        body = upnp.encode_action(service.kind, action, arguments)
        header = upnp.action_header(service.kind, action)
        self._request(
            HttpRequest(self._next_number(), service.control.port, service.control.path, header, body), action, now
        )

    def _request(self, request: HttpRequest, action: str, now: float) -> None:
        self._action, self._until = action, now + PORTMAP_ANSWER_MAX_S
        self._box.transmits.append(request)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _end(self, outcome: Outcome) -> None:
        self._box.outcomes.append(outcome)


def _reason(fault: upnp.Fault) -> str:
    try:
        return upnp.Refusal(fault.number).name.replace("_", " ").lower()
    except ValueError:
        return f"error {fault.number}"
