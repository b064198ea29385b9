"""Help as text, made of the table; pure.

Decides what a reader sees first: what it does, how it is typed, examples, then flags with their variables and defaults.
"""

import textwrap
from collections.abc import Iterable, Sequence

from warren.cli.commands import COMMANDS, GROUPS, PROGRAMS, SHARED
from warren.cli.grammar import Command, Flag, Kind

_WIDTH = 100
_FIRST_STEPS = (
    ("warren server --data DIR --url https://vpn.example.org", "on the server"),
    ("warren key create --server DIR", "on the server: prints a key"),
    ("warren up --server https://vpn.example.org --auth-key KEY", "on each machine"),
    ("warren ping OTHER", "reach the others by name"),
)


def help_for(path: tuple[str, ...]) -> str:
    """Return the help of the program, a group or a command."""
    if not path:
        return _program()
    command = next((command for command in COMMANDS if command.path == path), None)
    return _command(command) if command is not None else _group(path)


def usage(command: Command) -> str:
    """Return how a command is typed, in one line."""
    names = ((one, one.name.upper() + ("…" if one.is_many else "")) for one in command.arguments)
    words = [f"[{name}]" if one.is_optional else name for one, name in names]
    return " ".join(("warren", *command.path, *words, "[flags]"))


def _program() -> str:
    first = {command.path[0]: command for command in COMMANDS if len(command.path) == 1}
    rows = [(name, command.summary) for name, command in first.items()]
    rows += [(name, text) for name, text in GROUPS.items() if " " not in name and name not in {*first, *dict(PROGRAMS)}]
    return _join(
        "Warren joins machines into private networks: encrypted, peer to peer, self-hosted.",
        "Usage: warren COMMAND [flags]",
        _section("From nothing to a ping", _FIRST_STEPS),
        _section("Commands", rows),
        _section("Programs", PROGRAMS),
        _section("Flags of every command", (_flag_row(flag) for flag in SHARED)),
        "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 cannot reach the daemon or server.\n"
        "`warren COMMAND --help` shows examples. Every flag can be given by a variable: WARREN_<FLAG>,\n"
        "or the one that its help names.",
    )


def _group(path: tuple[str, ...]) -> str:
    commands = [command for command in COMMANDS if command.path[: len(path)] == path]
    examples = [example for command in commands for example in command.examples[:1]]
    return _join(
        f"warren {' '.join(path)}: {GROUPS.get(' '.join(path), '')}",
        f"Usage: warren {' '.join(path)} COMMAND [flags]",
        _section("Commands", ((command.path[-1], command.summary) for command in commands)),
        _section("Examples", examples),
    )


def _command(command: Command) -> str:
    return _join(
        f"warren {command.name}: {command.summary}",
        f"Usage: {usage(command)}",
        command.text,
        _section("Examples", command.examples),
        _section("Arguments", ((one.name.upper(), one.help) for one in command.arguments)),
        _section("Flags", (_flag_row(flag) for flag in command.flags)),
        _section("Flags of every command", (_flag_row(flag) for flag in SHARED)),
    )


def _flag_row(flag: Flag) -> tuple[str, str]:
    name = f"--{flag.name}" if flag.kind is not Kind.SWITCH or not flag.can_be_no else f"--[no-]{flag.name}"
    short = f"-{flag.short}, " if flag.short else ""
    notes = "; ".join(note for note in (f"default {flag.default}" if flag.default else "", flag.variable) if note)
    return f"{short}{name} {flag.value}".rstrip(), f"{flag.help} [{notes}]"


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    listed = list(rows)
    if not listed:
        return ""
    width = min(max(len(name) for name, _ in listed), 36)
    return "\n".join((f"{title}:", *(_row(name, text, width) for name, text in listed)))


def _row(name: str, text: str, width: int) -> str:
    if not text:
        return f"  {name}"
    if len(name) > width:
        return f"  {name}\n" + textwrap.fill(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    indent = " " * (width + 4)
    return textwrap.fill(text, _WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=indent)


def _join(*parts: str) -> str:
    shown: Sequence[str] = [part for part in parts if part]
    return "\n\n".join(shown) + "\n"
