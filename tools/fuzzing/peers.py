"""What peers send: probes, with a right tag and without, and what is inside a sealed signal."""

import hashlib
import json
from pathlib import Path

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.limits import CANDIDATES_MAX
from warren.protocol.peer.candidates import decode_candidates, encode_candidates, pack_endpoint, unpack_endpoint
from warren.protocol.peer.probe import HINT_BYTES, TAG_BYTES, ProbeKey, decode_probe, encode_probe, encode_signal

_VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "protocol"
_PROBES = json.loads((_VECTORS / "probe.json").read_text())
_SIGNALS = tuple(bytes.fromhex(text) for text in json.loads((_VECTORS / "signal.json").read_text()).values())
_KEY = ProbeKey(bytes.fromhex(_PROBES["key there"]), bytes.fromhex(_PROBES["hint there"]))
_PING = bytes.fromhex(_PROBES["ping of 100 bytes"])

_SIGNAL = encode_signal(b"sealed", 7, _KEY)[:-TAG_BYTES]


def check_probe(data: bytes) -> bool:
    """Without the key only a known datagram is a probe."""
    try:
        decode_probe(data, _KEY)
    except WarrenError as error:
        require(error.code in {Code.MALFORMED, Code.TOO_LARGE, Code.BAD_SIGNATURE}, f"refused with {error.code}")
        return False
    require(data == _PING, "a changed probe counts")
    return True


def check_probe_of_peer(data: bytes) -> bool:
    """A peer that holds the key sends anything: what is read says the same when it is written again."""
    body = b"\xd7WRN" + _KEY.hint + data[4 + HINT_BYTES :]
    tag = hashlib.blake2s(body, key=_KEY.key, digest_size=TAG_BYTES).digest()
    try:
        probe = decode_probe(body + tag, _KEY)
    except WarrenError as error:
        require(error.code in {Code.MALFORMED, Code.TOO_LARGE}, f"refused with {error.code}")
        return False
    require(decode_probe(encode_probe(probe, _KEY), _KEY) == probe, "it reads back differently")
    return True


def check_candidates(data: bytes) -> bool:
    """Endpoints as a peer tells them: bounded, each once, and the same when told on."""
    try:
        candidates = decode_candidates(data)
    except WarrenError as error:
        require(error.code in {Code.MALFORMED, Code.TOO_LARGE, Code.UNSUPPORTED}, f"refused with {error.code}")
        return False
    require(len(candidates.endpoints) <= CANDIDATES_MAX, "more than may be")
    require(len(set(candidates.endpoints)) == len(candidates.endpoints), "one twice")
    require(decode_candidates(encode_candidates(candidates)) == candidates, "they read back differently")
    return True


def check_packed_endpoint(data: bytes) -> bool:
    """An endpoint of the engine's: a v4-mapped one is its v4 self."""
    try:
        endpoint = unpack_endpoint(data)
    except WarrenError as error:
        require(error.code is Code.MALFORMED, f"refused with {error.code}")
        return False
    require(unpack_endpoint(pack_endpoint(endpoint)) == endpoint, "it reads back differently")
    return True


PARSERS = (
    Parser("probe", (_PING,), check_probe),
    Parser(
        "probe_of_peer", (_PING[:-TAG_BYTES], b"\xd7WRN" + bytes(8) + b"\x02" + bytes(60), _SIGNAL), check_probe_of_peer
    ),
    Parser("candidates", _SIGNALS, check_candidates, (b"\xc4\x06", b"\xc4\x12", b"\xaagener")),
    Parser("packed_endpoint", (bytes([192, 0, 2, 1, 1, 2]), bytes(16) + b"\x01\x02"), check_packed_endpoint),
)
