"""Secrets of the command line: as text, from `file:PATH`, or from standard input with `-`.

Decides where a secret is read from. What it returns goes into one request and nowhere else: it is never printed or
logged."""

import sys
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.limits import SECRET_MAX_BYTES


def read_secret(text: str, what: str) -> str:
    """Return the secret; raises WarrenError INVALID_ARGUMENT where the file or input gives none."""
    try:
        if text == "-":
            raw = sys.stdin.readline(SECRET_MAX_BYTES)
        elif text.startswith("file:"):
            with Path(text.removeprefix("file:")).open(encoding="utf-8") as file:
                raw = file.read(SECRET_MAX_BYTES)
        else:
            raw = text
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise WarrenError(
            Code.INVALID_ARGUMENT,
            f"the {what} cannot be read from {text}: {reason}",
            "name a file of text that this user may read (file:PATH), or - for standard input",
        ) from error
    if not raw.strip():
        raise WarrenError(Code.INVALID_ARGUMENT, f"the {what} is empty", "give it as text, file:PATH or -")
    return raw.strip()
