"""The server's side of a control session.

Decides the version, whether the node proved its identity key over this very challenge, and what goes out when: answers
and signals first, then the newest map from the slot. Who is a member, which key admits whom and what a node may see the
owner decides, by the events `Greeted`, `ResumeWanted`, `JoinWanted` and the others.
"""

from collections.abc import Callable

from warren.errors import Code
from warren.limits import (
    SESSION_FROM_NODE_MAX_BYTES,
    SESSION_FROM_SERVER_MAX_BYTES,
    TEXT_MAX_CHARS,
    UNPROVEN_MAX_BYTES,
)
from warren.protocol import version
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.events import (
    BatchSubmitted,
    DenyWanted,
    DocumentsTold,
    FarewellLeft,
    Greeted,
    HomeStated,
    JoinWanted,
    LeaveWanted,
    RecordPublished,
    ResumeWanted,
    ServerEvent,
    Side,
    SignalWanted,
    WaitingAsked,
)
from warren.protocol.control.session import LocalError, Session
from warren.protocol.control.states import Role, State
from warren.protocol.control.transcript import challenge_statement, key_challenge, session_statement

Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> whether it is a strict Ed25519 signature."""
Sign = Callable[[bytes], bytes]
MapSource = Callable[[int], m.MapUpdate | None]
"""What this node is to be told after a version of the network (0: nothing was told yet); None: nothing."""


class ServerSession(Session[ServerEvent]):
    """The machine of a server, one a connection. It waits for the node's hello."""

    def __init__(self, *, server_key: bytes, sign: Sign, verify: Verify, now: float) -> None:
        """`server_key` and `sign` are the two halves of the server's Ed25519 key."""
        super().__init__(Role.SERVER, SESSION_FROM_NODE_MAX_BYTES, now)
        self._server_key = server_key
        self._sign = sign
        self._verify = verify
        self._source: MapSource | None = None
        self._told = 0
        self._hello_frame = b""
        self._hello: m.Hello | None = None
        self._version = 0
        self._statement = b""

    # --- the owner's words ---

    def challenge(
        self, *, network: bytes, genesis: bytes, nonce: bytes, now: float, certificate_sha256: bytes = b"",
        prefixes: tuple[str, ...] = (), delegation: bytes = b"", unix_s: int = 0,
    ) -> None:  # fmt: skip
        """Answer `Greeted`. `nonce`: 32 fresh random bytes; the certificate is that of the public port, empty without
        TLS; `prefixes`, and the `delegation` to its key, for who joins; `unix_s`: the
        server's time, 0 to keep it.
        """
        if self.is_closed:
            return
        if self._hello is None:
            raise LocalError("there is no hello to answer")
        statement = challenge_statement(
            hello=self._hello_frame,
            version=self._version,
            server_key=self._server_key,
            nonce=nonce,
            network=network,
            certificate_sha256=certificate_sha256,
        )
        self._say(
            m.Challenge(
                version=self._version,
                server_key=self._server_key,
                nonce=nonce,
                network=network,
                genesis=genesis,
                certificate_sha256=certificate_sha256,
                signature=self._sign(statement),
                prefixes=prefixes,
                delegation=delegation,
                time=unix_s,
            ),
            now,
        )
        self._statement = session_statement(
            network=network, server_key=self._server_key, node_nonce=self._hello.nonce, server_nonce=nonce
        )

    def admit(self, membership: bytes, now: float) -> None:
        """Answer `ResumeWanted` or `JoinWanted`: the node is a member; the session is open."""
        self._say(m.Admitted(membership=membership), now)

    def stream(self, source: MapSource) -> None:
        """Tell the node maps from this source once the session is open; `poll_transmit` asks it when the line is
        free."""
        self._source = source

    def tell_relays(self, relays: tuple[m.RelayPlace, ...], grant: bytes) -> None:
        """Tell the node the relays of its network and its grant; harmless once the session is over."""
        self._send(m.Relays(relays=relays, grant=grant))

    def signal(self, sender: bytes, sealed: bytes) -> None:
        """Hand over sealed bytes from another node; the oldest that waits is dropped where too many do."""
        self._send(m.Signalled(sender=sender, sealed=sealed))

    def ask_to_tell(self) -> None:
        """Ask for every document that the node holds; `DocumentsTold` brings them."""
        self._answer(m.Tell())

    def show_waiting(self, request: int, joins: tuple[m.WaitingJoin, ...]) -> None:
        """Answer `WaitingAsked`."""
        self._answer(m.WaitingJoins(id=request, joins=joins))

    def done(self, request: int) -> None:
        """Answer a request: carried out."""
        self._answer(m.Done(id=request))

    def failed(self, request: int, code: Code, text: str, fix: str = "") -> None:
        """Answer a request: refused; the session goes on."""
        text, fix = text[:TEXT_MAX_CHARS], fix[:TEXT_MAX_CHARS]
        self._answer(m.Failed(id=request, code=code.value, text=text, fix=fix))

    # --- what frames do ---

    def handle_bytes(self, frame: bytes, now: float) -> None:
        """Take one binary WebSocket message. Never raises, whatever the bytes."""
        if self._state is State.HELLO and len(frame) <= UNPROVEN_MAX_BYTES and self._refuses_version(frame):
            return
        super().handle_bytes(frame, now)

    def _refuses_version(self, frame: bytes) -> bool:
        """A hello of another age may not even parse as ours: look at its versions first, and say so in words."""
        offered = frames.offered_versions(frame, UNPROVEN_MAX_BYTES)
        if offered is None:
            return False
        chosen = version.choose(offered)
        if chosen is None:
            older = offered[1] < version.OLDEST_SERVED
            self._end(
                Code.VERSION,
                f"this server speaks versions {version.OLDEST_SERVED} to {version.NEWEST} of the protocol, the node "
                f"{offered[0]} to {offered[1]}",
                by=Side.LOCAL,
                fix="update Warren on this node" if older else "update Warren on the server",
            )
            return True
        self._version = chosen
        return False

    def _decode(self, frame: bytes, max_bytes: int) -> m.Message | m.Unknown:
        return frames.from_node(frame, max_bytes)

    def _handle_message(self, message: m.Message, frame: bytes, now: float) -> None:
        if isinstance(message, m.Hello):
            self._hello, self._hello_frame = message, frame
            self._advance(now)
            self._emit(Greeted(self._version, message.network, message.key_id, message.program))
        elif isinstance(message, m.Resume | m.Join):
            self._handle_proof(message, now)
        elif isinstance(message, m.PublishRecord):
            self._emit(RecordPublished(message.id, message.document))
        elif isinstance(message, m.HomeRelay):
            self._emit(HomeStated(message.id, message.relay))
        elif isinstance(message, m.Leave):
            self._emit(LeaveWanted(message.id, message.removal))
        elif isinstance(message, m.Submit):
            self._emit(BatchSubmitted(message.id, message.documents, message.more, message.keep_keys))
        elif isinstance(message, m.AskWaiting):
            self._emit(WaitingAsked(message.id))
        elif isinstance(message, m.Deny):
            self._emit(DenyWanted(message.id, message.identity))
        elif isinstance(message, m.Farewell):
            self._emit(FarewellLeft(message.id, message.removal))
        elif isinstance(message, m.Signal):
            self._emit(SignalWanted(message.to, message.sealed))
        elif isinstance(message, m.Told):
            self._emit(DocumentsTold(message.documents, message.last))

    def _handle_proof(self, proof: m.Resume | m.Join, now: float) -> None:
        if not self._verify(proof.identity, self._statement, proof.signature):
            self._break(Code.BAD_SIGNATURE, "the node did not prove its identity key")
            return
        self._advance(now)
        if isinstance(proof, m.Join):
            self._emit(JoinWanted(proof, key_challenge(self._statement)))
        else:
            self._emit(ResumeWanted(proof.identity, proof.membership, proof.heads))

    def _fill_outbox(self) -> None:
        if self._state is not State.OPEN or self._source is None:
            return
        update = self._source(self._told)
        if update is None:
            return
        self._told = update.version
        if not update.full and not update.documents and not update.gone and not update.presence:
            return  # what changed is not for this node
        if len(self._send(update)) > SESSION_FROM_SERVER_MAX_BYTES:
            self._drop_outbox()
            self._end(Code.TOO_LARGE, "the network's map is larger than one frame", by=Side.LOCAL)
