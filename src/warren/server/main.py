"""`warren server`: the command line to settings, signals to a stop, failures to an exit code and one line.

Decides what is printed. Must not know how the server works. What is slow to import is imported after the arguments were
understood, so that --help and a wrong flag answer at once.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from warren import __version__, inventory, log, running
from warren.endings import end_by
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.server.settings import Settings, flag_of, load, variable_of

if TYPE_CHECKING:
    from warren.server.networks.service import Networks

EXAMPLES = """examples:
  warren server --data /var/lib/warren-server --url https://vpn.example.org --listen :443 --tls CERT,KEY
  warren server --data ./data --url http://127.0.0.1:8443     plain HTTP, for one machine

Settings come from flags, then variables (WARREN_DATA ...), then DIR/server.toml or /etc/warren/server.toml.
"""

_PLACEHOLDERS = {
    "data": "DIR",
    "url": "URL",
    "listen": "[HOST]:PORT",
    "tls": "auto|CERT,KEY",
    "metrics_listen": "[HOST]:PORT",
    "relay_announce": "HOST:PORT",
    "relays": "FILE",
    "database_url": "URL",
    "relay_listen": "[HOST]:PORT|off",
    "relay_limits": "MBIT,MBIT,MBIT",
    "turn_secret": "file:PATH",
    "turn_realm": "NAME",
    "turn_address": "ADDRESS,...",
    "turn_ports": "FIRST-LAST",
    "turn_allow": "PREFIX,...",
    "stun_answer": "equal|standard",
    "providers": "FILE",
    "second_factor": "WORD,...",
    "second_factor_hours": "HOURS",
    "machine_days": "DAYS",
    "log_level": "LEVEL",
}
"""What a setting looks like, for the help; a setting without one is a KeyError that every start meets."""


def main(argv: Sequence[str]) -> int:
    """Run the server with these arguments (without the program's name). Returns the exit code of CLI.md."""
    flags = {name: value for name, value in vars(_parser().parse_args(argv)).items() if value is not None}
    try:
        settings = load(flags, os.environ).settings
        _warn(settings)
        os.umask(0o077)  # also for what a library writes: the database, its journal
        return _run(settings)
    except WarrenError as error:
        sys.stderr.write(printable(f"warren server: {error}") + "\n")
        return 2 if error.code is Code.INVALID_ARGUMENT else 1
    except KeyboardInterrupt:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="warren server",
        description="Run a Warren server: SQLite inside, one folder for everything it keeps.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for field in msgspec.structs.fields(Settings):
        described = msgspec.inspect.type_info(field.type)
        text = (getattr(described, "extra_json_schema", None) or {}).get("description", "")
        default = "" if field.required or not field.default else f"; default {field.default}"
        parser.add_argument(
            flag_of(field.name),
            dest=field.name,
            metavar=_PLACEHOLDERS[field.name],
            help=f"{text} ({variable_of(field.name)}{default})",
        )
    return parser


def _warn(settings: Settings) -> None:
    if settings.plain and not settings.on_loopback:
        sys.stderr.write(
            f"warren server: warning: {settings.base_url} is not encrypted. Nodes still check this server by their"
            " key's pin and encrypt to each other; use https:// for people and tokens.\n"
        )
    if settings.listen_port not in {0, settings.url_port}:
        sys.stderr.write(
            f"warren server: warning: {settings.base_url} means port {settings.url_port}, but this server listens on"
            f" port {settings.listen_port}: unless something forwards it, give --listen :{settings.url_port}\n"
        )


def _run(settings: Settings) -> int:
    try:
        from warren.server.app import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "warren":
            raise
        raise WarrenError(
            Code.UNSUPPORTED,
            f"this installation has no server in it: the package {error.name} is missing",
            "install it with: pip install 'warren[server]' (of the same file or place)",
        ) from error

    log.begin(settings.log_level)

    async def until_told() -> None:
        stop = asyncio.Event()
        end_by(stop.set)
        inventory.tell_when_asked()

        def announce(networks: "Networks", first: str | None) -> None:
            _announce(settings, networks, first)
            running.settle()

        await run(settings, announce, stop)

    try:
        running.run(until_told())
    except BaseExceptionGroup as group:
        refusal = _refusal(group)
        if refusal is None:
            raise
        raise refusal from None
    return 0


def _announce(settings: Settings, networks: "Networks", first: str | None) -> None:
    """Say what is there. `first`: the secret of the first admin's link, where nobody is there yet."""
    data = printable(str(settings.data))
    lines = [f"warren server {__version__}, data in {data}"]
    lines += [
        f"network {network.row.name}: {network.settings.prefix4}, root key on {network.row.root}"
        for network in networks.all()
    ]
    lines += [f"network {out.row.name} is out of service: {printable(str(out.reason))}" for out in networks.unserved()]
    if first is not None:
        lines += ["make the first admin, once and within a day:", f"  {settings.base_url}/first/{first}"]
    lines += [
        "add a machine:",
        f"  warren key create --server {data}      # here; prints a key",
        f"  warren up --server {settings.base_url} --auth-key KEY      # on the machine",
        f"a relay that stands alone trusts: {_grants_signer(settings)}",
        f"ready {settings.base_url}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _grants_signer(settings: Settings) -> str:
    """The public key that signs the members' grants, in hex: what `warren relay --trust` takes."""
    from warren.server import keys  # noqa: PLC0415 - only a server that runs needs it
    from warren.server.files import Folder  # noqa: PLC0415

    return keys.load(Folder(settings.data).grants_key).public.hex()


def _refusal(group: BaseExceptionGroup[BaseException]) -> WarrenError | None:
    """The first refusal that a task group brought up, however deep; None where it was something else."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf if isinstance(leaf, WarrenError) else None
