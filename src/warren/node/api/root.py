"""`POST /v1/network/found`, `.../export-root`, `.../import-root`: the root key of a network on its owner's machine.

Decides nothing of trust: `trust.founding` says what a network begins with. The key is on disk before anybody hears of
the network. Must not reach the server: who asked does.
"""

import asyncio
import contextlib
import functools
import os
import time
from ipaddress import IPv4Network

from warren.errors import Code, WarrenError
from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.model.names import parse_network_name
from warren.model.prefixes import draw_ipv4, make_ipv6, parse_prefix, parse_prefix6
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.roots import Roots
from warren.policy.language import DEFAULT_TEXT
from warren.protocol.local.network import FoundRequest, FoundResult, RootRequest, RootResult
from warren.trust.documents import ServerPlace
from warren.trust.founding import found
from warren.trust.root_key import format_root, parse_root

_PROVEN = b"warren/take-over/"  # what may be signed as a proof of having a root: nothing that a node would read


async def found_network(scope: Scope, request: Request, reply: Reply) -> None:
    """Make a network whose root stays here."""
    body = request.decode(FoundRequest)
    prefix4 = parse_prefix(body.prefix) if body.prefix is not None else _drawn(body.in_use)
    prefix6 = parse_prefix6(body.prefix6) if body.prefix6 is not None else make_ipv6(os.urandom(5))
    await scope.check_fits((prefix4, prefix6))
    root = SigningKeyPair(os.urandom(32))
    made = found(
        root,
        random=os.urandom(16),
        name=parse_network_name(body.name),
        prefix4=prefix4,
        prefix6=prefix6,
        server=ServerPlace(url=body.url, key=bytes.fromhex(body.server_key)),
        registrar=Identity(bytes.fromhex(body.registrar)),
        policy=DEFAULT_TEXT,
        now=int(time.time()),
    )
    await asyncio.to_thread(Roots(scope.loaded.settings.state).keep, made.network, root)
    lines = (
        f"the network {made.settings.name}, {prefix4} {prefix6}, {made.settings.suffix}",
        f"its server is {body.url}, whose registrar {body.registrar[:10]} admits members until you lock the network",
        "members reach each other",
    )
    documents = tuple(one.raw for one in made.documents)
    await reply.result(FoundResult(network=made.network.hex(), genesis=made.genesis, documents=documents, lines=lines))


async def import_root(scope: Scope, request: Request, reply: Reply) -> None:
    """Keep a root key here, and prove that it is."""
    body = request.decode(RootRequest)
    network, key = parse_root(body.secret)
    statement = bytes.fromhex(body.statement) if body.statement else b""
    if statement and not statement.startswith(_PROVEN):
        raise WarrenError(Code.INVALID_ARGUMENT, "this is not signed as a proof")
    known = next((one for one in scope.roster.networks if one.id == network), None)
    if known is not None and known.held is not None and known.held.view.root != key.public:
        raise WarrenError(Code.INVALID_KEY, f"this is not the root key of {known.name}")
    is_in_force = known is not None and known.held is not None
    kept = functools.partial(Roots(scope.loaded.settings.state).keep, network, key, replaces=is_in_force)
    await asyncio.to_thread(kept)
    await reply.result(RootResult(network=network.hex(), proof=key.sign(statement).hex() if statement else ""))


async def export_root(scope: Scope, request: Request, reply: Reply) -> None:
    """Show a root key that is here; it stays."""
    network = scope.roster.find(request.decode(RootRequest).network)
    roots = Roots(scope.loaded.settings.state)
    key = roots.in_force(network.id, network.held.view.root) if network.held is not None else roots.find(network.id)
    if key is None:
        raise WarrenError(
            Code.NOT_FOUND,
            f"the root key of {network.name} is not on this machine",
            "run it where that key is: `warren status --json` says whose it is",
        )
    await reply.result(RootResult(network=network.id.hex(), secret=format_root(network.id, key)))


def _drawn(in_use: tuple[str, ...]) -> IPv4Network:
    """`in_use`: a wish only, as a server listed it; what is no IPv4 prefix there stands in nobody's way."""
    taken = []
    for one in in_use:
        with contextlib.suppress(ValueError):
            taken.append(IPv4Network(one, strict=False))
    return draw_ipv4(int.from_bytes(os.urandom(4), "big"), taken)
