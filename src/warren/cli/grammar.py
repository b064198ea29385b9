"""What a command, a flag and an argument are, as values; what a parsed command line holds.

Decides nothing about any command. Values are text; `Parsed` gives them typed, and says which flag is wrong where
they are not what the flag takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from warren.cli.units import parse_duration_s

SWITCH_ON = frozenset({"1", "true", "yes", "on"})
"""What the value or variable of a switch says where it is on."""
_NUMBER_MAX_DIGITS = 18  # of any number that a flag takes; Python refuses to read thousands


class UsageError(Exception):
    """The command line is wrong; exit code 2. `fix`: how it is typed; empty: as the command's help says."""

    def __init__(self, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix


class Kind(Enum):
    """What a flag takes."""

    SWITCH = "nothing"
    TEXT = "text"
    NUMBER = "a whole number"
    DURATION = "a duration (30s, 5m, 12h, 7d)"
    PATH = "a path"
    SECRET = "text, file:PATH, or - for standard input"  # noqa: S105 - says what a secret flag takes


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name VALUE`. Every flag has a variable WARREN_NAME; a flag that `is_many` may be given again (its variable:
    commas). `whose`: in the variable's name before the flag's, where it is not this machine that the flag speaks of."""

    name: str
    help: str
    kind: Kind = Kind.SWITCH
    value: str = ""
    short: str = ""
    default: str = ""
    is_many: bool = False
    can_be_no: bool = False
    whose: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that gives the flag where the command line does not."""
        words = (f"{self.whose}-" if self.whose else "") + self.name
        return "WARREN_" + words.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that belongs to no flag. One that `is_many` stands last and takes all words that are left."""

    name: str
    help: str
    is_optional: bool = False
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `run` names its function as `module:function` below `warren.cli`, loaded when it is called."""

    path: tuple[str, ...]
    summary: str
    run: str
    flags: tuple[Flag, ...] = ()
    arguments: tuple[Argument, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        """The words that call it."""
        return " ".join(self.path)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line that is well formed: the command, and every value that flags, variables and defaults gave."""

    command: Command
    values: Mapping[str, tuple[str, ...]]
    arguments: Mapping[str, str]

    def argument(self, name: str) -> str:
        """The word given for an argument; empty where it is optional and was not given."""
        return self.arguments.get(name, "")

    def words(self, name: str) -> tuple[str, ...]:
        """The words given for an argument that takes many."""
        return tuple(self.argument(name).split())

    def text(self, flag: str) -> str | None:
        """The value of a flag, None where nothing gave one."""
        values = self.values.get(flag)
        return values[-1] if values else None

    def texts(self, flag: str) -> tuple[str, ...] | None:
        """All values of a flag that may be given again, None where nothing gave one."""
        return self.values.get(flag)

    def switch(self, flag: str) -> bool | None:
        """Whether a switch is on, None where nothing said."""
        text = self.text(flag)
        return None if text is None else self._switch(flag, text)

    def is_on(self, flag: str) -> bool:
        """Whether a switch is on; off where nothing said."""
        return bool(self.switch(flag))

    def number(self, flag: str, least: int, most: int) -> int | None:
        """A whole number within bounds; raises UsageError."""
        text = self.text(flag)
        if text is None:
            return None
        is_digits = text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX_DIGITS
        if not is_digits or not least <= int(text) <= most:
            raise UsageError(f"--{flag} takes a whole number from {least} to {most}, not '{text}'")
        return int(text)

    def duration_s(self, flag: str) -> float | None:
        """A duration in seconds; raises UsageError."""
        text = self.text(flag)
        if text is None:
            return None
        seconds = parse_duration_s(text)
        if seconds is None:
            raise UsageError(f"--{flag} takes a duration like 30s, 5m, 12h or 7d, not '{text}'")
        return seconds

    @staticmethod
    def _switch(flag: str, text: str) -> bool:
        lowered = text.lower()
        if lowered in SWITCH_ON:
            return True
        if lowered in {"0", "false", "no", "off", ""}:
            return False
        raise UsageError(f"the switch {flag} is 1 or 0, not '{text}'")
