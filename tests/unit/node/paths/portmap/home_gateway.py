"""A gateway in memory, by its own reading of the RFCs (nothing of `warren.wire` is used), and the mapper before it.

The clock is virtual: `run` jumps from one deadline to the next, answers come at once.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from warren.node.paths.portmap.client import Client, Datagram, Gateway, HttpAnswer, HttpRequest, Method
from warren.node.paths.portmap.mapper import Event, PortMapper
from warren.node.paths.portmap.natpmp_client import NatPmpClient
from warren.node.paths.portmap.pcp_client import PcpClient
from warren.node.paths.portmap.upnp_client import UpnpClient

PORT = 51820
INSIDE, OUTSIDE, ROUTER = IPv4Address("192.168.1.7"), IPv4Address("198.51.100.9"), IPv4Address("192.168.1.1")
INSIDE6, ROUTER6 = IPv6Address("2001:db8::7"), IPv6Address("fe80::1")
ALL = frozenset(Method)
_DEVICE = """<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl/IP</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>
<controlURL>/ctl/6</controlURL></service></serviceList></device></root>"""


@dataclass
class HomeGateway:
    """Speaks what `speaks` says. `entries`: outer port -> (client, inner port, description)."""

    speaks: frozenset[Method] = ALL
    lifetime_s: int = 3600
    external: IPv4Address | IPv6Address = OUTSIDE
    epoch_began: float = 0.0
    is_on: bool = True
    permanent_only: bool = False
    pcp: dict[tuple[bytes, int], int] = field(default_factory=dict)
    natpmp: dict[int, int] = field(default_factory=dict)
    entries: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    pinholes: dict[str, tuple[str, str]] = field(default_factory=dict)
    location: str = "http://192.168.1.1:5000/root.xml"
    asked: list[str] = field(default_factory=list)
    external_port: int = 0

    def restart(self, now: float) -> None:
        """Everything is forgotten."""
        self.epoch_began = now
        self.pcp.clear()
        self.natpmp.clear()
        self.entries.clear()
        self.pinholes.clear()

    def answer(self, datagram: Datagram, now: float) -> bytes | None:
        epoch = int(now - self.epoch_began) + 1000
        data = datagram.data
        if not self.is_on:
            return None
        if datagram.port == 1900:
            self.asked.append("search")
            said = f"HTTP/1.1 200 OK\r\nLOCATION: {self.location}\r\nST: x\r\n\r\n"
            return said.encode() if Method.UPNP in self.speaks else None
        if data[0] == 2:
            return self._pcp(data, epoch)
        return self._natpmp(data, epoch) if Method.NAT_PMP in self.speaks else None

    def _pcp(self, data: bytes, epoch: int) -> bytes | None:
        if Method.PCP not in self.speaks:
            return struct.pack(">BBHI", 0, 128 + data[1], 1, epoch) if Method.NAT_PMP in self.speaks else None
        opcode, lifetime = data[1], int.from_bytes(data[4:8], "big")
        if opcode == 0:
            self.asked.append("announce")
            return struct.pack(">BBBBII12x", 2, 128, 0, 0, 0, epoch)
        nonce, inner = data[24:36], int.from_bytes(data[40:42], "big")
        self.asked.append(f"map {lifetime}")
        granted = 0
        if lifetime:
            self.pcp[nonce, inner] = granted = min(lifetime, self.lifetime_s)
        else:
            self.pcp.pop((nonce, inner), None)
        outside = self.external.packed if self.external.version == 6 else bytes(10) + b"\xff\xff" + self.external.packed
        head = struct.pack(">BBBBII12x", 2, 129, 0, 0, granted, epoch)
        return head + nonce + struct.pack(">B3xHH", 17, inner, self.external_port or inner) + outside

    def _natpmp(self, data: bytes, epoch: int) -> bytes:
        if data[1] == 0:
            self.asked.append("address")
            return struct.pack(">BBHI", 0, 128, 0, epoch) + self.external.packed
        inner, _, lifetime = struct.unpack(">HHI", data[4:12])
        self.asked.append(f"natpmp {lifetime}")
        granted = min(lifetime, self.lifetime_s)
        if lifetime:
            self.natpmp[inner] = granted
        else:
            self.natpmp.pop(inner, None)
        return struct.pack(
            ">BBHIHHI", 0, 129, 0, epoch, inner, (self.external_port or inner) if lifetime else 0, granted
        )

    def fetch(self, request: HttpRequest) -> HttpAnswer | None:
        if not self.is_on:
            return None
        if not request.action:
            return HttpAnswer(200, _DEVICE.encode())
        action = request.action.strip('"').partition("#")[2]
        self.asked.append(action)
        given = dict(re.findall(r"<(\w+)>([^<]*)</\1>", request.body.decode()))
        try:
            said = self._act(action, given)
        except KeyError as error:
            fault = f"<UPnPError><errorCode>{error.args[0]}</errorCode></UPnPError>"
            return HttpAnswer(500, _soap(f"<s:Fault><detail>{fault}</detail></s:Fault>"))
        inside = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
        return HttpAnswer(200, _soap(f'<u:{action}Response xmlns:u="x">{inside}</u:{action}Response>'))

    def _act(self, action: str, given: dict[str, str]) -> dict[str, str]:
        """What an action gives; KeyError with the number of a UPnP error."""
        outer = int(given.get("NewExternalPort", "0"))
        match action:
            case "GetExternalIPAddress":
                return {"NewExternalIPAddress": str(self.external)}
            case "GetSpecificPortMappingEntry":
                if outer not in self.entries:
                    raise KeyError(714)
                client, inner, text = self.entries[outer]
                return {"NewInternalClient": client, "NewInternalPort": inner, "NewPortMappingDescription": text}
            case "AddPortMapping":
                if self.permanent_only and given["NewLeaseDuration"] != "0":
                    raise KeyError(725)
                if outer in self.entries and self.entries[outer][0] != given["NewInternalClient"]:
                    raise KeyError(718)
                words = ("NewInternalClient", "NewInternalPort", "NewPortMappingDescription")
                self.entries[outer] = (given[words[0]], given[words[1]], given[words[2]])
            case "DeletePortMapping":
                del self.entries[outer]
            case "AddPinhole":
                number = str(len(self.pinholes) + 1)
                self.pinholes[number] = (given["InternalClient"], given["InternalPort"])
                return {"UniqueID": number}
            case "UpdatePinhole":
                if given["UniqueID"] not in self.pinholes:
                    raise KeyError(704)
            case "DeletePinhole":
                del self.pinholes[given["UniqueID"]]
        return {}


def _soap(inside: str) -> bytes:
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inside}</s:Body></s:Envelope>'.encode()


class Rig:
    """A mapper, its gateway and the clock between them."""

    def __init__(
        self, home: HomeGateway, *, gateway: Gateway | None = None, port: int = PORT, at: float = 100.0,
        nonce: bytes = b"n" * 12, rng: Callable[[int], bytes] = lambda count: b"\x00\x00\x12\x34"[:count],
    ) -> None:  # fmt: skip
        self.home = home
        self.now = at
        where = gateway or Gateway(ROUTER, INSIDE)
        clients: list[Client] = [PcpClient(where, port, nonce)]
        if where.address.version == 4:
            clients.append(NatPmpClient(port))
        clients.append(UpnpClient(where, port, nonce[:4].hex(), rng))
        self.mapper = PortMapper(where, clients)
        self.events: list[Event] = []

    def start(self) -> "Rig":
        self.mapper.start(None, self.now)
        self.settle()
        return self

    def settle(self) -> None:
        """Carry everything that is wanted now."""
        while (sent := self.mapper.poll_transmit()) is not None:
            method, transmit = sent
            if isinstance(transmit, HttpRequest):
                self.mapper.handle_http(method, transmit.number, self.home.fetch(transmit), self.now)
            elif (data := self.home.answer(transmit, self.now)) is not None:
                self.mapper.handle_datagram(transmit.port, data, self.now)
        while (event := self.mapper.poll_event()) is not None:
            self.events.append(event)

    def run(self, for_s: float) -> None:
        """Let time pass, from one deadline to the next."""
        end = self.now + for_s
        steps = 0
        while (timeout := self.mapper.poll_timeout()) is not None and timeout[0] <= end:
            steps += 1
            assert steps < 10_000, f"no progress at {self.now}: {timeout}"
            self.now = max(self.now, timeout[0])
            self.mapper.handle_timeout(self.now)
            self.settle()
        self.now = end
