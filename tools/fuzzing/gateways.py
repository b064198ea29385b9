"""What gateways send: PCP, NAT-PMP, searches' answers, device descriptions and SOAP. All of it is a stranger's word."""

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.limits import PORTMAP_OUTBOX_MAX, XML_ELEMENTS_MAX
from warren.model.addresses import Endpoint
from warren.node.paths.portmap.client import Client, Datagram, Gateway, Granted, HttpAnswer, HttpRequest, Outcome
from warren.node.paths.portmap.natpmp_client import NatPmpClient
from warren.node.paths.portmap.pcp_client import PcpClient
from warren.node.paths.portmap.upnp_client import UpnpClient
from warren.wire import natpmp, pcp, ssdp, upnp, xml

_NONCE = bytes(range(12))
_MAPPED = (
    struct.pack(">BBBBII12x", 2, 129, 0, 0, 3600, 77)
    + _NONCE
    + struct.pack(">B3xHH", 17, 51820, 40000)
    + bytes(10) + b"\xff\xff" + bytes((198, 51, 100, 9))
)  # fmt: skip
_OUTSIDE = struct.pack(">BBHI4s", 0, 128, 0, 5, bytes((198, 51, 100, 9)))
_NATPMP_MAPPED = struct.pack(">BBHIHHI", 0, 129, 0, 5, 51820, 40000, 3600)
_ANNOUNCED = struct.pack(">BBBBII12x", 2, 128, 0, 0, 0, 77)
_FOUND = b"HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: http://192.168.1.1:5000/root.xml\r\nSERVER: y\r\n\r\n"
_PLACE = ssdp.Place(ip_address("192.168.1.1"), 5000, "/root.xml")
_DEVICE = (
    b'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceList><device><serviceList>'
    b"<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/c</controlURL>"
    b"</service></serviceList></device></deviceList></device></root>"
)
_ANSWER = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:GetResponse xmlns:u="x">'
    b"<NewExternalIPAddress>198.51.100.9</NewExternalIPAddress></u:GetResponse></s:Body></s:Envelope>"
)
_FAULT = (
    b"<s:Envelope><s:Body><s:Fault><faultstring>UPnPError</faultstring><detail><UPnPError><errorCode>718</errorCode>"
    b"</UPnPError></detail></s:Fault></s:Body></s:Envelope>"
)
_OUTER = _ANSWER.replace(b"GetResponse", b"GetExternalIPAddressResponse")
_NO_ENTRY = _FAULT.replace(b"718", b"714")
_ADDED = b'<s:Envelope><s:Body><u:AddPortMappingResponse xmlns:u="x"/></s:Body></s:Envelope>'
_REFUSALS = {Code.MALFORMED, Code.TOO_LARGE, Code.UNSUPPORTED}


def _refused(error: WarrenError) -> bool:
    require(error.code in _REFUSALS, f"refused with {error.code}")
    return False


def check_pcp(data: bytes) -> bool:
    """A mapping has a port, a refusal none."""
    try:
        answer = pcp.decode_answer(data)
    except WarrenError as error:
        return _refused(error)
    if isinstance(answer, pcp.MapAnswer):
        require(len(answer.nonce) == pcp.NONCE_BYTES, "a nonce of another length")
        require(answer.external is None or answer.external.port > 0, "a mapping of port 0")
        require(answer.result == 0 or answer.external is None, "refused and granted")
    return True


def check_natpmp(data: bytes) -> bool:
    """The same of NAT-PMP."""
    try:
        answer = natpmp.decode_answer(data)
    except WarrenError as error:
        return _refused(error)
    if isinstance(answer, natpmp.MapAnswer):
        require(answer.external_port > 0 or not answer.lifetime_s, "a mapping of port 0")
    else:
        require(answer.address is None or isinstance(answer.address, IPv4Address), "no address")
    return True


def check_ssdp(data: bytes) -> bool:
    """A place that may be asked: a literal address, a port, a path that no request line breaks at."""
    try:
        found = ssdp.decode_found(data)
    except WarrenError as error:
        return _refused(error)
    place = found.location
    require(0 < place.port < 65536, "no port")
    require(place.path.startswith("/") and place.path.isprintable() and " " not in place.path, "a path that breaks")
    again = ssdp.parse_place(f"http://{_bracketed(place)}:{place.port}{place.path}")
    require(again == place, "it reads back differently")
    return True


def _bracketed(place: ssdp.Place) -> str:
    return f"[{place.address}]" if place.address.version == 6 else str(place.address)


def check_xml(data: bytes) -> bool:
    """A tree no larger than it may be."""
    try:
        root = xml.parse_xml(data)
    except WarrenError as error:
        return _refused(error)
    count, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        count += 1
        require(":" not in one.name, "a prefix")
        waiting.extend(one.children)
    require(count <= XML_ELEMENTS_MAX, "more elements than may be")
    return True


def check_description(data: bytes) -> bool:
    """Services are asked where the description came from, and nowhere else."""
    try:
        services = upnp.parse_description(data, _PLACE)
    except WarrenError as error:
        return _refused(error)
    for service in services:
        require(service.control.address == _PLACE.address, "another machine would be asked")
        require(service.kind in {*upnp.MAPPING_SERVICES, upnp.FIREWALL6}, "a service that was not looked for")
    return bool(services)


def check_soap(data: bytes) -> bool:
    """Values or a fault with a number."""
    try:
        answer = upnp.decode_action(data, "Get")
    except WarrenError as error:
        return _refused(error)
    if isinstance(answer, Mapping):
        return True
    require(0 <= answer.number < 10_000, "no number of an error")
    return True


