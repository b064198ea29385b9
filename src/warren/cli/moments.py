"""Moments as people read them, in the time zone of this machine."""

import time


def show_moment(at: float, form: str) -> str:
    """Return a moment (Unix seconds) in local time, by a form of `strftime`; `unknown` for what no calendar has: a
    server may say anything."""
    try:
        return time.strftime(form, time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return "unknown"


def show_clock(at: float, now: float) -> str:
    """Return `14:05`, on another day than that of `now` `2026-11-20 14:05`; Unix seconds."""
    day = "%Y-%m-%d"
    return show_moment(at, "%H:%M" if show_moment(at, day) == show_moment(now, day) else f"{day} %H:%M")
