"""The one spelling of a value in bytes: a scanner that refuses every other, and the one decode of signed material.

Decides what canonical msgpack is. Must not know documents or messages. The rules, for every value at any depth:

- the shortest form of each integer (non-negative ones in an unsigned form), string, bin, array and map length;
- map keys are strings, in rising order of their UTF-8 bytes, each once; strings are valid UTF-8;
- no floats (too many spellings of one number), no extension types, and no nil: what is absent is left out;
- at most `max_depth` arrays and maps inside each other, at most `max_bytes` in all, and nothing after the value.

Unknown fields are kept (the bytes are what was signed) and ignored; but a key that starts with `!` says 'understand me
or refuse', so it is refused unless `understood` lists it. Format: github.com/msgpack/msgpack/blob/master/spec.md.
"""

from typing import Final, TypeVar

import msgspec

from warren import limits
from warren.errors import Code, WarrenError

T = TypeVar("T")


class Refused(WarrenError):  # noqa: N818 - what happened, in the word of the whole project
    """Bytes that are not the one spelling of a value of the expected type; always code MALFORMED or TOO_LARGE."""


def encode(value: object) -> bytes:
    """The canonical bytes; Refused if the value has none (a float, nil, too deep, too large)."""
    try:
        data = _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _malformed("the value has no canonical form") from error
    scan(data)
    return data


def decode(
    data: bytes,
    kind: type[T],
    *,
    max_bytes: int = limits.DOCUMENT_MAX_BYTES,
    max_depth: int = limits.DOCUMENT_MAX_DEPTH,
    understood: frozenset[bytes] = frozenset(),
) -> T:
    """The value of the given type that the bytes spell; Refused for whatever is wrong with them."""
    scan(data, max_bytes, max_depth, understood)
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        # ValueError covers UnicodeDecodeError; msgspec's own errors are subclasses of neither
        raise _malformed("the fields are not those of the expected type") from error


def scan(
    data: bytes,
    max_bytes: int = limits.DOCUMENT_MAX_BYTES,
    max_depth: int = limits.DOCUMENT_MAX_DEPTH,
    understood: frozenset[bytes] = frozenset(),
) -> None:
    """Refused unless the bytes are exactly one value in its one spelling."""
    if len(data) > max_bytes:
        raise Refused(Code.TOO_LARGE, f"{len(data)} bytes where at most {max_bytes} are allowed")
    scanner = _Scanner(data, max_depth, understood)
    try:
        end = scanner.value(0, 0)
    except IndexError:
        raise _malformed("the bytes end early") from None
    if end != len(data):
        raise _malformed("bytes follow the value")


class _Scanner:
    """One pass over the bytes; each method takes an offset and returns the one after what it read."""

    __slots__ = ("data", "max_depth", "understood")

    def __init__(self, data: bytes, max_depth: int, understood: frozenset[bytes]) -> None:
        self.data = data
        self.max_depth = max_depth
        self.understood = understood

    def value(self, at: int, depth: int) -> int:  # noqa: PLR0911 - one return a row of the format's table
        """Any value; IndexError where the bytes end early."""
        first = self.data[at]
        if first <= 0x7F or first >= 0xE0 or first in {0xC2, 0xC3}:  # fixint, negative fixint, false, true
            return at + 1
        if 0xA0 <= first <= 0xBF or 0xD9 <= first <= 0xDB:
            return self.text(at)[1]
        if first <= 0x8F or first in {0xDE, 0xDF}:
            return self.map(at, depth + 1)
        if first <= 0x9F or first in {0xDC, 0xDD}:
            return self.array(at, depth + 1)
        if 0xC4 <= first <= 0xC6:
            size, start = self.length(at, 0xC4, 1, 0)
            return self.skip(start, size)
        if 0xCC <= first <= 0xCF:
            return self.unsigned(at)
        if 0xD0 <= first <= 0xD3:
            return self.signed(at)
        raise _malformed(f"the type byte {first:#04x} (nil, float, extension or none) has no place here")

    def map(self, at: int, depth: int) -> int:
        """A map: keys are strings, rising, and understood where they must be."""
        self.check_depth(depth)
        first = self.data[at]
        count, at = (first & 0x0F, at + 1) if first <= 0x8F else self.length(at, 0xDE, 2, 0x10)
        previous: bytes | None = None
        for _ in range(count):
            key, at = self.text(at)
            if previous is not None and key <= previous:
                raise _malformed("a key is not above the one before it")
            if key[:1] == b"!" and key not in self.understood:
                raise _malformed("a field that must be understood is unknown")
            previous = key
            at = self.value(at, depth)
        return at

    def array(self, at: int, depth: int) -> int:
        """An array of any values."""
        self.check_depth(depth)
        first = self.data[at]
        count, at = (first & 0x0F, at + 1) if first <= 0x9F else self.length(at, 0xDC, 2, 0x10)
        for _ in range(count):
            at = self.value(at, depth)
        return at

    def text(self, at: int) -> tuple[bytes, int]:
        """A string: its bytes and the offset after it."""
        first = self.data[at]
        if 0xA0 <= first <= 0xBF:
            size, start = first & 0x1F, at + 1
        elif 0xD9 <= first <= 0xDB:
            size, start = self.length(at, 0xD9, 1, 0x20)
        else:
            raise _malformed("a key is not a string")
        end = self.skip(start, size)
        content = self.data[start:end]
        if not content.isascii():
            try:
                content.decode()
            except UnicodeDecodeError:
                raise _malformed("a string is not UTF-8") from None
        return content, end

    def length(self, at: int, base: int, width: int, least: int) -> tuple[int, int]:
        """A length after its type byte: `base` is the type with the narrowest one (`width`), `least` what needs it."""
        step = self.data[at] - base
        size, end = self.number(at + 1, width << step)
        if size < (least if step == 0 else 1 << (8 * (width << (step - 1)))):
            raise _malformed("a length is not in its shortest form")
        return size, end

    def unsigned(self, at: int) -> int:
        """An unsigned integer that needs its width."""
        step = self.data[at] - 0xCC
        number, end = self.number(at + 1, 1 << step)
        if number < (0x80 if step == 0 else 1 << (8 << (step - 1))):
            raise _malformed("an integer is not in its shortest form")
        return end

    def signed(self, at: int) -> int:
        """A signed integer: below zero, and in need of its width."""
        step = self.data[at] - 0xD0
        bits = 8 << step
        number, end = self.number(at + 1, 1 << step)
        number -= 1 << bits if number >> (bits - 1) else 0
        if number >= (-0x20 if step == 0 else -(1 << (bits // 2 - 1))):
            raise _malformed("an integer is not in its shortest form")
        return end

    def number(self, at: int, width: int) -> tuple[int, int]:
        """A big-endian unsigned number of `width` bytes."""
        end = self.skip(at, width)
        return int.from_bytes(self.data[at:end], "big"), end

    def skip(self, at: int, size: int) -> int:
        """The offset after `size` more bytes, which must be there."""
        if size > len(self.data) - at:
            raise _malformed("the bytes end early")
        return at + size

    def check_depth(self, depth: int) -> None:
        """Refused when arrays and maps nest deeper than allowed."""
        if depth > self.max_depth:
            raise _malformed(f"nested deeper than {self.max_depth}")


_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")


def _malformed(reason: str) -> Refused:
    return Refused(Code.MALFORMED, reason)
