"""`warren daemon --state DIR --socket PATH`: reads settings, gives up privileges, runs the daemon until a signal
(`warren.endings`); `warren daemon undo` and `off` undo what a killed one left (the CLI calls
them: `warren host undo`, `warren down`).

Exit codes: 0 ended as asked, 1 refused or failed (the reason with its stable code on stderr), 2 wrong usage.
"""

import os
import sys
from collections.abc import Sequence

from warren import inventory, log, running
from warren.endings import end_by
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.node import privileges
from warren.node.settings import FIELDS, Loaded, load

EXAMPLES = """
Runs one daemon until a signal. `warren up` starts it by itself; this is for units and containers.

examples:
  warren daemon                                       the system's places, as root
  warren daemon --state ./a --socket ./a/warren.sock  a second one; other commands find it by --socket
  warren daemon install                               a systemd unit, so that it starts with the machine"""


def main(argv: Sequence[str]) -> int:
    """Run the daemon; returns the exit code."""
    if set(argv) & {"-h", "--help"}:
        _say("usage: warren daemon [--state DIR] [--socket PATH] [--proxy URL] [--log-level LEVEL]\n")
        for field in FIELDS:
            _say(f"  {field.flag:<12} {field.help} ({field.variable})")
        _say(EXAMPLES)
        return 0
    try:
        errand = argv[0] if argv and argv[0] in {"undo", "off"} else ""
        loaded = load(argv[1:] if errand else argv, os.environ, is_root=os.geteuid() == 0)
        log.begin("error" if errand else loaded.settings.log_level)
        os.umask(0o077)
        privileges.drop()
        running.run(_undo(loaded, off=errand == "off") if errand else _run(loaded))
    except WarrenError as error:
        _refuse(error)
        return 2 if error.code is Code.INVALID_ARGUMENT else 1
    except BaseExceptionGroup as group:
        refused = group.split(WarrenError)[0]
        if refused is None:
            raise
        _refuse(_first(refused))
        return 1
    return 0


async def _run(loaded: Loaded) -> None:
    from warren.node.daemon import Daemon  # noqa: PLC0415 - what it imports must not start a thread before `drop`

    daemon = Daemon(loaded)
    end_by(daemon.stop)
    inventory.tell_when_asked()
    await daemon.run()


async def _undo(loaded: Loaded, *, off: bool) -> None:
    from warren.node.undo import run  # noqa: PLC0415 - as above

    _say((await run(loaded, off=off)).decode())


def _refuse(error: BaseException) -> None:
    """Why on one line, what to do on the next, as `warren.client.process` reads it."""
    lines = [str(error)]
    if isinstance(error, WarrenError):
        lines = [f"{error.code.value}: {error.text}", f"  {error.fix}"][: 2 if error.fix else 1]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
