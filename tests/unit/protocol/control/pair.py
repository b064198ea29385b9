"""Both roles of a session joined in memory on a virtual clock that jumps to the next deadline."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import Challenged, Closed, Greeted, NodeEvent, ServerEvent
from warren.protocol.control.node_role import PLAIN, Carrier, NodeSession
from warren.protocol.control.server_role import ServerSession

SERVER_KEY = SigningKeyPair(bytes([1]) * 32)
IDENTITY = SigningKeyPair(bytes([2]) * 32)
KEY_SEED = SigningKeyPair(bytes([3]) * 32)
NETWORK = bytes([4]) * 32
GENESIS = b"genesis of the network"
NODE_NONCE = bytes([5]) * 32
SERVER_NONCE = bytes([6]) * 32
RECORD = b"record, signed by the node"
MEMBERSHIP = b"membership, signed by the registrar"


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """A real Ed25519 verification, as `trust` gives it to the sessions."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@dataclass
class Pair:
    """A node and a server; `pump` carries frames both ways until nothing moves."""

    node: NodeSession
    server: ServerSession
    now: float = 100.0
    node_events: list[NodeEvent] = field(default_factory=list)
    server_events: list[ServerEvent] = field(default_factory=list)
    to_server: Callable[[bytes], bytes] = lambda frame: frame
    to_node: Callable[[bytes], bytes] = lambda frame: frame

    def pump(self) -> None:
        """Carry what is there; take every event."""
        moved = True
        while moved:
            moved = False
            while (frame := self.node.poll_transmit()) is not None:
                self.server.handle_bytes(self.to_server(frame), self.now)
                moved = True
            while (frame := self.server.poll_transmit()) is not None:
                self.node.handle_bytes(self.to_node(frame), self.now)
                moved = True
        self.collect()

    def collect(self) -> None:
        """Take every event."""
        while (from_node := self.node.poll_event()) is not None:
            self.node_events.append(from_node)
        while (from_server := self.server.poll_event()) is not None:
            self.server_events.append(from_server)

    def jump(self) -> str:
        """Go to the next deadline of either side, without carrying anything; returns what it was for."""
        due = [one for one in (self.node.poll_timeout(), self.server.poll_timeout()) if one is not None]
        deadline, reason = min(due)
        self.now = max(self.now, deadline)
        self.node.handle_timeout(self.now)
        self.server.handle_timeout(self.now)
        self.collect()
        return reason

    def node_event(self) -> NodeEvent:
        """The newest event at the node."""
        return self.node_events[-1]

    def server_event(self) -> ServerEvent:
        """The newest event at the server."""
        return self.server_events[-1]

    def node_closed(self) -> Closed:
        """How it ended at the node."""
        closed = self.node_event()
        assert isinstance(closed, Closed)
        assert self.node.is_closed
        return closed

    def server_closed(self) -> Closed:
        """How it ended at the server."""
        closed = self.server_event()
        assert isinstance(closed, Closed)
        assert self.server.is_closed
        return closed

    def challenge(self, certificate_sha256: bytes = b"") -> Challenged:
        """Hello and challenge."""
        self.pump()
        assert isinstance(self.server_event(), Greeted)
        self.server.challenge(
            network=NETWORK,
            genesis=GENESIS,
            nonce=SERVER_NONCE,
            certificate_sha256=certificate_sha256,
            now=self.now,
        )
        self.pump()
        challenged = self.node_event()
        assert isinstance(challenged, Challenged)
        return challenged

    def open(self) -> None:
        """The whole dialogue of a member that comes back."""
        self.challenge()
        self.node.resume(IDENTITY, self.now)
        self.pump()
        self.server.admit(MEMBERSHIP, self.now)
        self.pump()
        assert self.node.is_open
        assert self.server.is_open


def make_pair(
    *,
    carrier: Carrier = PLAIN,
    network: bytes | None = None,
    key_id: str | None = None,
    server_key: SigningKeyPair = SERVER_KEY,
    claimed_server_key: bytes | None = None,
    now: float = 100.0,
) -> Pair:
    """A fresh pair whose node has said hello (the frame still waits)."""
    return Pair(
        node=NodeSession(
            nonce=NODE_NONCE,
            verify=verify,
            carrier=carrier,
            now=now,
            network=network,
            key_id=key_id,
            program="warren test",
        ),
        server=ServerSession(
            server_key=claimed_server_key or server_key.public, sign=server_key.sign, verify=verify, now=now
        ),
        now=now,
    )
