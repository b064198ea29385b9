"""A NAT64 on a router of the lab, and the resolver that tells of it (RFC 6146, RFC 6147, RFC 7050).

    router = lab.router("mobile", wan=internet, lan=lan, nat=nat.home)
    nat64.serve(router)
    phone = lab.host("phone", lan)
    nat64.only_v6(phone, router)

As a program in the router it is `translate` (packets of a TUN through `translation.py`) or `resolve` (UDP port 53, with
synthesized AAAA records for `ipv4only.arpa` and for names given as NAME=ADDRESS).
"""

import fcntl
import os
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from tests.netlab.translation import PREFIX, Translator, synthesized

if TYPE_CHECKING:
    from tests.netlab.host import Host
    from tests.netlab.router import Router

POOL = IPv4Network("192.168.255.0/24")
LINK = "nat64"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_PACKET_MAX_BYTES = 65_535
_WELL_KNOWN = (IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171"))
_AAAA, _IN, _TTL_S = 28, 1, 60
_ANSWER, _RECURSION, _NO_SUCH_NAME = 0x8000, 0x0080, 3


def serve(router: "Router", names: dict[str, IPv4Address] | None = None) -> None:
    """Translate and resolve on this router from here on."""
    program = [sys.executable, "-m", "tests.netlab.nat64"]
    router.start([*program, "translate"]).wait_for("ready")
    router.ip_batch(f"addr add {POOL[1]}/24 dev {LINK}", f"link set {LINK} up", f"route add {PREFIX} dev {LINK}")
    inside = str(router.interfaces["eth1"].v6.ip)
    known = [f"{name}={address}" for name, address in (names or {}).items()]
    router.start([*program, "resolve", inside, *known]).wait_for("ready")


def only_v6(host: "Host", router: "Router") -> None:
    """A host that has no IPv4, and asks this router for names; for programs that it starts from here on."""
    host.ip_batch("addr flush dev eth0 to 0.0.0.0/0")
    file = host.folder / f"{host.name}-resolv.conf"
    file.write_text(f"nameserver {router.interfaces['eth1'].v6.ip}\noptions timeout:5 attempts:3\n")
    host.resolver = file


def translate() -> None:
    """Packets that come out of the TUN go back in as the other family."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", LINK.encode(), _IFF_TUN | _IFF_NO_PI))
    translator = Translator(IPv4Network(f"{POOL[128]}/25"))  # the router's own address is in the other half
    _say("ready")
    while True:
        packet = os.read(tun, _PACKET_MAX_BYTES)
        turned = translator.to_v4(packet) if packet[0] >> 4 == 6 else translator.to_v6(packet)
        if turned is not None:
            os.write(tun, turned)


def resolve(place: str, names: dict[str, IPv4Address]) -> None:
    """Answer questions for AAAA records."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind((place, 53))
        _say("ready")
        while True:
            question, asker = server.recvfrom(512)
            server.sendto(answer(question, names), asker)


def answer(question: bytes, names: dict[str, IPv4Address]) -> bytes:
    """The answer to one question (RFC 1035); no such name for all that nobody gave."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii").lower())
        at += 1 + question[at]
    (kind,) = struct.unpack_from(">H", question, at + 1)
    name, asked = ".".join(labels), question[12 : at + 5]
    known = _WELL_KNOWN if name == "ipv4only.arpa" else tuple(names[one] for one in (name,) if one in names)
    records = [synthesized(address).packed for address in known] if kind == _AAAA else []
    flags = _ANSWER | _RECURSION | (0 if known else _NO_SUCH_NAME)
    head = question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    return head + asked + b"".join(struct.pack(">HHHIH", 0xC00C, _AAAA, _IN, _TTL_S, 16) + one for one in records)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "translate":
        translate()
    else:
        resolve(sys.argv[2], {name: IPv4Address(ip) for name, _, ip in (word.partition("=") for word in sys.argv[3:])})
