"""The entry of the command line: parse, load the one command's module, run it, turn every outcome into an exit code."""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from warren import __version__
from warren.cli import output
from warren.cli.commands import COMMANDS, SHARED
from warren.cli.grammar import SWITCH_ON, Parsed, UsageError
from warren.cli.parse import HelpWanted, named, parse
from warren.errors import Code, WarrenError


def main(words: Sequence[str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 cannot reach."""
    for ending in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal cleans up like Ctrl-C
        if signal.getsignal(ending) is signal.SIG_DFL:  # not where `nohup` or a test wants otherwise
            signal.signal(ending, signal.default_int_handler)
    try:
        return _run(words)
    except KeyboardInterrupt:
        return output.INTERRUPTED
    except BrokenPipeError:
        # who reads has seen enough (`warren status | head -1`); without this Python complains once more at exit
        _drop_answer()
        return output.FAILED
    except OSError as error:  # the answer cannot be written (a full disk), or the working folder is gone
        _drop_answer()
        refused = WarrenError(
            Code.HOST_REFUSED,
            f"the system refused: {error.strerror or error}",
            "see whether there is room where the answer goes, and whether the working folder is there",
        )
        return output.fail(refused, as_json=_wants_json(words))


def _wants_json(words: Sequence[str]) -> bool:
    """Whether JSON is asked for, of words that cannot be read, or are not at hand any more."""
    return "--json" in words or os.environ.get("WARREN_JSON", "").lower() in SWITCH_ON


def _drop_answer() -> None:
    """What could not be written is not tried again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    if list(words) in (["--version"], ["-V"]):
        output.say(f"warren {__version__}")
        return output.DONE
    as_json = _wants_json(words)
    try:
        parsed = parse(words, os.environ, COMMANDS, SHARED)
        if isinstance(parsed, HelpWanted):
            return _help(parsed)
        as_json = parsed.is_on("json")
        status = _load(parsed)(parsed)
        sys.stdout.flush()
    except UsageError as error:
        help_words = " ".join((*named(words, COMMANDS, SHARED), "--help"))
        return output.misuse(error.text, error.fix or f"see: warren {help_words}", as_json=as_json)
    except WarrenError as error:
        return output.fail(error, as_json=as_json)
    return status


def _load(parsed: Parsed) -> Callable[[Parsed], int]:
    module, _, function = parsed.command.run.partition(":")
    run: Callable[[Parsed], int] = getattr(importlib.import_module(f"warren.cli.{module}"), function)
    return run


def _help(wanted: HelpWanted) -> int:
    from warren.cli.help import help_for  # noqa: PLC0415 - the start-up of other commands does not pay for it

    text = help_for(wanted.path)
    if wanted.is_asked or not wanted.path:
        sys.stdout.write(text)
        return output.DONE
    sys.stderr.write(text)
    return output.WRONG_USAGE
