"""`warren wg IFACE`: a WireGuard device of its own, until it is told to end or its link is deleted.

Decides how it is started and ended. In the background it is one that `wg-quick` can start, where
WG_QUICK_USERSPACE_IMPLEMENTATION names `warren-wg`: the command returns when the device can be configured.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from warren import __version__, log, running
from warren.endings import end_by
from warren.errors import WarrenError
from warren.model.names import printable
from warren.node import privileges

EXAMPLES = """examples:
  warren wg wg0                                        a device; then: wg setconf wg0 wg0.conf, ip address add …
  WG_QUICK_USERSPACE_IMPLEMENTATION=warren-wg wg-quick up wg0
  warren wg --foreground wg0                           until Ctrl-C

`wg` configures it (`man wg`); it ends when its link is deleted (ip link delete wg0) or by SIGTERM.
"""


def main(argv: Sequence[str]) -> int:
    """Run a device with these arguments (without the program's name). Returns the exit code of CLI.md."""
    arguments = _parser().parse_args(argv)
    ready = None if arguments.foreground else _background()
    if isinstance(ready, bool):
        return 0 if ready else 1
    log.begin(arguments.log_level)
    os.umask(0o077)
    try:
        privileges.drop()
        running.run(_run(arguments.iface, ready))
    except WarrenError as error:
        sys.stderr.write(printable(f"warren wg: {error}") + "\n")
        return 1
    except OSError as error:
        sys.stderr.write(printable(f"warren wg: the system refused: {error.strerror or error}") + "\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="warren wg",
        description="Be a WireGuard device that `wg` configures, without a network of Warren.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("iface", metavar="IFACE", help="the link's name")
    parser.add_argument("-f", "--foreground", action="store_true", help="stay in this terminal until Ctrl-C")
    parser.add_argument(
        "--log-level", default="warning", choices=("debug", "info", "warning", "error"), help="default warning"
    )
    parser.add_argument("--version", action="version", version=f"warren {__version__}")
    return parser


def _background() -> int | bool:
    """In the child: the descriptor to write a byte to when it is ready. In the parent: whether it became so."""
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        os.setsid()
        return theirs
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        return answer.read(1) != b""


async def _run(link: str, ready: int | None) -> None:
    from warren.node.standalone.running import run  # noqa: PLC0415 - its threads must not exist before `drop`

    ended = asyncio.Event()
    end_by(ended.set)
    async with run(link, ended) as socket:
        if ready is None:
            sys.stdout.write(f"{socket.stem} is there: configure it with `wg` (socket {socket}), end it with Ctrl-C\n")
            sys.stdout.flush()
        else:
            _tell(ready)
        await ended.wait()


def _tell(ready: int) -> None:
    """The command in front may end; nothing of its terminal is ours any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    os.write(ready, b"\n")
    os.close(ready)
