"""`warren relay`: a relay that stands alone, without database and network; the grants of servers that it trusts admit.

Decides what is printed. Its key is made at the first start; what it prints is what a server's list of relays wants.
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from warren import __version__, log, running
from warren.endings import end_by
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.model.relays import relay_number
from warren.relay import keys
from warren.relay.service import RelayService, arguments, counters_of_relay, parse_limits
from warren.relay.serving import Places, Serving, metrics_text, serve_metrics
from warren.relay.settings import Settings, combine, variable_of
from warren.relay.sockets import bind_udp

SYSTEM_FILE = Path("/etc/warren/relay.toml")
EXAMPLES = """examples:
  warren relay --key /var/lib/warren-relay/relay.key --trust 7f3c…
  warren relay --key relay.key --trust 7f3c… --https-listen :443 --host fra.example.org --tls CERT,KEY

The server prints the key to trust when it starts. Its list of relays (`warren server --relays FILE`) has for each:
  [[relay]]
  name = "fra"                        what people call it: letters, digits, hyphens
  key = "3b9a…"                       its key, as this program prints it (64 hex digits)
  udp = ["fra.example.org:3478"]      where nodes reach it by UDP: HOST:PORT, a few of them
  url = "https://fra.example.org"     where they reach --https-listen; left out: UDP only
Settings come from flags, then variables (WARREN_RELAY_KEY ...), then /etc/warren/relay.toml.
"""
_PLACEHOLDERS = {
    "key": "FILE",
    "trust": "KEY[,KEY]",
    "listen": "[HOST]:PORT",
    "https_listen": "[HOST]:PORT",
    "host": "NAME",
    "tls": "CERT,KEY",
    "limits": "MBIT,MBIT,MBIT",
    "metrics_listen": "[HOST]:PORT",
    "log_level": "LEVEL",
}

BindTcp = Callable[[Sequence[str]], list[socket.socket]]


def main(argv: Sequence[str], bind_tcp: BindTcp) -> int:
    """Run a relay with these arguments (without the program's name). Returns the exit code of CLI.md."""
    flags = {name: value for name, value in vars(_parser().parse_args(argv)).items() if value is not None}
    try:
        settings = combine(flags, os.environ, *_file())
        log.begin(settings.log_level)
        running.run(_run(settings, bind_tcp))
    except WarrenError as error:
        sys.stderr.write(printable(f"warren relay: {error}") + "\n")
        return 2 if error.code is Code.INVALID_ARGUMENT else 1
    except KeyboardInterrupt:
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="warren relay",
        description="Carry ciphertext between members that cannot reach each other directly. It can read none of it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for field in msgspec.structs.fields(Settings):
        described = msgspec.inspect.type_info(field.type)
        text = (getattr(described, "extra_json_schema", None) or {}).get("description", "")
        default = "" if field.required or not field.default else f"; default {field.default}"
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            metavar=_PLACEHOLDERS[field.name],
            help=f"{text} ({variable_of(field.name)}{default})",
        )
    return parser


def _file() -> tuple[str, str]:
    try:
        return SYSTEM_FILE.read_text("utf-8"), str(SYSTEM_FILE)
    except FileNotFoundError:
        return "", ""
    except (OSError, UnicodeDecodeError) as error:
        raise WarrenError(Code.INVALID_CONFIG, f"{SYSTEM_FILE} cannot be read: {error}", "correct the file") from error


async def _run(settings: Settings, bind_tcp: BindTcp) -> None:
    key = keys.load_or_make(Path(settings.key))
    service = RelayService(
        listen=(settings.listen,),
        key=settings.key,
        signers=settings.signers,
        limits_mbit_s=parse_limits(settings.limits),
    )
    certificate, private_key = (_read(path) for path in (settings.tls or ",").split(","))
    sockets = bind_udp(service.listen, may_move=False)
    listeners = bind_tcp([settings.https_listen]) if settings.https_listen else []
    metrics = bind_tcp([settings.metrics_listen]) if settings.metrics_listen else []
    hosts = [settings.host] if settings.host else []
    serving = Serving(
        Places(
            listeners=listeners,
            hosts=hosts,
            certificate=certificate,
            private_key=private_key,
        ),
        arguments(
            service,
            private=key.private_bytes().reveal(),
            public=key.public,
            sockets=[one.detach() for one in sockets],
        ),
    )
    stop = asyncio.Event()
    end_by(stop.set)
    addresses = await serving.start()

    async def scraped() -> bytes:
        return metrics_text(counters_of_relay(await serving.stats()))

    servers = [await serve_metrics(listener, lambda: asyncio.ensure_future(scraped())) for listener in metrics]
    _announce(key.public, addresses)
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(serving.wait())
        told = group.create_task(stop.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        for server in servers:
            server.close()
        if not ended.done():
            await serving.stop()
        told.cancel()


def _announce(public: bytes, addresses: Sequence[str]) -> None:
    lines = [
        f"warren relay {__version__}, UDP {', '.join(addresses)}",
        f"key {public.hex()}",
        f"number {relay_number(public)}",
    ]
    sys.stdout.write("".join(printable(line) + "\n" for line in lines))
    sys.stdout.flush()


def _read(path: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise WarrenError(
            Code.INVALID_CONFIG, f"{path} cannot be read: {reason}", "check the files of --tls"
        ) from error
