"""One client of a server for a command line, and which of its networks is meant.

Decides: `--server` (or WARREN_SERVER) names a URL or a data folder; without it the joined network's server is asked
with the login that this user has there, else the server of this machine on its own socket. Every command that changes
something names the server that it acted on."""

from warren.cli import output
from warren.cli.daemon_call import local_client, timeout_s
from warren.cli.grammar import Parsed
from warren.client.credentials import token_for
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local import rights
from warren.protocol.local.status import Status
from warren.protocol.rest.networks import Networks

_DEFAULT_NETWORK = "default"


def rest_client(parsed: Parsed) -> RestClient:
    """Return the client of the server that this command line means; raises WarrenError UNAUTHENTICATED where that is
    the joined network's and nobody signed on to it here."""
    if named := parsed.text("server"):
        return RestClient(named, timeout_s(parsed))
    url = joined_server(parsed)
    if url and _has_login(url):
        return RestClient(url, timeout_s(parsed))
    own = RestClient("", timeout_s(parsed))
    if url and not own.is_there:
        raise WarrenError(
            Code.UNAUTHENTICATED, f"nobody is signed on to {url} here", f"warren login --server {output.pasted(url)}"
        )
    return own


def joined_server(parsed: Parsed) -> str:
    """The URL of the server of the network that is meant, or of the only one that this machine is in; else empty."""
    wanted = parsed.text("network")
    try:
        networks = local_client(parsed).get(rights.STATUS, Status).networks
    except WarrenError:
        return ""
    urls = {one.server.url for one in networks if wanted is None or wanted == one.name or one.id.startswith(wanted)}
    return urls.pop() if len(urls) == 1 else ""


def _has_login(url: str) -> bool:
    try:
        return token_for(url) is not None
    except WarrenError:  # it would cross the wire in the clear
        return False


def network_name(parsed: Parsed, client: RestClient, named: str = "") -> str:
    """Return the network meant: the one named, else the only one, else `default`; raises WarrenError
    NETWORK_UNKNOWN."""
    given = named or parsed.text("network")
    if given:
        return given
    names = [one.name for page in client.pages("networks", kind=Networks) for one in page.networks]
    if len(names) == 1:
        return names[0]
    if _DEFAULT_NETWORK in names:
        return _DEFAULT_NETWORK
    listed = ", ".join(sorted(names)) or "none; make one with `warren network create NAME`"
    raise WarrenError(
        Code.NETWORK_UNKNOWN, f"which network of {client.name} is meant?", f"--network NAME; there are: {listed}"
    )


def acted_on(client: RestClient, text: str) -> None:
    """Say what was done and on which server, beside the answer."""
    output.note(printable(f"{text} (server: {client.name})"))
