"""`warren invite user`, `list`, `withdraw`, `mine`, `accept`, `decline`; `warren network listed`, `ask`, `publish`."""

import time
from collections.abc import Callable, Iterable

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.cli.units import show_duration
from warren.client.rest import RestClient
from warren.protocol.rest.invitations import Came, Invitation, Invitations, Invite, Listing, Said

_SAYS = {
    "in": "is in the network",
    "invited": "is invited: warren invite accept, or the account's page",
    "asked": "waits for one of its admins",
    "out": "is not (or no longer) waited for",
}


def invite_user(parsed: Parsed) -> int:
    """Invite a person, or let one in who asked."""
    client = rest_client(parsed)
    body = Invite(user=parsed.argument("user"), text=parsed.text("text") or "")
    came = client.post("networks", network_name(parsed, client), "invitations", body=body, kind=Came)
    return _told(parsed, client, came, parsed.argument("user"))


def withdraw(parsed: Parsed) -> int:
    """Withdraw an invitation, deny a question, or end a plain member's role."""
    client = rest_client(parsed)
    network, user = network_name(parsed, client), parsed.argument("user")
    return _told(parsed, client, client.delete("networks", network, "invitations", user, kind=Came), user)


def list_invitations(parsed: Parsed) -> int:
    """Print who is invited and who asks."""
    client = rest_client(parsed)
    found = client.pages("networks", network_name(parsed, client), "invitations", kind=Invitations)
    return _listed(parsed, found, lambda one: f"{one.name} ({one.user} of {one.issuer})")


def mine(parsed: Parsed) -> int:
    """Print what waits of this user."""
    return _listed(parsed, rest_client(parsed).pages("invitations", kind=Invitations), lambda one: one.network)


def accept(parsed: Parsed) -> int:
    """Accept an invitation."""
    client, network = rest_client(parsed), parsed.argument("network")
    return _told(parsed, client, client.post("invitations", network, body=Said(), kind=Came), "you")


def decline(parsed: Parsed) -> int:
    """Decline one, or take a question back."""
    client, network = rest_client(parsed), parsed.argument("network")
    return _told(parsed, client, client.delete("invitations", network, kind=Came), "you")


def ask(parsed: Parsed) -> int:
    """Ask to be let into a listed network."""
    client, body = rest_client(parsed), Said(text=parsed.text("text") or "")
    return _told(parsed, client, client.post("listing", parsed.argument("name"), body=body, kind=Came), "you")


def listed(parsed: Parsed) -> int:
    """Print the networks that people may ask to be let into."""
    found = tuple(one for page in rest_client(parsed).pages("listing", kind=Listing) for one in page.networks)
    if parsed.is_on("json"):
        output.say_json(Listing(networks=found))
    else:
        output.table(("NAME", "ABOUT", "YOU"), [(one.name, one.about, one.state) for one in found])
    return output.DONE


def publish(parsed: Parsed) -> int:
    """List a network, or with --off no more."""
    client, name = rest_client(parsed), parsed.argument("name")
    if parsed.is_on("off"):
        client.delete("networks", name, "listing", kind=Listing)
        acted_on(client, f"{name} is listed no more")
        return output.DONE
    client.put("networks", name, "listing", body=Said(text=parsed.text("text") or ""), kind=Listing)
    acted_on(client, f"{name} is listed: whoever is signed on may ask to be let in")
    return output.DONE


def _told(parsed: Parsed, client: RestClient, came: Came | None, who: str) -> int:
    if parsed.is_on("json"):
        output.say_json(came)
    elif came is not None:
        said = _SAYS[came.state] if who != "you" else _SAYS[came.state].replace("is ", "are ", 1)
        acted_on(client, f"{came.network}: {who} {said}")
    return output.DONE


def _listed(parsed: Parsed, pages: Iterable[Invitations], who: Callable[[Invitation], str]) -> int:
    found = tuple(one for page in pages for one in page.invitations)
    if parsed.is_on("json"):
        output.say_json(Invitations(invitations=found))
        return output.DONE
    now = time.time()
    rows = [_row(one, who(one), now) for one in found]
    output.table(("WHO", "STATE", "BY", "FOR", "WORDS"), rows)
    return output.DONE


def _row(one: Invitation, who: str, now: float) -> tuple[str, ...]:
    return (who, one.kind, one.by, show_duration(now - one.created_at), one.text)
