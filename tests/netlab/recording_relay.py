"""A relay that lies: it takes whoever comes, writes down all it carries, and alters, repeats and invents some of it.

    python -m tests.netlab.recording_relay ADDRESS PORT PRIVATE_KEY_HEX FILE honest|hostile

To nodes it is a relay as any other, whose key the server told them, and it answers STUN. FILE gets a line of hex a
payload, as it came; a last line of output says what it did. It repeats nothing that is lost.
"""

import os
import random  # noqa: TID251 - the composition root of this program
import signal
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TextIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from tests.netlab import relay_wire as wire
from tests.netlab.relay_wire import End, Handshake

Place = tuple[str, int]

ALTERED_SHARE, REPEATED_SHARE, INVENTED_SHARE = 0.1, 0.1, 0.05
IDENTITY_AT, IDENTITY_BYTES = 76, 32  # in a certificate
LOOK_S = 0.2


@dataclass(slots=True)
class Session:
    """One client."""

    identity: bytes
    place: Place
    end: End
    letters: int = 0
    heard: int = 0
    channels: dict[bytes, int] = field(default_factory=dict)


class RecordingRelay:
    """Its sessions, and what it writes down."""

    def __init__(self, port: socket.socket, private: bytes, record: TextIO, *, hostile: bool) -> None:
        self._port = port
        self._private = X25519PrivateKey.from_private_bytes(private)
        self._public = self._private.public_key().public_bytes_raw()
        self._record = record
        self._hostile = hostile
        self._rng = random.Random(1)  # noqa: S311 - what is altered
        self._cookie = os.urandom(wire.COOKIE_BYTES)
        self._sessions: dict[int, Session] = {}
        self._of: dict[bytes, Session] = {}
        self._welcomes: dict[bytes, bytes] = {}
        self._awaited: set[tuple[bytes, bytes]] = set()
        self.did: Counter[str] = Counter()

    def handle(self, frame: bytes, place: Place) -> None:
        """One datagram."""
        if frame[0] == wire.HANDSHAKE and frame[1] == wire.HELLO:
            self._send(wire.cookie(frame[4:20], self._cookie), place)
        elif frame[0] == wire.HANDSHAKE and frame[1] == wire.PROOF:
            self._welcome(frame, place)
        elif wire.is_stun_request(frame):
            self._send(wire.stun_answer(frame, place), place)
        elif frame[0] in {wire.CONTROL, wire.DATA}:
            session = self._sessions.get(int.from_bytes(frame[4:8], "big"))
            if session is not None:
                session.place = place
                (self._listen if frame[0] == wire.CONTROL else self._carry)(session, frame)

    def _welcome(self, frame: bytes, place: Place) -> None:
        given, value, session_key = frame[4:20], frame[20:44], frame[44:76]
        if given in self._welcomes:
            self._send(self._welcomes[given], place)
            return
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(session_key))
        handshake = Handshake.of(shared, self._public, session_key, given, value)
        opened = handshake.proof.decrypt(bytes(12), frame[76:], frame[:76])
        certificate = opened[2 + int.from_bytes(opened[:2], "big") :]
        identity = certificate[IDENTITY_AT : IDENTITY_AT + IDENTITY_BYTES]
        relay_random, number = os.urandom(wire.RANDOM_BYTES), int.from_bytes(os.urandom(4), "big")
        answer, up, down = handshake.keys(relay_random)
        header = wire.welcome_header(given, relay_random, number)
        session = self._sessions[number] = self._of[identity] = Session(identity, place, End(number, down, up))
        self._welcomes[given] = header + answer.encrypt(bytes(12), bytes(12), header)
        self._send(self._welcomes[given], place)
        self._say(session, wire.item(wire.FRESH))
        for asker, wanted in list(self._awaited):
            if wanted == identity and asker in self._of:
                self._awaited.discard((asker, wanted))
                self._join(self._of[asker], session)

    def _listen(self, session: Session, frame: bytes) -> None:
        try:
            number, _, said = wire.items(session.end.open_control(frame))
        except InvalidTag:
            self.did["forged control frames refused"] += 1
            return
        if number:
            if number != session.heard + 1:
                self._note(session)
                return
            session.heard = number
        answers = [wire.item(wire.PONG, body) for kind, body in said if kind == wire.PING]
        if number or answers:
            self._note(session, *answers)
        for kind, body in said:
            if kind == wire.OPEN:
                other = self._of.get(body)
                if other is None:
                    self._awaited.add((session.identity, body))
                    self._say(session, wire.item(wire.ABSENT, body))
                else:
                    self._join(session, other)

    def _join(self, one: Session, other: Session) -> None:
        for here, there in ((one, other), (other, one)):
            channel = here.channels.setdefault(there.identity, len(here.channels) + 1)
            self._say(here, wire.item(wire.OPENED, there.identity + channel.to_bytes(4, "big")))

    def _carry(self, session: Session, frame: bytes) -> None:
        opened = session.end.open_data(frame)
        if opened is None:
            self.did["forged data frames refused"] += 1
            return
        channel, payload = opened
        identity = next((one for one, number in session.channels.items() if number == channel), None)
        other = self._of.get(identity) if identity is not None else None
        if other is None:
            return
        back = other.channels.get(session.identity)
        if back is None:  # it came anew meanwhile, and has opened no channel to this one yet
            return
        self._record.write(payload.hex() + "\n")
        self.did["carried"] += 1
        for each in self._versions(payload):
            self._send(other.end.data(back, each), other.place)

    def _versions(self, payload: bytes) -> list[bytes]:
        """What is delivered in the place of a payload."""
        if not self._hostile:
            return [payload]
        chance = self._rng.random()
        if chance < ALTERED_SHARE:
            self.did["altered"] += 1
            at = self._rng.randrange(len(payload))
            return [payload[:at] + bytes((payload[at] ^ (1 << self._rng.randrange(8)),)) + payload[at + 1 :]]
        if chance < ALTERED_SHARE + REPEATED_SHARE:
            self.did["repeated"] += 1
            return [payload, payload]
        if chance < ALTERED_SHARE + REPEATED_SHARE + INVENTED_SHARE:
            self.did["invented"] += 1
            return [payload, payload[:16] + self._rng.randbytes(len(payload) - 16 if len(payload) > 16 else 0)]
        return [payload]

    def _say(self, session: Session, *said: bytes) -> None:
        session.letters += 1
        self._send(session.end.control(wire.letter(session.letters, session.heard, *said)), session.place)

    def _note(self, session: Session, *said: bytes) -> None:
        self._send(session.end.control(wire.letter(0, session.heard, *said)), session.place)

    def _send(self, frame: bytes, place: Place) -> None:
        self._port.sendto(frame, place)


def main(address: str, port: str, private: str, file: str, how: str) -> None:
    """Serve until SIGTERM."""
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened, open(file, "w", encoding="ascii") as record:  # noqa: PTH123 - a program's own file
        opened.bind((address, int(port)))
        opened.settimeout(LOOK_S)
        relay = RecordingRelay(opened, bytes.fromhex(private), record, hostile=how == "hostile")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not ended:
            try:
                frame, place = opened.recvfrom(65535)
            except TimeoutError:
                continue
            relay.handle(frame, (str(place[0]), int(place[1])))
        sys.stdout.write(f"{dict(relay.did)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
