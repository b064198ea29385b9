"""What became of the offloads that the engine tried: `on`, or why not. Pure."""

import errno
from collections.abc import Mapping
from typing import Final

from warren.engine import _native

_TEXTS: Final = {
    _native.OFFLOAD_ON: "on",
    _native.OFFLOAD_ABSENT: "off: not here",
    _native.OFFLOAD_UNWANTED: "off: by setting",
    _native.OFFLOAD_REFUSED: "off: the kernel refused it",
    _native.OFFLOAD_BROKEN: "off: this kernel mangles data with it",
    _native.OFFLOAD_TAKEN_DOWN: "off: it failed at work",
}


def describe(states: Mapping[bytes, tuple[int, int]]) -> dict[str, str]:
    """Each offload by name, as `on` or as why it is off."""
    return {name.decode(): _describe(state, number) for name, (state, number) in states.items()}


def _describe(state: int, number: int) -> str:
    text = _TEXTS.get(state, "off")
    return f"{text} ({errno.errorcode.get(number, number)})" if number else text
