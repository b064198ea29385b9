"""`warren up`: start the daemon if none runs, ask it to be on, print what came of it.

Decides when a daemon is started and when one that was started here is ended again: whenever `up` fails, so that a
refused first join leaves no process, folder or link behind. Everything else the daemon decides."""

import dataclasses
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from warren.cli import output
from warren.cli.daemon_call import timeout_s
from warren.cli.grammar import Parsed, UsageError
from warren.cli.invite import parse_invite
from warren.cli.moments import show_clock
from warren.cli.places import Places, places
from warren.cli.renew import renew
from warren.cli.secret import read_secret
from warren.cli.sign_on import key_by_sign_on
from warren.client.credentials import is_protected
from warren.client.local import LocalClient
from warren.client.process import Started, has_died, start
from warren.errors import Code, WarrenError
from warren.model.names import parse_host_label, printable
from warren.model.transport import TransportWish
from warren.protocol.local.host import HostPlan
from warren.protocol.local.rights import HOST_PLAN, UP
from warren.protocol.local.stream import Progress
from warren.protocol.local.up import UpLine, UpNetwork, UpRequest, UpResult

_MARGIN_S = 5.0  # the daemon keeps to the time itself; only a hung one is cut here


def up(parsed: Parsed) -> int:
    """Be on; exit code 0 where every network that was asked for is in force."""
    if parsed.is_on("renew"):
        return renew(parsed)
    where = places(parsed)
    request = request_of(parsed)
    client = LocalClient(where.socket, request.timeout_s + _MARGIN_S)
    if parsed.is_on("plan"):
        return _plan(client, parsed)
    daemon = _Daemon(client, where)
    try:
        result = _joined(daemon, request, parsed)
    except BaseException as error:
        if not (isinstance(error, WarrenError) and error.code is Code.WAITING):  # a machine that waits goes on asking
            daemon.end()
        raise
    _print(result, where, daemon.started, parsed)
    return output.DONE


class _Daemon:
    """The daemon that is asked, started where none runs. One that this command started ends by itself where it is asked
    nothing for seconds, as while a person signs on: then another one takes its place."""

    def __init__(self, client: LocalClient, where: Places) -> None:
        self._client = client
        self._where = where
        self.started: Started | None = None
        if not client.is_answering():
            self._start()

    def ask(self, request: UpRequest, *, is_quiet: bool) -> UpResult:
        """Ask, once more where the daemon that was asked has died. Raises WarrenError."""
        try:
            return _ask(self._client, request, is_quiet=is_quiet)
        except WarrenError as error:
            if error.code is not Code.DAEMON_UNREACHABLE or self.started is not None or not has_died(self._client):
                raise
        self._start()
        return _ask(self._client, request, is_quiet=is_quiet)

    def wake(self) -> None:
        """Start it again where it has ended meanwhile."""
        if not self._client.is_answering():
            self._start()

    def end(self) -> None:
        """End what was started here."""
        if self.started is not None:
            self.started.end()

    def _start(self) -> None:
        before = self.started
        self.started = start(self._client, self._where.state, is_system=self._where.is_system)
        if before is not None:  # what the first start made is there by now, and still ours to take away
            self.started = dataclasses.replace(self.started, made=before.made)


def _joined(daemon: _Daemon, request: UpRequest, parsed: Parsed) -> UpResult:
    """Ask; where this machine is in no network of the server and has no key, a person is asked to sign on."""
    is_quiet = parsed.is_on("json")
    try:
        return daemon.ask(request, is_quiet=is_quiet)
    except WarrenError as error:
        if error.code is not Code.NOT_A_MEMBER or request.server is None or request.auth_key is not None:
            raise
        if not is_protected(request.server):
            raise WarrenError(
                error.code, error.text, "join with --auth-key KEY; people sign on by https:// only"
            ) from error
    key = key_by_sign_on(request.server, parsed)
    daemon.wake()
    return daemon.ask(msgspec.structs.replace(request, auth_key=key, network=None), is_quiet=is_quiet)


def request_of(parsed: Parsed) -> UpRequest:
    """Return the request that the flags say; raises UsageError or WarrenError before anything is started."""
    key, hostname, server = parsed.text("auth-key"), parsed.text("hostname"), parsed.text("server")
    if (invite := parsed.text("invite")) is not None:
        if key is not None:
            raise UsageError("--invite is a key already: leave --auth-key out")
        server, key = parse_invite(read_secret(invite, "invite"))
    if key is not None and server is None:
        raise UsageError("--auth-key needs --server URL")
    if key is not None and parsed.text("network") is not None:
        raise UsageError("--auth-key names its network itself: leave --network out")
    state = parsed.text("state")
    return UpRequest(
        server=None if server is None else _server(server),
        network=parsed.text("network"),
        state=None if state is None else str(Path(state).resolve()),
        auth_key=None if key is None else read_secret(key, "auth key"),
        hostname=None if hostname is None else parse_host_label(hostname),
        tags=parsed.texts("tag"),
        ephemeral=parsed.switch("ephemeral"),
        operator=parsed.text("operator"),
        port=parsed.number("port", 1, 65535),
        force_relay=parsed.switch("force-relay"),
        alias=parsed.text("alias"),
        ipv6_only=parsed.switch("ipv6-only"),
        transport=_transport(parsed.text("transport")),
        timeout_s=timeout_s(parsed),
    )


def _transport(word: str | None) -> TransportWish | None:
    match word:
        case None | "auto" | "wireguard":
            return word
    raise UsageError(f"--transport is auto or wireguard, not '{printable(word)}'")


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise WarrenError(
            Code.INVALID_ARGUMENT, f"'{printable(url)}' is not a server's URL", "like https://vpn.example.org"
        )
    return url


def _ask(client: LocalClient, request: UpRequest, *, is_quiet: bool) -> UpResult:
    for line in client.stream(UP, request, UpLine):
        if isinstance(line, Progress) and not is_quiet:
            output.note(printable(line.text))
        if isinstance(line, UpResult):
            return line
    raise WarrenError(Code.DAEMON_UNREACHABLE, "the daemon went away before it was up", "see STATE/daemon.log")


def _print(result: UpResult, where: Places, started: Started | None, parsed: Parsed) -> None:
    if parsed.is_on("json"):
        output.say_json(result)
        return
    for network in result.networks:
        output.say(describe(network))
    for warning in result.warnings:
        output.note(printable(f"! {warning}"))
    if started is not None and not result.survives_reboot:
        hint = "; to start it with the machine: warren daemon install" if where.is_system else ""
        output.note(f"the daemon runs until `warren down` or a reboot{hint}")


def describe(network: UpNetwork) -> str:
    """Return this node's name and addresses in a network, in one line."""
    away = ""
    if network.state_of is not None:
        away = f" (server away, using state of {show_clock(network.state_of, time.time())})"
    return printable(f"{network.fqdn}  {'  '.join(network.addresses)}{away}")


def _plan(client: LocalClient, parsed: Parsed) -> int:
    plan = client.get(HOST_PLAN, HostPlan)
    if parsed.is_on("json"):
        output.say_json(plan)
    else:
        output.table(("ACTION", "KIND", "WHAT"), [(one.action, one.kind, one.text) for one in plan.items])
    return output.DONE
