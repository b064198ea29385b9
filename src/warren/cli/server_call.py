"""One client of a server for a command line, and which of its networks is meant.

Decides: `--server` (or WARREN_SERVER) names a URL or a data folder; without it the server of this machine is asked
on its own socket. Every command that changes something names the server that it acted on."""

from warren.cli import output
from warren.cli.daemon_call import timeout_s
from warren.cli.grammar import Parsed
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.rest.networks import Networks

_DEFAULT_NETWORK = "default"


def rest_client(parsed: Parsed) -> RestClient:
    """Return the client of the server that this command line means."""
    return RestClient(parsed.text("server") or "", timeout_s(parsed))


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
