"""Relays as an agent sees them, on a virtual clock: who is connected to which, and which channels stand."""

from dataclasses import dataclass, field

from warren.model.addresses import RelayHop
from warren.model.ids import Identity
from warren.node.paths.relay_agent import (
    Action,
    CloseChannel,
    Hold,
    MoveHome,
    MoveHop,
    OpenChannel,
    RelayAgent,
    Release,
)


@dataclass
class Lines:
    """Drives one agent. `rtts`: relays that live and how far they are; `members`: who else is at which relay."""

    rtts: dict[int, float]
    members: dict[Identity, set[int]]
    home: int = 0
    now: float = 100.0
    held: set[int] = field(default_factory=set)
    connected: set[int] = field(default_factory=set)
    asked: set[tuple[int, Identity]] = field(default_factory=set)
    open: set[tuple[int, Identity]] = field(default_factory=set)
    hops: dict[Identity, RelayHop | None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    homes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent = RelayAgent(self.home, self.now)

    def run(self, for_s: float = 0.0) -> None:
        """Carry everything that is due for so long; what lives connects at once."""
        until = self.now + for_s
        while True:
            self._carry()
            due, _ = self.agent.poll_timeout(self.now)
            if due > until:
                break
            self.now = max(self.now, due)
            self.agent.handle_timeout(self.now)
        self.now = until
        self._carry()

    def kill(self, relay: int) -> None:
        """The relay dies, and the engine has noticed."""
        del self.rtts[relay]
        if relay in self.connected:
            self.connected.discard(relay)
            self.open = {one for one in self.open if one[0] != relay}
            self.agent.handle_lost(relay, self.now)
        self.run()

    def _carry(self) -> None:
        moved = True
        while moved:
            moved = False
            while (action := self.agent.poll_action()) is not None:
                self._act(action)
                moved = True
            for relay in sorted(self.held & set(self.rtts) - self.connected):
                self.connected.add(relay)
                self.agent.handle_connected(relay, self.rtts[relay], self.now)
                moved = True
            for relay, peer in sorted(self.asked - self.open):
                if relay in self.connected and relay in self.members.get(peer, set()):
                    self.open.add((relay, peer))
                    self.agent.handle_channel(peer, self.hop(relay, peer), self.now)
                    moved = True

    def _act(self, action: Action) -> None:
        match action:
            case Hold(relay):
                assert relay not in self.held
                self.held.add(relay)
            case Release(relay):
                self.held.remove(relay)
                self.connected.discard(relay)
                self.asked = {one for one in self.asked if one[0] != relay}
                self.open = {one for one in self.open if one[0] != relay}
            case OpenChannel(relay, peer):
                assert relay in self.held, "channels are asked of relays that are held"
                self.asked.add((relay, peer))
            case CloseChannel(relay, peer):
                self.asked.discard((relay, peer))
                self.open.discard((relay, peer))
            case MoveHop(peer, hop, reason):
                self.hops[peer] = hop
                self.reasons.append(reason)
            case MoveHome(relay, _):
                self.homes.append(relay)

    @staticmethod
    def hop(relay: int, peer: Identity) -> RelayHop:
        """The channel that this relay gives for this peer."""
        return RelayHop(relay, 1000 * relay + peer[0])
