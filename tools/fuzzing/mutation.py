"""Inputs from inputs: small edits, each likely to reach a branch that the seeds leave out. The same for one seed."""

import random  # noqa: TID251 - a fuzzer's own source, seeded by its runner
import struct
from collections.abc import Sequence

_BYTES = bytes([0x00, 0x01, 0x20, 0x22, 0x2F, 0x7F, 0x80, 0x90, 0xA0, 0xC0, 0xC4, 0xCC, 0xD9, 0xDC, 0xDE, 0xFE, 0xFF])
_NUMBERS = (0, 1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_WORDS = (
    b"\xc0", b"\xcb" + bytes(8), b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdd\x00\x00\x00\x02",
    b"null", b"true", b"-1", b"1e999", b"NaN", b'"\\ud800"', b"\\u0000", b"99999999999999999999",
    b"[", b"{", b"]", b"}",
    "\u202e".encode(), "\u212a".encode(), b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1b[31m", b"\r\n", b"%", b":",
)  # fmt: skip
REPEATS_MAX = 300


def mutate(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """One to four edits of `data`; `others` are seeds to splice with."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = _edit(data, others, words, rng)
    return data


def _edit(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:  # noqa: PLR0911 - a return a kind
    low, high = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    high = min(high, low + rng.choice((1, 1, 2, 4, 8, 64, len(data) or 1)))
    match rng.randrange(10):
        case 0 if data:
            at = rng.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1 if data:
            at = rng.randrange(len(data))
            return data[:at] + bytes([rng.choice(_BYTES)]) + data[at + 1 :]
        case 2:
            return data[:low] + data[high:]
        case 3:
            return data[:low] + bytes([rng.choice(_BYTES)]) + data[low:]
        case 4:
            return data[:high] + data[low:high] * rng.choice((1, 1, 2, 17, REPEATS_MAX)) + data[high:]
        case 5:
            return data[low:high] + data[:low] + data[high:]
        case 6:
            number = rng.choice(_NUMBERS) + rng.choice((-1, 0, 0, 1))
            layout = rng.choice((">B", ">H", "<H", ">I", "<I", ">Q", "<Q"))
            packed = struct.pack(layout, number % (1 << 8 * struct.calcsize(layout)))
            return data[:low] + packed + data[low + len(packed) :]
        case 7:
            other = rng.choice(others)
            return data[:low] + other[rng.randrange(len(other) + 1) :]
        case 8:
            return data[:low] + rng.choice(words or _WORDS) + data[high:]
        case _:
            return data[:low] + rng.choice(_WORDS) + data[low:]
