"""`warren network`: the networks of a server."""

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.errors import Code, WarrenError
from warren.model.names import parse_network_name, printable
from warren.protocol.rest.networks import Network, NetworkCreate, NetworkRename, Networks


def create(parsed: Parsed) -> int:
    """Make a network."""
    client = rest_client(parsed)
    wanted = NetworkCreate(name=parse_network_name(parsed.argument("name")), prefix=parsed.text("prefix"))
    made = client.post("networks", body=wanted, kind=Network)
    _show(made, parsed)
    acted_on(client, f"created {made.name}")
    return output.DONE


def list_networks(parsed: Parsed) -> int:
    """Print the server's networks."""
    found = rest_client(parsed).get("networks", kind=Networks)
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    rows = [
        (one.name, " ".join(one.prefixes), f"{one.online} of {one.members}", one.root, one.id[:10])
        for one in found.networks
    ]
    output.table(("NAME", "PREFIXES", "ONLINE", "ROOT", "ID"), rows)
    return output.DONE


def show(parsed: Parsed) -> int:
    """Print one network."""
    client = rest_client(parsed)
    name = network_name(parsed, client, parsed.argument("name"))
    _show(client.get("networks", name, kind=Network), parsed)
    return output.DONE


def rename(parsed: Parsed) -> int:
    """Give a network another name."""
    client = rest_client(parsed)
    body = NetworkRename(name=parse_network_name(parsed.argument("new")))
    named = client.patch("networks", parsed.argument("name"), body=body, kind=Network)
    _show(named, parsed)
    acted_on(client, f"renamed {parsed.argument('name')} to {named.name}")
    return output.DONE


def delete(parsed: Parsed) -> int:
    """Delete a network; asks first, unless --yes."""
    client = rest_client(parsed)
    name = parsed.argument("name")
    question = f"delete {printable(name)} on {client.name} with all its members and keys? This cannot be undone."
    if not output.is_confirmed(question, is_yes=parsed.is_on("yes")):
        raise WarrenError(Code.INVALID_ARGUMENT, "deleting was not confirmed", "add --yes")
    client.delete("networks", name)
    acted_on(client, f"deleted {name}")
    return output.DONE


def _show(network: Network, parsed: Parsed) -> None:
    if parsed.is_on("json"):
        output.say_json(network)
        return
    root = "its root key lives on this server" if network.root == "this server" else f"its root key: {network.root}"
    for name, text in (
        ("name", network.name),
        ("id", network.id),
        ("names end in", network.suffix),
        ("prefixes", " ".join(network.prefixes)),
        ("root", f"{root} ({network.root_key[:10]})"),
        ("server key", network.server_key[:10]),
        ("locked", "yes: members are admitted by an owner's key only" if network.locked else "no: this server admits"),
        ("members", f"{network.members}, {network.online} online"),
    ):
        output.say(f"{name:<13} {printable(text)}")
