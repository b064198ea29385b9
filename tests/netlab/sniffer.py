"""Write what passes an interface to a pcap file; run inside the host, ends when its standard input closes.

    python sniffer.py INTERFACE FILE

Prints `ready` once packets are being kept, so that traffic started after that is in the file. At the end it reads on
until the socket has been silent, so that everything sent before the end is in the file too, and prints
`done FRAMES DROPPED`. UDP datagrams that a sender merged into one (GSO; a veth hands them on as they are) stand in the
file one by one, as a cable would carry them. It imports little on purpose: it starts in 20 ms.
"""

import contextlib
import io
import select
import socket
import struct
import sys
import time

_ETH_P_ALL = 0x0003
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_VNET_HDR = 15
_VNET = struct.Struct("=BBHHHH")  # struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
_GSO_UDP_L4 = 5
_ETHERNET_BYTES, _UDP_BYTES = 14, 8
_IPV6 = b"\x86\xdd"
_PCAP_NANOSECONDS = 0xA1B23C4D  # the magic of pcap with nanoseconds
_LINKTYPE_ETHERNET = 1
_BUFFER_BYTES = 64 << 20  # a second of a full 500 Mbit/s link while we are not scheduled
_FRAME_BYTES = 65536 + 64  # one GSO frame
_SILENCE_S = 0.15  # a veth hands over in a softirq, on a full machine in a thread: what was sent is here by then
_DRAIN_S = 2.0  # where traffic never falls silent


def main(interface: str, path: str) -> None:
    """Capture until standard input closes."""
    kept = 0
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    with tap, open(path, "wb") as out:  # noqa: PTH123 - pathlib costs as much as the rest
        with contextlib.suppress(PermissionError):  # in a user namespace the system's limit stays
            tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tap.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        tap.bind((interface, _ETH_P_ALL))
        tap.settimeout(0)
        out.write(struct.pack("<IHHiIII", _PCAP_NANOSECONDS, 2, 4, 0, 0, _FRAME_BYTES, _LINKTYPE_ETHERNET))
        print("ready", flush=True)  # noqa: T201 - this is the program's answer
        while sys.stdin not in (readable := select.select([tap, sys.stdin], [], [])[0]):
            kept += _take(tap, out) if readable else 0
        deadline = time.monotonic() + _DRAIN_S
        while select.select([tap], [], [], _SILENCE_S)[0] and time.monotonic() < deadline:
            kept += _take(tap, out)
        _, dropped = struct.unpack("II", tap.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    print(f"done {kept} {dropped}", flush=True)  # noqa: T201 - this is the program's answer


def _take(tap: socket.socket, out: io.BufferedWriter, most: int = 256) -> int:
    for kept in range(most):
        try:
            frame, extras, _, _ = tap.recvmsg(_FRAME_BYTES, 64)
        except BlockingIOError:
            return kept
        seconds, nanoseconds = struct.unpack("qq", extras[0][2][:16]) if extras else (0, 0)
        out.writelines(struct.pack("<IIII", seconds, nanoseconds, len(one), len(one)) + one for one in _apart(frame))
    return most


def _apart(seen: bytes) -> list[bytes]:
    """The frames that a cable would carry for what the socket gave: a virtio header and a frame."""
    _, kind, _, size, *_ = _VNET.unpack_from(seen)
    frame = seen[_VNET.size :]
    if kind != _GSO_UDP_L4:
        return [frame]
    is_v6 = frame[12:14] == _IPV6
    udp = _ETHERNET_BYTES + (40 if is_v6 else (frame[_ETHERNET_BYTES] & 15) * 4)
    length_at, counted = (_ETHERNET_BYTES + 4, 40) if is_v6 else (_ETHERNET_BYTES + 2, 0)
    frames = []
    for at in range(udp + _UDP_BYTES, len(frame), size):
        payload = frame[at : at + size]
        head = bytearray(frame[: udp + _UDP_BYTES])
        struct.pack_into(">H", head, length_at, udp - _ETHERNET_BYTES + _UDP_BYTES + len(payload) - counted)
        struct.pack_into(">H", head, udp + 4, _UDP_BYTES + len(payload))
        frames.append(bytes(head) + payload)
    return frames


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
