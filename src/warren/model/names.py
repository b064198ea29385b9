"""Names that come from outside, each a type with its own grammar, and how any text is shown safely.

Decides what a host label, network name, DNS suffix and tag may look like (RFC 1123 section 2.1: letters, digits and
hyphens, at most 63), and which characters never reach a terminal. Must not know who holds which name.
"""

import re
import unicodedata
from typing import NewType

from warren.errors import Code, WarrenError

HostLabel = NewType("HostLabel", str)
NetworkName = NewType("NetworkName", str)
DnsSuffix = NewType("DnsSuffix", str)
Tag = NewType("Tag", str)

LABEL_MAX_CHARS = 63  # RFC 1035 section 2.3.4
SUFFIX_MAX_CHARS = 189  # leaves a 63-character host label within the 253 of a whole name

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_LABEL_RULE = "1 to 63 of a-z, 0-9 and '-', neither first nor last a '-'"

# Letters and marks by category that draw nothing: zero-width tricks that `category` alone does not show.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
# Cc: C0, DEL, C1. Cf: bidi, zero-width, tags. Cs, Co, Cn: what no font of a terminal means. Zl, Zp: hidden line ends.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_host_label(text: str) -> HostLabel:
    """A host label in lower case; capital letters are accepted and lowered. WarrenError INVALID_HOSTNAME else."""
    lowered = _lower_ascii(text)
    if _LABEL.fullmatch(lowered) is None:
        raise WarrenError(Code.INVALID_HOSTNAME, f"'{printable(text[:80])}' is not a host name", _LABEL_RULE)
    return HostLabel(lowered)


def is_host_label(text: str) -> bool:
    """Whether the text is a host label exactly as a document must spell it (lower case)."""
    return _LABEL.fullmatch(text) is not None


def suggest_host_label(text: str) -> HostLabel | None:
    """The nearest host label to what an operating system calls the machine ("My Mac.local" -> my-mac), or None."""
    first = _lower_ascii(text).split(".", 1)[0]
    cleaned = re.sub(r"[^a-z0-9]+", "-", first, flags=re.ASCII).strip("-")[:LABEL_MAX_CHARS].strip("-")
    return HostLabel(cleaned) if _LABEL.fullmatch(cleaned) else None


def parse_network_name(text: str) -> NetworkName:
    """A network's name: a label as hosts have, since it stands in `host.network`. WarrenError INVALID_ARGUMENT."""
    lowered = _lower_ascii(text)
    if _LABEL.fullmatch(lowered) is None:
        raise WarrenError(Code.INVALID_ARGUMENT, f"'{printable(text[:80])}' is not a network name", _LABEL_RULE)
    return NetworkName(lowered)


def parse_tag(text: str) -> Tag:
    """A tag of a machine ('server'): a label as hosts have, lower case. WarrenError INVALID_ARGUMENT else."""
    lowered = _lower_ascii(text)
    if _LABEL.fullmatch(lowered) is None:
        raise WarrenError(Code.INVALID_ARGUMENT, f"'{printable(text[:80])}' is not a tag", _LABEL_RULE)
    return Tag(lowered)


def parse_dns_suffix(text: str) -> DnsSuffix:
    """Labels joined by dots, lower case, without a dot at either end. WarrenError INVALID_ARGUMENT else."""
    lowered = _lower_ascii(text)
    if len(lowered) > SUFFIX_MAX_CHARS or any(_LABEL.fullmatch(label) is None for label in lowered.split(".")):
        raise WarrenError(Code.INVALID_ARGUMENT, f"'{printable(text[:80])}' is not a DNS suffix", _LABEL_RULE)
    return DnsSuffix(lowered)


def printable(text: str) -> str:
    r"""The text with everything that could move a terminal, hide or turn text written as \xNN, \uNNNN or \UNNNNNNNN.

    The result is one line. Spaces and letters of every script stay; plain ASCII is returned unchanged at no cost.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if _must_escape(char) else char for char in text)


def _must_escape(char: str) -> bool:
    return char in _INVISIBLE or unicodedata.category(char) in _ESCAPED_CATEGORIES


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _lower_ascii(text: str) -> str:
    # str.lower alone would turn the Kelvin sign into 'k' and so let a look-alike through the grammar
    return text.lower() if text.isascii() else text
