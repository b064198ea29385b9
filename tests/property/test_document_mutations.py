"""Whatever happens to a document's bytes, it is refused or the same document; 10,000 steps, more by an environment
variable (WARREN_MUTATION_STEPS). The seed is fixed, so a failure comes back."""

import hashlib
import os
from collections.abc import Iterator

import msgspec
from tests.unit.trust.founding import DATE, Network

from warren import canonical
from warren.trust.authenticate import Refusal, authenticate
from warren.trust.documents import AdmissionLimits, HeadMark, Service
from warren.trust.signing import Envelope, signed_bytes

STEPS = int(os.environ.get("WARREN_MUTATION_STEPS", "10000"))
INTERESTING = bytes([0x00, 0x01, 0x7F, 0x80, 0x90, 0xA0, 0xC0, 0xC4, 0xCC, 0xD9, 0xDC, 0xDE, 0xFF])


class Source:
    """Numbers from a hash chain: the same on every machine and version of Python."""

    def __init__(self, seed: bytes) -> None:
        self._numbers = self._generate(seed)

    @staticmethod
    def _generate(seed: bytes) -> Iterator[int]:
        while True:
            seed = hashlib.sha256(seed).digest()
            yield from (int.from_bytes(seed[start : start + 4], "big") for start in range(0, 32, 4))

    def below(self, end: int) -> int:
        return next(self._numbers) % end


def documents(network: Network) -> list[bytes]:
    root = network.identity("root")
    made = [
        *network.base(),
        network.delegation("x", limits=AdmissionLimits(tags=("a",), hostname="a*", ipv4="100.96.1.0/24", count=3)),
        network.member("a", ipv4="100.96.0.2", tags=("t",), groups=("g",), user="u", expires=DATE + 9, joined=DATE,
                       heads=(HeadMark(authority=root, counter=4),)),
        network.record("a", services=(Service(name="web", protocol="tcp", port=80),), routes=("10.0.0.0/8",),
                       next_wireguard=root, next_from=5, previous_path=root),
        network.removal("a"),
        network.head("root"),
        network.recovery(("a", "b"), 2),
        network.root_change("later", by="root", kept=(network.genesis,)),
    ]  # fmt: skip
    return [one.raw for one in made]


def mutate(data: bytes, source: Source) -> bytes:
    """One edit: flip a bit, set a byte, cut, insert, double a part, or swap two parts."""
    place, end = source.below(len(data) + 1), source.below(len(data) + 1)
    low, high = min(place, end), max(place, end)
    match source.below(6):
        case 0:
            at = source.below(len(data))
            return data[:at] + bytes([data[at] ^ (1 << source.below(8))]) + data[at + 1 :]
        case 1:
            at = source.below(len(data))
            return data[:at] + bytes([INTERESTING[source.below(len(INTERESTING))]]) + data[at + 1 :]
        case 2:
            return data[:low] + data[high:]
        case 3:
            return data[:place] + bytes([INTERESTING[source.below(len(INTERESTING))]]) + data[place:]
        case 4:
            return data[:high] + data[low:high] + data[high:]
        case _:
            return data[low:high] + data[:low] + data[high:]


def test_a_changed_document_is_refused_or_equal() -> None:
    network = Network()
    originals = documents(network)
    source = Source(b"documents")
    for step in range(STEPS):
        original = originals[source.below(len(originals))]
        changed = original
        for _ in range(1 + source.below(3)):
            changed = mutate(changed, source) or original
        answer = authenticate(network.id, changed)
        assert changed == original or isinstance(answer, Refusal), (step, original.hex(), changed.hex())


def test_a_body_changed_before_it_is_signed_is_refused_or_read_as_its_own_canonical_bytes() -> None:
    network, key = Network(), Network().key("root")
    originals = [canonical.decode(raw, Envelope) for raw in documents(network)]
    source = Source(b"bodies")
    accepted = 0
    for step in range(STEPS // 4):
        original = originals[source.below(len(originals))]
        body = mutate(original.body, source)
        signature = key.sign(signed_bytes(original.kind, network.id, body))
        raw = canonical.encode(Envelope(kind=original.kind, signer=key.public, body=body, signature=signature))
        answer = authenticate(network.id, raw)
        if not isinstance(answer, Refusal):
            accepted += 1
            assert canonical.encode(msgspec.msgpack.decode(body)) == body, (step, body.hex())
    assert accepted > 0
