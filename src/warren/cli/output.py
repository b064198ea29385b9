"""What a command writes: text or JSON to standard output, problems and progress to standard error.

Decides the form of errors and tables and their exit codes. Text that came from a peer or a server passes `printable`
where a line is built, so that it stays one line, and all of it here once more: nothing from outside moves the terminal.
"""

import shlex
import sys
from collections.abc import Sequence

import msgspec

from warren.errors import Code, WarrenError
from warren.model.names import printable

DONE = 0
FAILED = 1
WRONG_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130
_UNREACHABLE = frozenset({Code.DAEMON_UNREACHABLE, Code.SERVER_UNREACHABLE, Code.TIMEOUT})


def say(text: str = "") -> None:
    """Write a line of the answer, or several."""
    sys.stdout.write(_harmless(text) + "\n")


def say_json(value: object) -> None:
    """Write the answer as JSON, indented on a terminal, one line elsewhere."""
    raw = msgspec.json.encode(value)
    if sys.stdout.isatty():
        raw = msgspec.json.format(raw, indent=2)
    sys.stdout.write(_ascii(raw) + "\n")


def say_json_line(value: object) -> None:
    """Write one object of a stream that somebody waits for."""
    say_now(_ascii(msgspec.json.encode(value)))


def note(text: str) -> None:
    """Write a line that is not the answer: progress, warnings, the server acted on."""
    sys.stderr.write(_harmless(text) + "\n")
    sys.stderr.flush()


def show_link(url: str) -> None:
    """Draw a link as a QR code for the phone beside the terminal; nothing where there is no terminal."""
    if not sys.stderr.isatty():
        return
    import segno  # noqa: PLC0415 - 20 ms that only a person who waits for a sign-on pays

    segno.make(url, error="l", micro=False).terminal(out=sys.stderr, border=2, compact=True)


def say_now(text: str) -> None:
    """Write a line of the answer that somebody waits for."""
    say(text)
    sys.stdout.flush()


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: two blanks between columns, every cell made printable."""
    lines = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table."""
    for line in aligned(head, rows):
        say(line)


def fail(error: WarrenError, *, as_json: bool = False) -> int:
    """Write why a command failed; returns its exit code."""
    if as_json:
        _note_json(error.code, error.text, error.fix)
    else:
        note(f"warren: {error.code.value}: {printable(error.text)}")
        if error.fix:
            note(f"  {printable(error.fix)}")
    return UNREACHABLE if error.code in _UNREACHABLE else FAILED


def misuse(text: str, hint: str, *, as_json: bool = False) -> int:
    """Write what is wrong with the command line; returns the exit code."""
    if as_json:
        _note_json(Code.INVALID_ARGUMENT, text, hint)
    else:
        note(f"warren: {printable(text)}")
        note(f"  {printable(hint)}")
    return WRONG_USAGE


def is_confirmed(question: str, *, is_yes: bool) -> bool:
    """Return whether the user agrees; without a terminal and without --yes: no."""
    if is_yes:
        return True
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def pasted(text: str) -> str:
    """A word of somebody's in a command that a person is told to type: one word of the shell, whatever is in it."""
    return shlex.quote(printable(text))


def _harmless(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _note_json(code: Code, text: str, fix: str) -> None:
    note(_ascii(msgspec.json.encode({"code": code.value, "text": text, "fix": fix})))


def _ascii(raw: bytes) -> str:
    """JSON escapes C0 by itself; C1, bidi and zero-width characters must not reach a terminal either."""
    if raw.isascii():
        return raw.decode()
    import json  # noqa: PLC0415 - only for text that is not ASCII

    return json.dumps(json.loads(raw), ensure_ascii=True, separators=(",", ":"))
