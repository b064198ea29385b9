"""What the kernel does for the engine's packets: which of it may be tried, and what came of it. Pure.

Everything works without any of them, only slower. The engine tries each at the start, and takes down what fails later.
A user may forbid some: `all`, `none`, or names to leave out (`-udp-send,-tun-udp`).
"""

import errno
from collections.abc import Mapping
from typing import Final

from warren.engine import _native
from warren.errors import Code, WarrenError

NAMES: Final = ("tun-checksum", "tun-tcp", "tun-udp", "udp-send", "udp-receive")
ALL: Final = (1 << len(NAMES)) - 1

_TEXTS: Final = {
    _native.OFFLOAD_ON: "on",
    _native.OFFLOAD_ABSENT: "off: not here",
    _native.OFFLOAD_UNWANTED: "off: by setting",
    _native.OFFLOAD_REFUSED: "off: the kernel refused it",
    _native.OFFLOAD_BROKEN: "off: this kernel mangles data with it",
    _native.OFFLOAD_TAKEN_DOWN: "off: it failed at work",
}


def parse_allowed(text: str) -> int:
    """The bits that `_native.Tunnel` takes; INVALID_CONFIG for a name that is none."""
    match text.strip():
        case "" | "all":
            return ALL
        case "none":
            return 0
        case words:
            allowed = ALL
            for word in words.split(","):
                name = word.strip().removeprefix("-")
                if not word.strip().startswith("-") or name not in NAMES:
                    known = ", ".join(f"-{known}" for known in NAMES)
                    raise WarrenError(
                        Code.INVALID_CONFIG,
                        f"'{word.strip()}' is no offload to leave out",
                        f"all, none, or any of {known}",
                    )
                allowed &= ~(1 << NAMES.index(name))
            return allowed


def describe(states: Mapping[bytes, tuple[int, int]]) -> dict[str, str]:
    """Each offload by name, as `on` or as why it is off."""
    return {name.decode(): _describe(state, number) for name, (state, number) in states.items()}


def _describe(state: int, number: int) -> str:
    text = _TEXTS.get(state, "off")
    return f"{text} ({errno.errorcode.get(number, number)})" if number else text
