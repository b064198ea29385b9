"""Durations and amounts as people write and read them. Pure."""

import re

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw]?)", re.ASCII)
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def parse_duration_s(text: str) -> float | None:
    """Return the seconds of `30s`, `5m`, `12h`, `7d`, `2w` or a plain number of seconds; None for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return float(match[1]) * _UNITS_S[match[2] or "s"]


def show_duration(seconds: float) -> str:
    """Return `40 seconds`, `3 minutes`, `2 hours`, `5 days`: one unit, rounded down, at least one second."""
    count, unit = max(1, int(seconds)), "second"
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count, unit = int(seconds // size), name
            break
    return f"{count} {unit}" + ("" if count == 1 else "s")


def show_offline(last_seen: float | None, now: float) -> str:
    """Return `offline since 2 days`; `offline` where nobody knows since when, or by a clock that is behind the server's
    it is still to come. Unix seconds."""
    return "offline" if last_seen is None or last_seen > now else f"offline since {show_duration(now - last_seen)}"


def show_bytes(count: int) -> str:
    """Return `0`, `812 B`, `1 MiB`, `1.5 MiB`, `12 MiB`: below ten one digit after the point, where it is not zero."""
    if count == 0:
        return "0"
    size = float(count)
    for unit in _SIZES:
        if size < 1024 or unit == _SIZES[-1]:
            digits = f"{size:.1f}".removesuffix(".0") if size < 10 else str(int(size))
            return f"{digits} {unit}"
        size /= 1024
    return ""


def show_latency(latency_ms: float) -> str:
    """Return `0.4 ms`, `3.1 ms`, `41 ms`: one digit after the point below ten."""
    return f"{latency_ms:.1f} ms" if latency_ms < 10 else f"{latency_ms:.0f} ms"


def show_round_trip(latency_ms: float) -> str:
    """Return `0.43 ms`, `3 ms`, `41 ms`: whole milliseconds, below one two digits that count."""
    return f"{latency_ms:.2g} ms" if latency_ms < 1 else f"{latency_ms:.0f} ms"
