"""What an operating system may do for our packets, by name, and which of it a user allows. Pure.

Everything works without any of them, only slower. What works here is tried at the start; a user may forbid some.
"""

from typing import Final

from warren.errors import Code, WarrenError
from warren.model.names import printable

NAMES: Final = ("tun-checksum", "tun-tcp", "tun-udp", "udp-send", "udp-receive")
"""Each at the place of its bit."""
ALL: Final = (1 << len(NAMES)) - 1


def parse_allowed(text: str) -> int:
    """A bit for each that may be tried: `all`, `none`, or those to leave out (`-udp-send,-tun-udp`).

    INVALID_CONFIG for anything else.
    """
    match text.strip():
        case "" | "all":
            return ALL
        case "none":
            return 0
        case words:
            allowed = ALL
            for word in (word.strip() for word in words.split(",")):
                name = word.removeprefix("-")
                if name == word or name not in NAMES:
                    known = ", ".join(f"-{known}" for known in NAMES)
                    text = f"'{printable(word[:64])}' is no offload to leave out"
                    raise WarrenError(Code.INVALID_CONFIG, text, f"all, none, or of {known}")
                allowed &= ~(1 << NAMES.index(name))
            return allowed


def show_allowed(allowed: int) -> str:
    """The text that `parse_allowed` reads so."""
    left_out = [f"-{name}" for place, name in enumerate(NAMES) if not allowed & 1 << place]
    if not left_out:
        return "all"
    return "none" if len(left_out) == len(NAMES) else ",".join(left_out)
