"""Writes tests/vectors/relay/relay.json: grants and a session certificate from fixed inputs.

The engine's tests read the same file (`engine/proto/src/relay/tests/vectors.rs`), so both languages hold to one layout.
Run it by hand after a change of the layout and read the difference."""

import dataclasses
import json
from pathlib import Path

from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.protocol.relay.certificates import sign_certificate
from warren.protocol.relay.grants import Grant, sign_grant

FILE = Path(__file__).resolve().parents[1] / "tests" / "vectors" / "relay" / "relay.json"
SIGNER = SigningKeyPair(bytes([0x11]) * 32)
NODE = SigningKeyPair(bytes([0x22]) * 32)
RELAY = ExchangeKeyPair(bytes([0x33]) * 32)
SESSION = ExchangeKeyPair(bytes([0x44]) * 32)
NETWORK = NetworkId(bytes(range(32)))
ISSUED_S = 1_790_000_000
NOT_AFTER_S = ISSUED_S + 7 * 86_400


def grants() -> dict[str, Grant]:
    """One for every relay, one for named relays with limits."""
    every = Grant(network=NETWORK, identity=NODE.public, relays=None, issued_s=ISSUED_S, not_after_s=NOT_AFTER_S)
    named = dataclasses.replace(every, relays=(7, 2**64 - 1), rate_kbit_s=10_000, burst_kib=64)
    return {"grant for all relays": every, "grant for relays 7 and 2^64-1, 10 Mbit/s, 64 KiB": named}


def vectors() -> dict[str, str]:
    """Each name with its bytes in hex."""
    made = {name: sign_grant(grant, SIGNER) for name, grant in grants().items()}
    made["session certificate"] = sign_certificate(
        NODE,
        network=NETWORK,
        relay_key=RELAY.public,
        session_key=SESSION.public,
        not_after_s=ISSUED_S + 3_600,
    )
    made["signer"] = SIGNER.public
    made["identity"] = NODE.public
    made["relay key"] = RELAY.public
    made["session private key"] = SESSION.private_bytes().reveal()
    return {name: data.hex() for name, data in made.items()}


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(vectors(), indent=2) + "\n")
