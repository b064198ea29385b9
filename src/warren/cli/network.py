"""`warren network`: the networks of a server."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed, UsageError
from warren.cli.secret import read_secret
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.cli.signing import sign
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.ids import parse_network_id
from warren.model.names import parse_network_name, printable
from warren.protocol.local import rights
from warren.protocol.local.network import FoundRequest, FoundResult, RootRequest, RootResult, SignRequest
from warren.protocol.rest.networks import (
    Founding,
    Network,
    NetworkCreate,
    NetworkRename,
    Networks,
    TakenOver,
    TakeOver,
    take_over_statement,
)


def create(parsed: Parsed) -> int:
    """Make a network: its root key on this machine with `--root device`, else on the server."""
    client = rest_client(parsed)
    name = parse_network_name(parsed.argument("name"))
    root = parsed.text("root") or "server"
    if root not in {"server", "device"}:
        raise UsageError("--root takes server or device")
    if root == "device":
        wanted = _founded(parsed, client, name)
    else:
        wanted = NetworkCreate(name=name, prefix=parsed.text("prefix"), prefix6=parsed.text("prefix6"))
    made = client.post("networks", body=wanted, kind=Network)
    _show(made, parsed)
    acted_on(client, f"created {made.name}")
    if root == "device":
        output.note("its root key is on this machine: keep a copy offline with `warren network root export`")
    return output.DONE


def _founded(parsed: Parsed, client: RestClient, name: str) -> NetworkCreate:
    """Have the daemon make a root key and what it signs first."""
    place = client.get("founding", kind=Founding)
    request = FoundRequest(
        name=name,
        url=place.url,
        server_key=place.server_key,
        registrar=place.registrar,
        prefix=parsed.text("prefix"),
        prefix6=parsed.text("prefix6"),
        in_use=place.prefixes,
    )
    made = local_client(parsed).post(rights.FOUND, request, FoundResult)
    for line in made.lines:
        output.note(printable(f"signed: {line}"))
    return NetworkCreate(name=name, genesis=made.genesis, documents=made.documents)


def lock(parsed: Parsed) -> int:
    """Take admission from the server: from then on people admit."""
    return sign(parsed, SignRequest(act="lock", network=_meant(parsed), who=parsed.texts("without") or ()))


def unlock(parsed: Parsed) -> int:
    """Let the server admit again."""
    return sign(parsed, SignRequest(act="unlock", network=_meant(parsed)))


def root_export(parsed: Parsed) -> int:
    """Print a root key, alone, on standard output."""
    found = local_client(parsed).post(rights.ROOT_EXPORT, RootRequest(network=_meant(parsed)), RootResult)
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    output.say(found.secret)
    output.note("whoever has this line owns the network; the key stays on this machine too")
    return output.DONE


def root_import(parsed: Parsed) -> int:
    """Keep a root key on this machine."""
    secret = read_secret(parsed.argument("key"), "root key")
    kept = local_client(parsed).post(rights.ROOT_IMPORT, RootRequest(secret=secret), RootResult)
    output.note(f"the root key of network {kept.network[:10]} is on this machine")
    return output.DONE


def take_over(parsed: Parsed) -> int:
    """Move the root key from the server to this machine."""
    client = rest_client(parsed)
    if client.name.startswith("http://"):
        raise WarrenError(Code.FORBIDDEN, "a root key does not travel without TLS", "use https:// or --server DIR")
    name = network_name(parsed, client, parsed.argument("name"))
    question = f"move the root key of {printable(name)} from {client.name} to this machine?"
    if not output.is_confirmed(question, is_yes=parsed.is_on("yes")):
        raise WarrenError(Code.INVALID_ARGUMENT, "it was not confirmed", "add --yes")
    shown = client.post("networks", name, "take-over", body=TakeOver(), kind=TakenOver)
    statement = take_over_statement(parse_network_id(shown.network.id)).hex()
    request = RootRequest(secret=shown.secret, statement=statement)
    kept = local_client(parsed).post(rights.ROOT_IMPORT, request, RootResult)
    taken = client.post("networks", name, "take-over", body=TakeOver(proof=kept.proof), kind=TakenOver)
    _show(taken.network, parsed)
    acted_on(client, f"took over {name}: its root key is on this machine, and the server deleted its own")
    output.note("the server had it until now: `warren network lock` ends what its registrar may do")
    return output.DONE


def _meant(parsed: Parsed) -> str | None:
    return parsed.argument("name") or parsed.text("network")


def list_networks(parsed: Parsed) -> int:
    """Print the server's networks."""
    found = tuple(one for page in rest_client(parsed).pages("networks", kind=Networks) for one in page.networks)
    if parsed.is_on("json"):
        output.say_json(Networks(networks=found))
        return output.DONE
    rows = [
        (one.name, " ".join(one.prefixes), f"{one.online} of {one.members}", one.root, one.id[:10]) for one in found
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
