"""Writes tests/vectors/protocol/*.json: the bytes of every message, probe and signal, from fixed inputs.

Run it by hand after a change of the protocol and read the difference: a vector that changes breaks every program
that is out there, unless `warren.protocol.version` says otherwise. The bytes follow from msgpack's and the RFCs'
rules; how each was checked by another implementation stands in tests/vectors/protocol/README.md."""

import json
from ipaddress import ip_address
from pathlib import Path

from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.transcript import challenge_statement, key_challenge, session_statement
from warren.protocol.peer.candidates import Candidates, encode_candidates
from warren.protocol.peer.probe import Probe, ProbeKind, encode_pong, encode_probe, encode_signal, probe_key

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors" / "protocol"
SERVER = SigningKeyPair(bytes([0x11]) * 32)
NODE = SigningKeyPair(bytes([0x22]) * 32)
PEER = SigningKeyPair(bytes([0x33]) * 32)
NETWORK = bytes(range(32))
NODE_NONCE, SERVER_NONCE = bytes([0x44]) * 32, bytes([0x55]) * 32
CERTIFICATE = bytes([0x66]) * 32
HELLO = m.Hello(versions=(1, 1), nonce=NODE_NONCE, key_id="abcdefghij", program="warren/0.1.0")


def control_messages() -> dict[str, m.Message]:
    """One of each, with every field that it may have."""
    statement = session_statement(
        network=NETWORK, server_key=SERVER.public, node_nonce=NODE_NONCE, server_nonce=SERVER_NONCE
    )
    shown = challenge_statement(
        hello=frames.encode(HELLO),
        version=1,
        server_key=SERVER.public,
        nonce=SERVER_NONCE,
        network=NETWORK,
        certificate_sha256=CERTIFICATE,
    )
    return {
        "hello with a key": HELLO,
        "hello of a member": m.Hello(versions=(1, 1), nonce=NODE_NONCE, network=NETWORK, program="warren/0.1.0"),
        "challenge": m.Challenge(
            version=1,
            server_key=SERVER.public,
            nonce=SERVER_NONCE,
            network=NETWORK,
            genesis=b"genesis",
            certificate_sha256=CERTIFICATE,
            signature=SERVER.sign(shown),
        ),
        "challenge of who joins": m.Challenge(
            version=1,
            server_key=SERVER.public,
            nonce=SERVER_NONCE,
            network=NETWORK,
            genesis=b"genesis",
            certificate_sha256=CERTIFICATE,
            signature=SERVER.sign(shown),
            prefixes=("100.96.0.0/16", "fd00:1234::/64"),
        ),
        "challenge that tells the time": m.Challenge(
            version=1,
            server_key=SERVER.public,
            nonce=SERVER_NONCE,
            network=NETWORK,
            genesis=b"genesis",
            certificate_sha256=CERTIFICATE,
            signature=SERVER.sign(shown),
            time=1_800_000_000,
        ),
        "resume": m.Resume(identity=NODE.public, signature=NODE.sign(statement)),
        "resume of who knows more": m.Resume(
            identity=NODE.public,
            signature=NODE.sign(statement),
            membership=b"membership",
            heads=(b"root's head", b"registrar's head"),
        ),
        "join": m.Join(
            identity=NODE.public,
            signature=NODE.sign(statement),
            key_id="abcdefghij",
            key_signature=PEER.sign(key_challenge(statement)),
            hostname="laptop",
            record=b"record",
            tags=("server", "web"),
            os="linux",
            ephemeral=True,
        ),
        "refused": m.Refused(code="E_KEY_USED", text="the key was used", fix="make another", retry_after_s=5),
        "admitted": m.Admitted(membership=b"membership"),
        "map, full": m.MapUpdate(
            version=7,
            full=True,
            documents=(b"one", b"two"),
            presence=(m.Presence(identity=PEER.public, online=True, last_seen=1_790_000_000, relay=7),),
        ),
        "map, difference": m.MapUpdate(
            version=8,
            full=False,
            documents=(b"three",),
            gone=(("membership", PEER.public),),
            presence=(m.Presence(identity=PEER.public, online=False, last_seen=1_790_000_060),),
        ),
        "relays": m.Relays(
            relays=(
                m.RelayPlace(
                    number=7,
                    name="fra",
                    key=bytes([0x99]) * 32,
                    udp=("203.0.113.7:3478", "[2001:db8::7]:3478"),
                    url="https://fra.example.org",
                ),
                m.RelayPlace(number=2**63 - 1, name="ams", key=bytes([0xAA]) * 32, udp=("ams.example.org:3478",)),
            ),
            grant=b"grant",
        ),
        "relays, none": m.Relays(),
        "home": m.HomeRelay(id=4, relay=7),
        "publish": m.PublishRecord(id=1, document=b"record"),
        "tell": m.Tell(),
        "told, a part": m.Told(documents=(b"one", b"two")),
        "told, the last part": m.Told(documents=(b"three",), last=True),
        "leave": m.Leave(id=2),
        "leave by its own word": m.Leave(id=2, removal=b"removal"),
        "submit, a part": m.Submit(id=5, documents=(b"one", b"two"), more=True),
        "submit, the last part": m.Submit(id=5, documents=(b"three",), keep_keys=True),
        "ask-waiting": m.AskWaiting(id=6),
        "waiting": m.WaitingJoins(
            id=6,
            joins=(
                m.WaitingJoin(
                    identity=PEER.public,
                    hostname="phone",
                    since=1_790_000_000,
                    user="alice",
                    tags=("db",),
                    os="linux",
                    ipv4="100.96.0.9",
                    groups=("eng", "ops"),
                ),
                m.WaitingJoin(identity=NODE.public, hostname="", since=1_790_000_001),
            ),
        ),
        "waiting, none": m.WaitingJoins(id=6),
        "deny": m.Deny(id=7, identity=PEER.public),
        "farewell": m.Farewell(id=8, removal=b"removal"),
        "waiting, ephemeral": m.WaitingJoins(
            id=6, joins=(m.WaitingJoin(identity=NODE.public, hostname="ci", since=1_790_000_002, ephemeral=True),)
        ),
        "done": m.Done(id=1),
        "failed": m.Failed(id=2, code="E_CONFLICT", text="older than the one held"),
        "failed, with what to do": m.Failed(id=2, code="E_NOT_FOUND", text="there is none", fix="look again"),
        "unsupported": m.Unsupported(id=3),
        "signal": m.Signal(to=PEER.public, sealed=b"sealed"),
        "signalled": m.Signalled(sender=PEER.public, sealed=b"sealed"),
        "ping": m.Ping(token=300),
        "pong": m.Pong(token=300),
    }


