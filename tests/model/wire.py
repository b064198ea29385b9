"""Lines between nodes and the server, and the air between tunnels; partitions hold everything back.

A line is what TCP makes of a network: bytes in order or not at all. While a node is cut off, what either side says
waits (and so does the end of the line); healing delivers it. Datagrams are lost instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from websockets.exceptions import ConnectionClosedError

Frame = bytes | None
"""None: the line's end."""


class Direction:
    """One way of a line."""

    def __init__(self, air: "Air", node: str, tamper: Callable[[bytes], list[bytes]] | None = None) -> None:
        self._air = air
        self._node = node
        self._waiting: deque[Frame] = deque()
        self._arrived: deque[Frame] = deque()
        self._something = asyncio.Event()
        self._tamper = tamper
        self._is_scheduled = False
        self.ended = False

    def send(self, frame: Frame) -> None:
        if self.ended:
            return
        self.ended = frame is None
        frames: list[Frame] = [frame]
        if frame is not None and self._tamper is not None:
            frames = list(self._tamper(frame))
        self._waiting.extend(frames)
        self.schedule()

    def schedule(self) -> None:
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_later(self._air.delay_s(), self._deliver)

    def _deliver(self) -> None:
        self._is_scheduled = False
        if self._node in self._air.cut_off:
            self._air.held.append(self)
            return
        self._arrived.extend(self._waiting)
        self._waiting.clear()
        self._something.set()

    async def receive(self) -> Frame:
        while not self._arrived:
            self._something.clear()
            await self._something.wait()
        frame = self._arrived[0]
        if frame is not None:  # the end stays the end
            self._arrived.popleft()
        return frame


class Line:
    """Both ways."""

    def __init__(self, air: "Air", node: str, tamper: Callable[[bytes], list[bytes]]) -> None:
        self.node = node
        self.up = Direction(air, node)
        self.down = Direction(air, node, tamper)

    def end(self) -> None:
        """Both sides hear that it is over."""
        self.up.send(None)
        self.down.send(None)


class NodeSocket:
    """As much of a WebSocket client as the node's connection uses."""

    def __init__(self, line: Line, on_sent: Callable[[bytes], None]) -> None:
        self._line = line
        self._on_sent = on_sent

    @property
    def transport(self) -> "NodeSocket":
        return self

    def get_extra_info(self, _name: str) -> None:
        return None

    async def send(self, frame: bytes) -> None:
        if self._line.up.ended:
            raise ConnectionClosedError(None, None)
        self._on_sent(frame)
        self._line.up.send(frame)

    async def recv(self) -> bytes:
        frame = await self._line.down.receive()
        if frame is None:
            raise ConnectionClosedError(None, None)
        return frame

    async def close(self) -> None:
        self._line.end()

    def abort(self) -> None:
        self._line.end()


class Air:
    """Who is cut off, and what waits because of it."""

    def __init__(self, delay_s: Callable[[], float]) -> None:
        self.delay_s = delay_s
        self.cut_off: set[str] = set()
        self.held: list[Direction] = []

    def heal(self, node: str) -> None:
        self.cut_off.discard(node)
        held, self.held = self.held, []
        for direction in held:
            direction.schedule()
