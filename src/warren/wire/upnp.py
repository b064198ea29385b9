"""A UPnP internet gateway: which services its description offers, and the actions asked of them (SOAP).

Decides the form only: WANIPConnection 1 and 2, WANPPPConnection 1 (UPnP WANIPConnection:2, 2.5) and
WANIPv6FirewallControl 1. A control URL that leads to another address than the description came from is left out.
Must not know which service is asked when, or whom an entry belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from warren.errors import Code, WarrenError
from warren.wire.ssdp import Place, parse_place
from warren.wire.xml import Element, parse_xml

_SCHEMA: Final = "urn:schemas-upnp-org:service:"
IP2: Final = f"{_SCHEMA}WANIPConnection:2"
IP1: Final = f"{_SCHEMA}WANIPConnection:1"
PPP1: Final = f"{_SCHEMA}WANPPPConnection:1"
FIREWALL6: Final = f"{_SCHEMA}WANIPv6FirewallControl:1"
MAPPING_SERVICES: Final = (IP2, IP1, PPP1)
"""Those that map ports, the best first."""


class Refusal(IntEnum):
    """Error codes of actions that are acted on (UPnP WANIPConnection:2, 2.5; WANIPv6FirewallControl:1, 2.5)."""

    ACTION_FAILED = 501
    NOT_AUTHORIZED = 606
    NO_SUCH_ENTRY = 714
    CONFLICT = 718
    SAME_PORTS_ONLY = 724
    PERMANENT_ONLY = 725
    NO_FREE_PORT = 728
    NO_SUCH_PINHOLE = 704


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its type and where its actions are asked."""

    kind: str
    control: Place


@dataclass(frozen=True, slots=True)
class Fault:
    """An action was refused: the error's number (0 where it gives none) and its sentence, the gateway's word."""

    number: int
    text: str


def parse_description(data: bytes, location: Place) -> tuple[Service, ...]:
    """Return the services of interest; WarrenError as `parse_xml`. `location` is where the description came from."""
    root = parse_xml(data)
    found = []
    for element in root.descendants("service"):
        kind = element.child_text("serviceType")
        if kind not in {*MAPPING_SERVICES, FIREWALL6}:
            continue
        try:
            control = parse_place(element.child_text("controlURL"), location)
        except WarrenError:
            continue  # the others may be good
        if control.address == location.address:
            found.append(Service(kind, control))
    return tuple(found)


def encode_action(kind: str, action: str, arguments: Sequence[tuple[str, str]]) -> bytes:
    """Return the SOAP body that asks for an action of a service of that type."""
    inside = "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in arguments)
    return (
        '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{kind}">{inside}</u:{action}></s:Body></s:Envelope>'
    ).encode()


def action_header(kind: str, action: str) -> str:
    """Return the value of the header SOAPACTION."""
    return f'"{kind}#{action}"'


def decode_action(data: bytes, action: str) -> Mapping[str, str] | Fault:
    """Return the values that an action gave, or why it was refused; WarrenError as `parse_xml`, or MALFORMED."""
    envelope = parse_xml(data)
    body = envelope.child("Body") if envelope.name == "Envelope" else None
    if body is None:
        raise WarrenError(Code.MALFORMED, "not a SOAP answer")
    answer = body.child(f"{action}Response")
    if answer is not None:
        return {one.name: one.text for one in answer.children}
    fault = body.child("Fault")
    if fault is None:
        raise WarrenError(Code.MALFORMED, "an answer to something else")
    return _read_fault(fault)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read_fault(fault: Element) -> Fault:
    error = next(iter(fault.descendants("UPnPError")), None)
    if error is None:
        return Fault(0, fault.child_text("faultstring")[:200])
    number = error.child_text("errorCode")
    is_number = number.isascii() and number.isdigit() and len(number) <= 4
    return Fault(int(number) if is_number else 0, error.child_text("errorDescription")[:200])