def probes() -> dict[str, str]:
    """A ping, its pong, and the keys of both directions."""
    own, other = ExchangeKeyPair(bytes([0x77]) * 32), ExchangeKeyPair(bytes([0x88]) * 32)
    there = probe_key(own=own, peer_path_key=other.public, network=NETWORK, sender=NODE.public, receiver=PEER.public)
    back = probe_key(own=own, peer_path_key=other.public, network=NETWORK, sender=PEER.public, receiver=NODE.public)
    ping = Probe(ProbeKind.PING, 41, bytes([0x99]) * 8, size=100)
    return {
        "key there": there.key.hex(),
        "hint there": there.hint.hex(),
        "key back": back.key.hex(),
        "hint back": back.hint.hex(),
        "ping of 100 bytes": encode_probe(ping, there).hex(),
        "pong, seen at 203.0.113.7:51901": encode_pong(
            ping, Endpoint(ip_address("203.0.113.7"), 51901), 42, back
        ).hex(),
        "pong, seen at [2001:db8::7]:51901": encode_pong(
            ping, Endpoint(ip_address("2001:db8::7"), 51901), 43, back
        ).hex(),
        "pong by a relay": encode_pong(ping, None, 44, back).hex(),
        "ping that asks to follow": encode_probe(
            Probe(ProbeKind.PING, 45, bytes([0x99]) * 8, follow=True), there
        ).hex(),
        "signal": encode_signal(b"sealed", 46, there).hex(),
    }


def signals() -> dict[str, str]:
    """The plaintext of sealed signals."""
    endpoints = (Endpoint(ip_address("192.168.1.5"), 51820), Endpoint(ip_address("2001:db8::5"), 51821))
    return {
        "candidates, answer wanted": encode_candidates(
            Candidates(endpoints=endpoints, generation=1_790_000_000_123, reply_wanted=True)
        ).hex(),
        "candidates, behind a symmetric NAT": encode_candidates(
            Candidates(endpoints=endpoints, generation=2, mapping=3)
        ).hex(),
        "candidates, none": encode_candidates(Candidates(endpoints=(), generation=1)).hex(),
    }


def vectors() -> dict[str, dict[str, str]]:
    """File -> name -> bytes in hex."""
    return {
        "control": {name: frames.encode(message).hex() for name, message in control_messages().items()},
        "probe": probes(),
        "signal": signals(),
    }


def main() -> None:
    """Write the files."""
    for name, content in vectors().items():
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main()
