"""The dispatcher, the one module above all: `daemon`, `server`, `relay`, `wg` and `server-front` go to their own mains,
the rest to the CLI.

Decides only which program the first word names. Imports are within the branches: `warren status` must not pay for
the server, nor the server for the CLI."""

import os
import sys


def main(argv: list[str] | None = None) -> int:  # noqa: PLR0911 - one a program
    """Run the program named by the first argument and return its exit code."""
    _fill_streams()
    words = sys.argv[1:] if argv is None else argv
    first, rest = (words[0], words[1:]) if words else ("", [])
    if first == "daemon" and rest[:1] != ["install"]:
        from warren.node.main import main as daemon  # noqa: PLC0415

        return daemon(rest)
    if first == "server":
        from warren.server.main import main as server  # noqa: PLC0415

        return server(rest)
    if first == "relay":
        from warren.relay.main import main as relay  # noqa: PLC0415
        from warren.server.front_listen import bind_all  # noqa: PLC0415

        return relay(rest, bind_all)
    if first == "wg":
        return wireguard(rest)
    if first == "server-front":
        from warren.server.front import main as front  # noqa: PLC0415

        return front(rest)
    try:
        from warren.cli.main import main as cli  # noqa: PLC0415

        return cli(words)
    except KeyboardInterrupt:  # in the moment before the CLI itself takes it
        return 130


def wireguard(argv: list[str] | None = None) -> int:
    """`warren wg`, also as a program of its own that `wg-quick` can be told: it takes one word for a program."""
    from warren.node.standalone.main import main as standalone  # noqa: PLC0415

    return standalone(sys.argv[1:] if argv is None else argv)


def _fill_streams() -> None:
    """A caller may have closed standard input, output or error; no socket or file of ours may take their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, number)
            if nothing > 2:
                os.close(nothing)
            setattr(sys, name, os.fdopen(number, mode))


if __name__ == "__main__":
    raise SystemExit(main())
