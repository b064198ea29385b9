"""Carry frames between two interfaces as bad as told; run inside the namespace of a wire.

    python -m tests.netlab.forwarder LEFT RIGHT SEED

Reads an `Impairment` as a line of JSON from standard input whenever it is to change, ends when that closes, and answers
each with a line. Frames wait in a heap by the time they are due. Who sends into the two interfaces has its offloads
off, since a frame has to be whole here.
"""

import heapq
import json
import select
import socket
import sys
import time
from random import Random  # noqa: TID251 - the composition root of this program

from tests.netlab.impairment import PERFECT, Impairment, Line

_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE = 33
_OUTGOING = 4  # linux/if_packet.h: PACKET_OUTGOING, what this end itself sent
_BUFFER_BYTES = 16 << 20
_FRAME_MAX_BYTES = 9_216
_BATCH = 64
_HEAP_MAX = 100_000  # frames on their way: 10 s of 10,000 a second; more are lost


class Forwarder:
    """Two taps and what is on its way between them."""

    def __init__(self, left: str, right: str, seed: int) -> None:
        self._taps = (_tap(left), _tap(right))
        self._lines = tuple(Line(PERFECT, Random(f"{seed}/{side}")) for side in (left, right))  # noqa: S311 - a seed
        self._heap: list[tuple[float, int, int, bytes]] = []
        self._number = 0

    def run(self) -> None:
        """Until standard input closes."""
        poller = select.epoll()
        for source in (*self._taps, sys.stdin):
            poller.register(source, select.EPOLLIN)
        places = {tap.fileno(): side for side, tap in enumerate(self._taps)}
        while True:
            wait_s = max(self._heap[0][0] - time.monotonic(), 0.0) if self._heap else -1.0
            for descriptor, _ in poller.poll(wait_s):
                if descriptor in places:
                    self._take(places[descriptor])
                elif not self._obey(sys.stdin.readline()):
                    return
            self._deliver()

    def _obey(self, line: str) -> bool:
        if not line:
            return False
        impairment = Impairment(**json.loads(line))
        for one in self._lines:
            one.impairment = impairment
        _say("set")
        return True

    def _take(self, side: int) -> None:
        tap, line = self._taps[side], self._lines[side]
        for _ in range(_BATCH):
            try:
                frame, place = tap.recvfrom(_FRAME_MAX_BYTES)
            except BlockingIOError:
                return
            if place[2] == _OUTGOING:
                continue
            for due in line.handle_frame(len(frame), time.monotonic()):
                if len(self._heap) < _HEAP_MAX:
                    self._number += 1
                    heapq.heappush(self._heap, (due, self._number, 1 - side, frame))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            first = heapq.heappop(self._heap)
            _, _, side, frame = first
            try:
                self._taps[side].send(frame)
            except BlockingIOError:  # the kernel is late: not sent yet
                heapq.heappush(self._heap, first)
                return
            except OSError:
                continue  # the link is down or full: a frame on it is lost


def _tap(interface: str) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    tap.bind((interface, _ETH_P_ALL))
    try:
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:  # in a user namespace the system's limit stays
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    tap.settimeout(0)
    return tap


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    forwarder = Forwarder(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    _say("ready")
    forwarder.run()
