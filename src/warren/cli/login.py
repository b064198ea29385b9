"""`warren login` and `warren logout`: this user's token for a server.

Decides how a person is brought to approve this machine: a link and a code for any browser, on any device (RFC 8628).
The link is printed, never opened by itself with the code in it: who types the code has seen which machine asks."""

import platform
import time

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.secret import read_secret
from warren.cli.server_call import acted_on, joined_server, rest_client
from warren.client import credentials
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.keys import Secret
from warren.model.names import printable
from warren.protocol.rest.device import DeviceAsk, DeviceAsked, DevicePoll, DevicePolled
from warren.protocol.rest.tokens import Token
from warren.protocol.rest.users import Me

_WAIT_S = 10  # a question waits for the answer, so that a machine goes on at once
_AGAIN_S = 1.0  # before a server that is away is asked again
_PASSING = frozenset(
    {Code.SERVER_UNREACHABLE, Code.UNAVAILABLE, Code.TIMEOUT, Code.BUSY, Code.STORE_UNAVAILABLE, Code.MALFORMED}
)
"""What a server that restarts answers, or somebody before it (a proxy's page is MALFORMED)."""


def login(parsed: Parsed) -> int:
    """Get a token and keep it."""
    url, client = _server(parsed), rest_client(parsed)
    given = parsed.text("token")
    token = _approved(client, parsed) if given is None else Secret(read_secret(given, "token"))
    me = RestClient(url, token=token).get("me", kind=Me)
    file = credentials.keep(url, token)
    if parsed.is_on("json"):
        output.say_json(me)
    acted_on(client, f"signed on as {me.name}, kept in {file}")
    return output.DONE


def logout(parsed: Parsed) -> int:
    """Revoke the token where it may be, and forget it."""
    url = _server(parsed)
    token = credentials.token_for(url)
    if token is None:
        raise WarrenError(Code.NOT_FOUND, f"you are not signed on to {url}", "warren login signs on")
    client = rest_client(parsed)
    try:
        client.delete("tokens", token.reveal().split(".")[1], kind=Token)
        said = "signed off"
    except (WarrenError, IndexError):
        said = "forgotten here; the token itself stays good until an admin revokes it"
    credentials.forget(url)
    acted_on(client, said)
    return output.DONE


def _server(parsed: Parsed) -> str:
    url = parsed.text("server") or ""
    if not url.startswith(("http://", "https://")):
        known = joined_server(parsed) or "https://vpn.example.org"
        raise UsageError("--server takes the URL to sign on to", f"warren {parsed.command.name} --server {known}")
    if not credentials.is_protected(url):
        raise WarrenError(Code.FORBIDDEN, f"{url} is without TLS: nobody signs on there", "use its https:// URL")
    return url


def _approved(client: RestClient, parsed: Parsed) -> Secret[str]:
    return Secret(approved(client, asking(), parsed).token)


def asking(*, join: bytes | None = None, network: str = "", hostname: str = "") -> DeviceAsk:
    """What this machine says of itself; `join`: the public half of a key of its own."""
    return DeviceAsk(
        hostname=(hostname or platform.node())[:255],
        system=f"{platform.system()} {platform.machine()}"[:255],
        join=None if join is None else join.hex(),
        network=network,
    )


def approved(client: RestClient, ask: DeviceAsk, parsed: Parsed) -> DevicePolled:
    """Ask, show link and code, wait for a person. Raises WarrenError FORBIDDEN or TIMEOUT."""
    asked = client.post("device", body=ask, kind=DeviceAsked)
    if parsed.is_on("json"):
        output.say_json_line({"url": asked.url, "code": asked.code, "expires_s": asked.expires_s})
    else:
        output.note(f"open {printable(asked.url)} and type {printable(asked.code)}")
        output.show_link(asked.url)
        output.note(f"waiting up to {asked.expires_s // 60} minutes …")
    return _decided(client, asked)


def _decided(client: RestClient, asked: DeviceAsked) -> DevicePolled:
    """Wait for a person's word. A server that is away meanwhile is asked again until the time is over: the request is
    in its database, the person sees it there, and asking twice changes nothing."""
    deadline = time.monotonic() + asked.expires_s
    is_away = False
    while (left_s := deadline - time.monotonic()) > 0:
        poll = DevicePoll(secret=asked.secret, wait_s=int(min(left_s, _WAIT_S)))
        try:
            polled = client.post("device", "poll", body=poll, kind=DevicePolled)
        except WarrenError as error:
            if error.code not in _PASSING:
                raise
            if not is_away:
                output.note(printable(f"{client.name} does not answer: still waiting …"))
            is_away = True
            time.sleep(min(left_s, _AGAIN_S))
            continue
        is_away = False
        if polled.state == "approved":
            return polled
        if polled.state != "pending":
            raise WarrenError(Code.FORBIDDEN, f"the request was {polled.state}", "run the command again")
    raise WarrenError(Code.TIMEOUT, "nobody approved this machine in time", "run the command again")
