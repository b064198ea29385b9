"""The state of a host's network as one value, and what differs between two of them.

For 'after `down` the host is what it was before `up`'. Left out: what counts or ages by itself (packet counters,
bridge timers, lifetimes of learned routes, the number of conntrack entries, whether the other end of a wire is there,
which the kernel tells some time after it was plugged in) and the order of lists.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMMANDS = {
    "link": ["ip", "-d", "-j", "link"],
    "address": ["ip", "-d", "-j", "addr"],
    "route": ["ip", "-d", "-j", "-4", "route", "show", "table", "all"],
    "route6": ["ip", "-d", "-j", "-6", "route", "show", "table", "all"],
    "rule": ["ip", "-d", "-j", "-4", "rule"],
    "rule6": ["ip", "-d", "-j", "-6", "rule"],
    "nft": ["nft", "-j", "list", "ruleset"],
    "sysctl": ["sh", "-c", "grep -rs '' /proc/sys/net; true"],
}
_VOLATILE_KEYS = {
    "packets", "bytes", "expires", "valid_life_time", "preferred_life_time", "used", "age", "metainfo", "operstate",
}  # fmt: skip
_CARRIER = {"LOWER_UP", "NO-CARRIER", "linkdown"}  # flags of links and routes
_VOLATILE_SYSCTLS = ("nf_conntrack_count", "/route/flush", "/fib_multipath_hash_seed", "/tcp_fastopen_key", "/cache_")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every fact as a line of text under its subject."""

    facts: frozenset[tuple[str, str]]

    def difference(self, later: "Snapshot") -> list[str]:
        """What `later` lacks (`-`) and has more (`+`), readable; empty if they are the same."""
        gone = self.missing(later)
        come = [f"+ {subject}: {text}" for subject, text in sorted(later.facts - self.facts)]
        return gone + come

    def missing(self, later: "Snapshot") -> list[str]:
        """What `later` lacks, whatever it has more."""
        return [f"- {subject}: {text}" for subject, text in sorted(self.facts - later.facts)]


def take(run: Callable[[Sequence[str]], str]) -> Snapshot:
    """The state of the host on which `run` runs commands and gives their output."""
    facts = {("resolv.conf", Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else "")}
    for subject, argv in _COMMANDS.items():
        output = run(argv)
        if subject == "sysctl":
            facts.update((subject, line) for line in output.splitlines() if not _ages(line))
        elif output.strip():
            facts.update((subject, text) for text in _entries(json.loads(output)))
    return Snapshot(frozenset(facts))


def _ages(line: str) -> bool:
    return any(part in line for part in _VOLATILE_SYSCTLS)


def _entries(document: Any) -> Iterator[str]:
    entries = document.get("nftables", []) if isinstance(document, dict) else document
    for entry in entries:
        text = json.dumps(_steady(entry), sort_keys=True)
        if text != "{}":
            yield text


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _steady([flag for flag in inner if flag not in _CARRIER] if key == "flags" else inner)
            for key, inner in value.items()
            if key not in _VOLATILE_KEYS and not key.endswith("_timer")
        }
    if isinstance(value, list):
        return sorted((_steady(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value
