"""Two path agents joined by simulated links on a virtual clock: no sockets, no sleeping, the same run every time."""

import hashlib
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from warren.model.addresses import Endpoint, Hop
from warren.node.paths.agent import PathAgent
from warren.node.paths.budget import ProbeBudget
from warren.node.paths.events import Event, PathLost, SendCandidates, UsePath


def endpoint(text: str, port: int = 51820) -> Endpoint:
    return Endpoint(ip_address(text), port)


def counting(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    numbers = itertools.count()
    return lambda size: hashlib.sha256(f"{seed} {next(numbers)}".encode()).digest()[:size]


@dataclass
class Node:
    """One side: its agent, the endpoints it listens on, and what the agent said."""

    name: str
    endpoints: tuple[Endpoint, ...]
    agent: PathAgent
    budget: ProbeBudget
    is_running: bool = True
    signalling: bool = True
    events: list[tuple[float, Event]] = field(default_factory=list)
    sent: list[tuple[float, Hop]] = field(default_factory=list)
    counter: int = 0
    generation: int = 0

    @property
    def path(self) -> Hop | None:
        return self.agent.state.endpoint

    def said(self, kind: type[Event]) -> list[float]:
        return [at for at, event in self.events if isinstance(event, kind)]


class Simulation:
    """Delivers pings, pongs and signals. `delay_s(source, destination)` None: the link carries nothing."""

    def __init__(self, a: tuple[Endpoint, ...], b: tuple[Endpoint, ...]) -> None:
        self.now = 1000.0
        self.a = self._node("a", a)
        self.b = self._node("b", b)
        self.dead: set[Endpoint] = set()
        self.slow: dict[Endpoint, float] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def _node(self, name: str, endpoints: tuple[Endpoint, ...]) -> Node:
        budget = ProbeBudget()
        return Node(name, endpoints, PathAgent(budget, counting(name)), budget)

    def restart(self, node: Node) -> None:
        """A new process on the same addresses: nothing is remembered but what `start` is given."""
        node.budget = ProbeBudget()
        node.agent = PathAgent(node.budget, counting(f"{node.name} again {self.now}"))
        node.is_running = True

    def start(self, node: Node, *known: Endpoint, online: bool = True) -> None:
        node.agent.handle_online(self.now, online=online)
        node.agent.start(known, self.now)
        self.drain(node)

    def online(self, node: Node, *, online: bool) -> None:
        node.agent.handle_online(self.now, online=online)
        self.drain(node)

    def run(self, seconds: float) -> None:
        """Let time pass; every deadline and delivery happens at its moment."""
        end = self.now + seconds
        while True:
            due = [
                (at, node) for node in (self.a, self.b) if node.is_running and (at := self._deadline(node)) is not None
            ]
            timer = min(due, key=lambda one: one[0], default=None)
            delivery = self._queue[0][0] if self._queue else None
            moments = [moment for moment in (timer[0] if timer else None, delivery) if moment is not None]
            if not moments or min(moments) > end:
                break
            self.now = max(min(moments), self.now)
            if delivery is not None and delivery <= self.now:
                heapq.heappop(self._queue)[2]()
            elif timer is not None:
                timer[1].agent.handle_timeout(self.now)
                self.drain(timer[1])
        self.now = end

    def until_both_have_a_path(self, within_s: float) -> float:
        """How long it took."""
        began = self.now
        while self.a.path is None or self.b.path is None:
            assert self.now - began < within_s, "no path in time"
            self.run(0.01)
        return self.now - began

    def _deadline(self, node: Node) -> float | None:
        timeout = node.agent.poll_timeout()
        return timeout[0] if timeout is not None else None

    def drain(self, node: Node) -> None:
        """Carry out what the agent wants now."""
        while (ping := node.agent.poll_transmit()) is not None:
            node.sent.append((self.now, ping.endpoint))
            node.counter += 1
            assert isinstance(ping.endpoint, Endpoint), "there is no relay here"
            self._send(node, ping.endpoint, ping.transaction, node.counter, is_pong=False)
        while (event := node.agent.poll_event()) is not None:
            node.events.append((self.now, event))
            if isinstance(event, SendCandidates):
                self._signal(node, event)

    def _other(self, node: Node) -> Node:
        return self.b if node is self.a else self.a

    def _source(self, node: Node, destination: Endpoint) -> Endpoint:
        same = [one for one in node.endpoints if one.address.version == destination.address.version]
        return same[0]

    def _send(self, node: Node, to: Endpoint, transaction: bytes, counter: int, *, is_pong: bool) -> None:
        receiver, source = self._other(node), self._source(node, to)
        if to not in receiver.endpoints or to in self.dead or source in self.dead:
            return

        def deliver() -> None:
            if not receiver.is_running:
                return
            if is_pong:
                receiver.agent.handle_pong(source, transaction, self.now)
            else:
                self._send(receiver, source, transaction, 0, is_pong=True)
                receiver.agent.handle_ping(source, counter, self.now)
            self.drain(receiver)

        delay_s = max(self.slow.get(to, 0.001), self.slow.get(source, 0.001))
        heapq.heappush(self._queue, (self.now + delay_s, next(self._order), deliver))

    def _signal(self, node: Node, event: SendCandidates) -> None:
        receiver = self._other(node)
        node.generation += 1
        generation = node.generation
        if not (node.signalling and receiver.signalling):
            return

        def deliver() -> None:
            if not receiver.is_running:
                return
            receiver.agent.handle_candidates(node.endpoints, generation, self.now)
            if event.reply_wanted:
                self._signal(receiver, SendCandidates(reply_wanted=False))
            self.drain(receiver)

        heapq.heappush(self._queue, (self.now + 0.005, next(self._order), deliver))


__all__ = ["Node", "PathLost", "Simulation", "UsePath", "counting", "endpoint"]
