"""What is wrong on this machine right now, each with a code, since when, and what to do. Pure.

Decides nothing about causes: parts set an entry under a key of theirs and clear it when it is over. Entries are a set,
not a log: the same trouble twice is one entry with its first time. What happened once and has no end that anybody
could see is set with one (`until`). Bounded by HEALTH_ENTRIES_MAX (the newest is left
out: who has so many has seen the point).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import HEALTH_ENTRIES_MAX


@dataclass(frozen=True, slots=True)
class Entry:
    """One trouble. `since` and `until` (None: until it is cleared) in Unix seconds."""

    code: str
    text: str
    since: float
    fix: str = ""
    until: float | None = None


class Health:
    """All entries of one daemon, by the key of whoever set them."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def set(
        self, key: str, code: Code | str, text: str, now: float, fix: str = "", *, until: float | None = None
    ) -> None:
        """This is wrong; said again it keeps its first time."""
        self._end(now)
        old = self._entries.get(key)
        if old is None and len(self._entries) >= HEALTH_ENTRIES_MAX:
            return
        self._entries[key] = Entry(str(code), text, old.since if old is not None else now, fix, until)

    def set_error(self, key: str, error: WarrenError, now: float) -> None:
        """The same, of an error."""
        self.set(key, error.code.value, error.text, now, error.fix)

    def clear(self, key: str) -> None:
        """It is over; harmless if it never was."""
        self._entries.pop(key, None)

    def clear_all(self, prefix: str) -> None:
        """Everything under keys that begin so is over (a network that was left)."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]

    def replace(self, prefix: str, entries: Mapping[str, tuple[str, str, str]], now: float) -> None:
        """Under this prefix exactly these are wrong: key -> (code, text, fix)."""
        for key in [key for key in self._entries if key.startswith(prefix) and key[len(prefix) :] not in entries]:
            del self._entries[key]
        for key, (code, text, fix) in entries.items():
            self.set(prefix + key, code, text, now, fix)

    def _end(self, now: float) -> None:
        for key in [key for key, one in self._entries.items() if one.until is not None and one.until <= now]:
            del self._entries[key]

    def entries(self, now: float = 0.0) -> tuple[Entry, ...]:
        """Those of `now`, the oldest first."""
        self._end(now)
        return tuple(sorted(self._entries.values(), key=lambda entry: entry.since))
