"""The bytes on the wire are those of the vectors, and another reader understands them the same."""

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tools.golden_protocol import NETWORK, NODE, PEER, SERVER, control_messages, vectors

from warren import canonical
from warren.limits import SESSION_DEPTH_MAX
from warren.model.keys import ExchangeKeyPair
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.peer.candidates import decode_candidates
from warren.protocol.peer.probe import ProbeKey, ProbeKind, decode_probe

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "vectors" / "protocol"


def stored(name: str) -> dict[str, bytes]:
    content: dict[str, str] = json.loads((FOLDER / f"{name}.json").read_text())
    return {key: bytes.fromhex(text) for key, text in content.items()}


def read(data: bytes, at: int = 0) -> tuple[Any, int]:
    """A msgpack reader by the format's description, for the kinds that Warren uses."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    if first in {0xC2, 0xC3}:
        return first == 0xC3, at + 1
    if 0xCC <= first <= 0xCF:
        width = 1 << (first - 0xCC)
        return int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
    for low, high, widths, kind in ((0xA0, 0xBF, 0xD9, str), (0x90, 0x9F, 0xDC, list), (0x80, 0x8F, 0xDE, dict)):
        if low <= first <= high:
            return body(data, at + 1, first - low, kind)
        if first in {widths, widths + 1}:
            width = (1 if kind is str else 2) << (first - widths)
            return body(data, at + 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big"), kind)
    assert first in {0xC4, 0xC5}, hex(first)
    width = 1 << (first - 0xC4)
    return body(data, at + 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big"), bytes)


def body(data: bytes, at: int, size: int, kind: type) -> tuple[Any, int]:
    if kind in {str, bytes}:
        raw = data[at : at + size]
        return raw.decode() if kind is str else raw, at + size
    items = []
    for _ in range(size * (2 if kind is dict else 1)):
        item, at = read(data, at)
        items.append(item)
    return dict(zip(items[::2], items[1::2], strict=True)) if kind is dict else items, at


@pytest.mark.parametrize("name", ["control", "probe", "signal"])
def test_what_the_code_makes_is_what_was_published(name: str) -> None:
    made = {key: bytes.fromhex(text) for key, text in vectors()[name].items()}
    assert made == stored(name)


def test_every_kind_of_message_has_a_vector() -> None:
    kinds = {message.__struct_config__.tag for message in control_messages().values()}
    assert kinds == frames.FROM_NODE_KINDS | frames.FROM_SERVER_KINDS


@pytest.mark.parametrize("name", list(control_messages()))
def test_a_frame_is_canonical_and_reads_back_as_its_message(name: str) -> None:
    message, frame = control_messages()[name], stored("control")[name]
    canonical.scan(frame, 65536, SESSION_DEPTH_MAX)
    from_either = [
        decode(frame, 65536)
        for decode, kinds in (
            (frames.from_node, frames.FROM_NODE_KINDS),
            (frames.from_server, frames.FROM_SERVER_KINDS),
        )
        if message.__struct_config__.tag in kinds
    ]
    assert from_either
    assert all(one == message for one in from_either)


@pytest.mark.parametrize("name", list(control_messages()))
def test_another_reader_finds_the_same_fields(name: str) -> None:
    message, frame = control_messages()[name], stored("control")[name]
    fields, end = read(frame)
    assert end == len(frame)
    assert fields.pop("t") == message.__struct_config__.tag
    for field, found in fields.items():
        wanted = getattr(message, field)
        if field == "presence":
            wanted = [[one.identity, one.online, one.last_seen, one.relay] for one in wanted]
        elif field == "joins":
            wanted = [{name: list(one) if isinstance(one, tuple) else one for name, one in told(it)} for it in wanted]
        elif field == "relays":
            wanted = [without_defaults(one) for one in wanted]
        elif isinstance(wanted, tuple):
            wanted = [list(one) if isinstance(one, tuple) else one for one in wanted]
        assert found == wanted


def told(value: m.WaitingJoin) -> list[tuple[str, Any]]:
    """The fields that are not at their default."""
    return [(name, found) for name, found in msgspec.structs.asdict(value).items() if found or name == "hostname"]


def without_defaults(value: m.RelayPlace) -> dict[str, Any]:
    """A map of what is not at its default."""
    fields = {"number": value.number, "name": value.name, "key": value.key, "udp": list(value.udp), "url": value.url}
    return {name: found for name, found in fields.items() if found}


def test_presence_of_a_server_from_before_relays_is_still_read() -> None:
    frame = canonical.encode({"t": "map", "version": 7, "full": True, "presence": [[PEER.public, True, 1_790_000_000]]})
    told = frames.from_server(frame, 65536)
    assert isinstance(told, m.MapUpdate)
    assert told.presence == (m.Presence(identity=PEER.public, online=True, last_seen=1_790_000_000, relay=0),)


class PresenceBeforeRelays(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    identity: bytes
    online: bool
    last_seen: int = 0


def test_a_node_from_before_relays_reads_todays_presence() -> None:
    told = m.Presence(identity=PEER.public, online=True, last_seen=9, relay=7)
    seen = msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=PresenceBeforeRelays)
    assert (seen.identity, seen.online, seen.last_seen) == (PEER.public, True, 9)


def test_the_keys_of_a_probe_are_hkdf_of_both_path_keys() -> None:
    own, other = ExchangeKeyPair(bytes([0x77]) * 32), ExchangeKeyPair(bytes([0x88]) * 32)
    extracted = hmac.digest(NETWORK, other.exchange(own.public), "sha256")
    for direction, sender, receiver in (("there", NODE, PEER), ("back", PEER, NODE)):
        expanded = hmac.digest(extracted, b"warren/probe/v1" + sender.public + receiver.public + b"\x01", "sha256")
        assert stored("probe")[f"key {direction}"] == expanded
        hint = hashlib.blake2s(b"hint", key=expanded, digest_size=8).digest()
        assert stored("probe")[f"hint {direction}"] == hint


def test_a_ping_has_the_layout_of_its_description() -> None:
    probe = stored("probe")
    key = probe["key there"]
    head = bytes.fromhex("d757524e") + probe["hint there"]
    content = struct.pack(">BBHQ8s16sH", 1, 0, 0, 41, bytes([0x99]) * 8, bytes(16), 0)
    padded = (head + content).ljust(100 - 16, b"\0")
    assert probe["ping of 100 bytes"] == padded + hashlib.blake2s(padded, key=key, digest_size=16).digest()


@pytest.mark.parametrize(("seen", "counter"), [("203.0.113.7:51901", 42), ("[2001:db8::7]:51901", 43)])
def test_a_pong_says_where_the_ping_came_from(seen: str, counter: int) -> None:
    probe = stored("probe")
    pong = decode_probe(probe[f"pong, seen at {seen}"], ProbeKey(probe["key back"], probe["hint back"]))
    assert (pong.kind, str(pong.observed), pong.counter, pong.size) == (ProbeKind.PONG, seen, counter, 100)


def test_a_signal_beside_the_probes_has_the_layout_of_its_description() -> None:
    probe = stored("probe")
    head = bytes.fromhex("d757524e") + probe["hint there"]
    content = struct.pack(">BBHQ8s16sH", 3, 0, 6, 46, bytes(8), bytes(16), 0) + b"sealed"
    tag = hashlib.blake2s(head + content, key=probe["key there"], digest_size=16).digest()
    assert probe["signal"] == head + content + tag


def test_a_mapping_is_told_beside_the_candidates() -> None:
    found = decode_candidates(stored("signal")["candidates, behind a symmetric NAT"])
    assert (found.mapping, len(found.endpoints)) == (3, 2)
    assert decode_candidates(stored("signal")["candidates, none"]).mapping == 0


def test_a_signal_reads_back() -> None:
    found = decode_candidates(stored("signal")["candidates, answer wanted"])
    assert [str(one) for one in found.endpoints] == ["192.168.1.5:51820", "[2001:db8::5]:51821"]
    assert (found.generation, found.reply_wanted) == (1_790_000_000_123, True)


def test_the_challenge_is_signed_by_the_server_over_the_hello() -> None:
    hello, raw = stored("control")["hello with a key"], stored("control")["challenge"]
    shown = frames.from_server(raw, 65536)
    assert isinstance(shown, m.Challenge)
    signed = (
        b"warren/challenge/v1\0"
        + hashlib.sha256(hello).digest()
        + struct.pack(">Q", 1)
        + SERVER.public
        + shown.nonce
        + NETWORK
        + b"\x20"
        + shown.certificate_sha256
    )
    assert SERVER.sign(signed) == shown.signature