class _Talk:
    """A client of one of the three protocols that is told whatever comes, and the one question that it has."""

    def __init__(self, number: int, first: int) -> None:
        gateway = Gateway(ip_address("192.168.1.1"), ip_address("192.168.1.2"))
        self._client: Client = (
            PcpClient(gateway, 51820, _NONCE),
            NatPmpClient(51820),
            UpnpClient(gateway, 51820, "ab", bytes),
        )[number % 3]
        self._now = 1.0
        self._asked: HttpRequest | None = None
        self._port = 0
        self._waits, self._about = False, 0
        self.was_granted = False
        self._begin(first)

    def hear(self, data: bytes) -> None:
        """An answer, the way the last question went; what comes of it is followed by the next question."""
        self._now += 0.1
        if self._asked is not None:
            asked, self._asked = self._asked, None
            answer = HttpAnswer(200, data) if data[:1] != b"!" else None
            self._client.handle_http(asked.number, answer, self._now)
        else:
            self._client.handle_datagram(self._port, data, self._now)
            self._client.handle_announcement(data, self._now)
        self._settle()
        if not self._waits:
            self._begin(self._about + 1)

    def ends(self) -> None:
        """Nobody answers any more: what was asked comes to an end by itself."""
        for _ in range(100):
            due = self._client.poll_timeout()
            if due is None:
                break
            self._now = max(self._now, due)
            self._client.handle_timeout(self._now)
            self._settle()
        require(self._client.poll_timeout() is None and not self._waits, "a question that never ends")

    def _begin(self, number: int) -> None:
        held = Endpoint(ip_address("198.51.100.9"), 40000)
        self._waits, self._about = True, number
        match number % 4:
            case 0:
                self._client.detect(self._now)
            case 1:
                self._client.ask(held, self._now)
            case 2:
                self._client.check(self._now)
            case _:
                self._client.release(held, self._now)
        self._settle()

    def _settle(self) -> None:
        sent = 0
        while (transmit := self._client.poll_transmit()) is not None:
            sent += 1
            if isinstance(transmit, Datagram):
                self._port = transmit.port
            else:
                require(transmit.path.isprintable() and " " not in transmit.path, "a request line that breaks")
                require(0 < transmit.port < 65536, "no port")
                self._asked = transmit
        require(sent <= PORTMAP_OUTBOX_MAX, "more than fits")
        while (outcome := self._client.poll_outcome()) is not None:
            self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        self._waits = False
        if isinstance(outcome, Granted):
            require(0 < outcome.external.port < 65536 and 0 < outcome.lifetime_s <= 2**32, f"granted {outcome}")
            self.was_granted = True


_THEN = b"\n--\n"


def check_talk(data: bytes) -> bool:
    """A whole talk: what a gateway answers leads to mappings that can be, or to an end."""
    parts = data.split(_THEN)
    talk = _Talk(parts[0][0] if parts[0] else 0, parts[0][1] if len(parts[0]) > 1 else 0)
    for part in parts[1:20]:
        talk.hear(part)
    talk.ends()
    return talk.was_granted


_XML_WORDS = (
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"&#0;", b"&lt;", b"<![CDATA[", b"]]>", b"<a>", b"</a>", b"<?x?>",
    b'encoding="utf-7"', b"\xff\xfe", b"\x00", b"<a" + b" b='c'" * 50, b"<x>" * 40,
)  # fmt: skip

PARSERS = (
    Parser("pcp_answer", (_MAPPED, _ANNOUNCED, bytes((0, 129, 0, 1, 0, 0, 0, 1))), check_pcp),
    Parser(
        "natpmp_answer",
        (
            _OUTSIDE,
            _NATPMP_MAPPED,
            struct.pack(">BBHI", 0, 129, 2, 5),
        ),
        check_natpmp,
    ),
    Parser("ssdp_answer", (_FOUND,), check_ssdp, (b"[fe80::1%eth0]", b"http://", b":0", b":65536", b"@", b"#", b"%0d")),
    Parser("xml", (_DEVICE, _ANSWER, "<a>ü</a>".encode("latin-1")), check_xml, _XML_WORDS),
    Parser(
        "upnp_description", (_DEVICE,), check_description, (*_XML_WORDS, b"http://203.0.113.1/", b"WANPPPConnection")
    ),
    Parser("soap_answer", (_ANSWER, _FAULT), check_soap, _XML_WORDS),
    Parser(
        "gateway_talk",
        (
            _THEN.join((b"\0\1", _MAPPED, bytes((0, 128, 0, 1, 0, 0, 0, 1)))),
            _THEN.join((b"\0\0", bytes((1, 128, 0, 1, 0, 0, 0, 1)), bytes((0, 128, 0, 1, 0, 0, 0, 1)))),
            _THEN.join((b"\1\0", _OUTSIDE, _NATPMP_MAPPED, _OUTSIDE, _NATPMP_MAPPED)),
            _THEN.join((b"\2\0", _FOUND, _DEVICE, _OUTER, _NO_ENTRY, _ADDED, _OUTER)),
        ),
        check_talk,
        (_THEN, _MAPPED, _ANNOUNCED, _OUTSIDE, _NATPMP_MAPPED, _FOUND, _DEVICE, _OUTER, _NO_ENTRY, _ADDED, *_XML_WORDS),
    ),
)
