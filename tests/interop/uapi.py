"""Speaks WireGuard's cross-platform control protocol with one device: a request in, the answer out.

A program of its own with the standard library only, since the socket lies in the lab's private /run. The protocol:
https://www.wireguard.com/xplatform/ (key=value lines, ended by an empty one; `errno=0` means done).
"""

import socket
import sys

ANSWER_S = 60.0


def ask(path: str, request: str) -> str:
    """The answer to a request, without the empty line at its end."""
    with socket.socket(socket.AF_UNIX) as device:
        device.settimeout(ANSWER_S)
        device.connect(path)
        device.sendall(request.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n\n"):
            part = device.recv(65536)
            if not part:
                break
            answer += part
    return answer.decode().rstrip("\n")


if __name__ == "__main__":
    sys.stdout.write(ask(sys.argv[1], sys.stdin.read()))
