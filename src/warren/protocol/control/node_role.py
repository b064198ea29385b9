"""The node's side of a control session.

Decides whether the challenge proves the server's key and belongs to this connection (version, signature, certificate).
Whether it is the *right* server (pin, or the key that verified settings name) the owner decides on `Challenged`, by
`trust`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from warren.errors import Code
from warren.limits import HEAD_MAX_BYTES, RESUME_MEMBERSHIP_MAX_BYTES, SESSION_FROM_SERVER_MAX_BYTES, TOLD_PART_BYTES
from warren.model.keys import SigningKeyPair
from warren.protocol import version
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.events import (
    AdmittedAs,
    Answered,
    Challenged,
    MapChanged,
    NodeEvent,
    RelaysTold,
    SignalArrived,
    TellWanted,
    WaitingShown,
)
from warren.protocol.control.session import LocalError, Session
from warren.protocol.control.states import Role
from warren.protocol.control.transcript import challenge_statement, key_challenge, session_statement

Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> whether it is a strict Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the transport under the session is: the SHA-256 of the certificate that the other end showed (None: no TLS),
    and whether the system trusts it for the server's name.
    """

    certificate_sha256: bytes | None
    is_trusted: bool = False


PLAIN: Final = Carrier(None)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the accepted challenge said."""

    network: bytes
    statement: bytes


class NodeSession(Session[NodeEvent]):
    """The machine of a node. It sends its hello at once; `network` and `key_id` say which network it means."""

    def __init__(
        self,
        *,
        nonce: bytes,
        verify: Verify,
        carrier: Carrier,
        now: float,
        network: bytes | None = None,
        key_id: str | None = None,
        program: str = "",
    ) -> None:
        """`nonce`: 32 fresh random bytes."""
        super().__init__(Role.NODE, SESSION_FROM_SERVER_MAX_BYTES, now)
        self._verify = verify
        self._carrier = carrier
        self._nonce = nonce
        self._network = network
        self._shown: _Shown | None = None
        self._last_id = 0
        self._hello = self._say(
            m.Hello(
                versions=(version.OLDEST_SERVED, version.NEWEST),
                nonce=nonce,
                network=network,
                key_id=key_id,
                program=program,
            ),
            now,
        )

    # --- the owner's words ---

    def resume(
        self, identity: SigningKeyPair, now: float, *, membership: bytes = b"", heads: Sequence[bytes] = ()
    ) -> None:
        """Answer `Challenged`: prove a membership that exists. `membership` and `heads` are documents that this node
        holds; what is larger than the server takes from a stranger is left out."""
        if self.is_closed:
            return
        shown = self._accepted()
        self._say(
            m.Resume(
                identity=identity.public,
                signature=identity.sign(shown.statement),
                membership=membership if len(membership) <= RESUME_MEMBERSHIP_MAX_BYTES else b"",
                heads=tuple(head for head in heads if len(head) <= HEAD_MAX_BYTES)[:2],
            ),
            now,
        )

    def join(
        self,
        identity: SigningKeyPair,
        *,
        key_id: str,
        key_signature: bytes,
        hostname: str,
        record: bytes,
        now: float,
        tags: tuple[str, ...] = (),
        os: str = "",
        ephemeral: bool = False,
        membership: bytes = b"",
    ) -> None:
        """Answer `Challenged`: join with a pre-auth key that signed (identity, network, key_challenge), and where it
        was delegated to, the membership too."""
        if self.is_closed:
            return
        shown = self._accepted()
        self._say(
            m.Join(
                identity=identity.public,
                signature=identity.sign(shown.statement),
                key_id=key_id,
                key_signature=key_signature,
                hostname=hostname,
                record=record,
                tags=tags,
                os=os,
                ephemeral=ephemeral,
                membership=membership,
            ),
            now,
        )

    def publish(self, document: bytes) -> int:
        """Send the newest node record; `Answered` with the returned id says how it went."""
        self._send(m.PublishRecord(id=self._next_id(), document=document))
        return self._last_id

    def tell(self, documents: Sequence[bytes]) -> None:
        """Answer `TellWanted`, in as many frames as it takes."""
        parts = _parts(documents)
        for part in parts[:-1]:
            self._send(m.Told(documents=part))
        self._send(m.Told(documents=parts[-1], last=True))

    def state_home(self, relay: int) -> int:
        """Say at which relay this node can be reached (0: at none); `Answered` with the returned id says how it went,
        UNSUPPORTED where the server is older than relays."""
        self._send(m.HomeRelay(id=self._next_id(), relay=relay))
        return self._last_id

    def leave(self, removal: bytes = b"") -> int:
        """Ask to end the membership, with our own word for it; `Answered` with the returned id says how it went."""
        self._send(m.Leave(id=self._next_id(), removal=removal))
        return self._last_id

    def submit(self, documents: Sequence[bytes], *, keep_keys: bool = False) -> int:
        """Send a batch of signed documents, in as many frames as it takes; `Answered` with the returned id says how it
        went, UNSUPPORTED where the server is older than batches."""
        number = self._next_id()
        parts = _parts(documents)
        for part in parts[:-1]:
            self._send(m.Submit(id=number, documents=part, more=True, keep_keys=keep_keys))
        self._send(m.Submit(id=number, documents=parts[-1], keep_keys=keep_keys))
        return number

    def ask_waiting(self) -> int:
        """Ask which machines wait to be approved; `WaitingShown` or `Answered` with the returned id follows."""
        self._send(m.AskWaiting(id=self._next_id()))
        return self._last_id

    def deny(self, identity: bytes) -> int:
        """Refuse a machine that waits; `Answered` with the returned id says how it went."""
        self._send(m.Deny(id=self._next_id(), identity=identity))
        return self._last_id

    def farewell(self, removal: bytes) -> int:
        """Leave our own word that we left, for when we have been away for too long; `Answered` with the returned id
        says whether it is kept, UNSUPPORTED where the server is older."""
        self._send(m.Farewell(id=self._next_id(), removal=removal))
        return self._last_id

    def signal(self, to: bytes, sealed: bytes) -> None:
        """Send sealed bytes to a peer; nothing says whether they arrived."""
        self._send(m.Signal(to=to, sealed=sealed))

    # --- what frames do ---

    def _decode(self, frame: bytes, max_bytes: int) -> m.Message | m.Unknown:
        return frames.from_server(frame, max_bytes)

    def _handle_message(self, message: m.Message, frame: bytes, now: float) -> None:  # noqa: ARG002 - see Session
        if isinstance(message, m.Challenge):
            self._handle_challenge(message, now)
        elif isinstance(message, m.Admitted):
            self._advance(now)
            self._emit(AdmittedAs(message.membership))
        elif isinstance(message, m.MapUpdate):
            self._emit(MapChanged(message))
        elif isinstance(message, m.Relays):
            self._emit(RelaysTold(message))
        elif isinstance(message, m.Signalled):
            self._emit(SignalArrived(message.sender, message.sealed))
        elif isinstance(message, m.Tell):
            self._emit(TellWanted())
        elif isinstance(message, m.WaitingJoins):
            self._emit(WaitingShown(message.id, message.joins))
        elif isinstance(message, m.Done | m.Failed | m.Unsupported):
            self._emit(_answered(message))

    def _handle_challenge(self, shown: m.Challenge, now: float) -> None:
        if not version.OLDEST_SERVED <= shown.version <= version.NEWEST:
            self._break(Code.VERSION, f"the server chose version {shown.version}, which was not offered")
            return
        statement = challenge_statement(
            hello=self._hello,
            version=shown.version,
            server_key=shown.server_key,
            nonce=shown.nonce,
            network=shown.network,
            certificate_sha256=shown.certificate_sha256,
        )
        if not self._verify(shown.server_key, statement, shown.signature):
            self._break(Code.SERVER_IDENTITY, "the server did not prove its key")
        elif self._network is not None and shown.network != self._network:
            self._break(Code.SERVER_IDENTITY, "the server answered for another network")
        elif not _is_same_connection(self._carrier, shown.certificate_sha256):
            self._break(
                Code.SERVER_IDENTITY, "the server signed another certificate than the one seen: something is in between"
            )
        else:
            proof = session_statement(
                network=shown.network, server_key=shown.server_key, node_nonce=self._nonce, server_nonce=shown.nonce
            )
            self._shown = _Shown(shown.network, proof)
            self._advance(now)
            challenge = key_challenge(proof)
            self._emit(
                Challenged(
                    shown.version,
                    shown.network,
                    shown.server_key,
                    shown.genesis,
                    challenge,
                    prefixes=shown.prefixes,
                    delegation=shown.delegation,
                    time=shown.time,
                )
            )

    def _accepted(self) -> _Shown:
        if self._shown is None:
            raise LocalError("there is no challenge to answer")
        return self._shown

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _is_same_connection(carrier: Carrier, signed: bytes) -> bool:
    """Without TLS the server must not believe that it speaks TLS; under a certificate that the system trusts a proxy
    may stand in front; else the server has to have signed the very certificate that we saw.
    """
    if carrier.certificate_sha256 is None:
        return signed == b""
    return carrier.is_trusted or signed == carrier.certificate_sha256


def _parts(documents: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """The documents in parts that fit a frame each, at least one."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for document in documents:
        if parts[-1] and size + len(document) > TOLD_PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(document)
        size += len(document)
    return [tuple(part) for part in parts]


def _answered(message: m.Done | m.Failed | m.Unsupported) -> Answered:
    match message:
        case m.Done():
            return Answered(message.id, "", "")
        case m.Failed():
            return Answered(message.id, message.code, message.text, message.fix)
        case m.Unsupported():
            return Answered(
                message.id,
                Code.UNSUPPORTED.value,
                "the server does not know this request",
                "update Warren on the server",
            )
        case _:
            assert_never(message)
