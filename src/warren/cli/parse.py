"""A command line and the environment to a `Parsed`; pure.

Decides: the longest run of leading words that names a command; flags anywhere after it (and the flags that all
commands share anywhere), `--flag value`, `--flag=value`, `-c value`, `-cvalue`, `--no-flag` for switches; `--` ends
flags. The command line wins over the variable WARREN_<FLAG>, that over the default. What is wrong is said with the
nearest right word."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from warren.cli.grammar import Argument, Command, Flag, Kind, Parsed, UsageError


@dataclass(frozen=True, slots=True)
class HelpWanted:
    """`--help`, or a group without its command; `path` is what was named so far."""

    path: tuple[str, ...]
    is_asked: bool


@dataclass(slots=True)
class _Line:
    """The words while they are read."""

    words: list[str]
    values: dict[str, list[str]] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)
    is_help: bool = False
    ends_flags: bool = False


def parse(
    words: Sequence[str], environment: Mapping[str, str], commands: Sequence[Command], shared: Sequence[Flag]
) -> Parsed | HelpWanted:
    """Return the command that the words call, or that help is wanted; raises UsageError."""
    for word in words:
        _check_text(word)
    line = _Line(list(words))
    path, command = _command(line, commands, shared)
    if command is None:
        if line.is_help or not line.words:
            return HelpWanted(path, line.is_help)
        raise _unknown_command(path, line.words[0], commands)
    flags = {flag.name: flag for flag in (*command.flags, *shared)}
    while line.words:
        _take(line, flags)
    if line.is_help:
        return HelpWanted(command.path, is_asked=True)
    arguments = _arguments(command, line.free)
    return Parsed(command, _with_fallbacks(line.values, flags, environment), arguments)


def named(words: Sequence[str], commands: Sequence[Command], shared: Sequence[Flag]) -> tuple[str, ...]:
    """The command or group that the first words name, as far as they do."""
    try:
        return _command(_Line(list(words)), commands, shared)[0]
    except UsageError:
        return ()


def _command(
    line: _Line, commands: Sequence[Command], shared: Sequence[Flag]
) -> tuple[tuple[str, ...], Command | None]:
    """Read words until they name a command; flags that all commands share may stand between."""
    by_path = {command.path: command for command in commands}
    prefixes = {command.path[:length] for command in commands for length in range(len(command.path))}
    flags = {flag.name: flag for flag in shared}
    path: tuple[str, ...] = ()
    while line.words:
        if line.words[0].startswith("-"):
            _take(line, flags)
            continue
        longer = (*path, line.words[0])
        if longer in prefixes or longer in by_path:
            line.words.pop(0)
            path = longer
            following = line.words[0] if line.words else ""
            if path in by_path and (*path, following) not in prefixes | by_path.keys():
                return path, by_path[path]
            continue
        return path, None
    return path, by_path.get(path)


def _take(line: _Line, flags: Mapping[str, Flag]) -> None:
    """Read the next word, and its value where it is a flag that takes one."""
    word = line.words.pop(0)
    if line.ends_flags or not word.startswith("-") or word == "-":
        line.free.append(word)
    elif word == "--":
        line.ends_flags = True
    elif word in {"--help", "-h"}:
        line.is_help = True
    elif word.startswith("--"):
        _take_long(line, word, flags)
    else:
        _take_short(line, word, flags)


def _take_long(line: _Line, word: str, flags: Mapping[str, Flag]) -> None:
    name, equals, value = word[2:].partition("=")
    flag = flags.get(name)
    if flag is None and name.startswith("no-"):
        positive = flags.get(name[3:])
        if positive is not None and positive.kind is Kind.SWITCH and positive.can_be_no and not equals:
            line.values[positive.name] = ["0"]
            return
    if flag is None:
        raise UsageError(f"there is no flag --{name}{_nearest(name, flags, '--')}")
    if flag.kind is Kind.SWITCH:
        line.values[flag.name] = [value if equals else "1"]
    else:
        _put(line, flag, value if equals else _next(line, flag))


def _take_short(line: _Line, word: str, flags: Mapping[str, Flag]) -> None:
    flag = next((flag for flag in flags.values() if flag.short and word.startswith("-" + flag.short)), None)
    if flag is None:
        raise UsageError(f"there is no flag {word[:2]}")
    _put(line, flag, word[2:] or _next(line, flag))


def _put(line: _Line, flag: Flag, value: str) -> None:
    if flag.is_many:
        line.values.setdefault(flag.name, []).append(value)
    else:
        line.values[flag.name] = [value]


def _next(line: _Line, flag: Flag) -> str:
    if not line.words:
        raise UsageError(f"--{flag.name} needs {flag.kind.value}")
    return line.words.pop(0)


def _arguments(command: Command, free: Sequence[str]) -> dict[str, str]:
    wanted: Sequence[Argument] = command.arguments
    least = sum(not argument.is_optional for argument in wanted)
    if len(free) < least:
        raise UsageError(f"warren {command.name} needs {wanted[len(free)].name.upper()}: {wanted[len(free)].help}")
    if "" in free:
        raise UsageError(f"warren {command.name} was given an empty argument")
    if wanted and wanted[-1].is_many and len(free) > len(wanted):
        free = [*free[: len(wanted) - 1], " ".join(free[len(wanted) - 1 :])]
    if len(free) > len(wanted):
        raise UsageError(f"warren {command.name} does not take '{free[len(wanted)]}'")
    return {argument.name: word for argument, word in zip(wanted, free, strict=False)}


def _with_fallbacks(
    given: Mapping[str, list[str]], flags: Mapping[str, Flag], environment: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    values = {name: tuple(texts) for name, texts in given.items()}
    for flag in flags.values():
        text = environment.get(flag.variable)
        if flag.name in values or text is None:
            continue
        _check_text(text)
        values[flag.name] = tuple(one for one in text.split(",") if one) if flag.is_many else (text,)
    return values


def _check_text(word: str) -> None:
    """Bytes of the system that are no text cannot stand in a request, nor in an answer."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"'{word}' is not UTF-8") from error


def _unknown_command(path: tuple[str, ...], word: str, commands: Sequence[Command]) -> UsageError:
    offered = {command.path[len(path)] for command in commands if command.path[: len(path)] == path}
    before = " ".join(("warren", *path))
    return UsageError(f"{before} has no command '{word}'{_nearest(word, offered, '')}")


def _nearest(word: str, offered: Mapping[str, Flag] | set[str], dashes: str) -> str:
    near = difflib.get_close_matches(word, list(offered), n=1)
    return f"; did you mean {dashes}{near[0]}?" if near else ""
