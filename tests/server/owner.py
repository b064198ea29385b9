"""An owner's device without a daemon: founds a network, joins it, signs batches and sends them over its session."""

import asyncio
import time
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.model.ids import Identity
from warren.model.keys import SigningKeyPair
from warren.policy.language import DEFAULT_TEXT
from warren.protocol.control.events import Answered
from warren.protocol.rest.networks import Founding, Network, NetworkCreate
from warren.trust.batches import Draft, Pen
from warren.trust.documents import ServerPlace
from warren.trust.founding import found


class Owner:
    """The root key, and a member's session through which it speaks."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.server = server
        self.name = name
        self.root = SigningKeyPair((name.encode() * 32)[:32])
        place = server.rest.get("founding", kind=Founding)
        self.registrar = Identity(bytes.fromhex(place.registrar))
        founded = found(
            self.root,
            random=(name.encode() * 16)[:16],
            name=name,
            prefix4=IPv4Network("100.99.0.0/16"),
            prefix6=IPv6Network("fd00:1:2::/64"),
            server=ServerPlace(url=place.url, key=bytes.fromhex(place.server_key)),
            registrar=self.registrar,
            policy=DEFAULT_TEXT,
            now=int(time.time()),
        )
        documents = tuple(one.raw for one in founded.documents)
        body = NetworkCreate(name=name, genesis=founded.genesis, documents=documents)
        self.made = server.rest.post("networks", body=body, kind=Network)

    async def act(self, node: TestNode, act: Callable[[Draft], object], pen: Pen | None = None) -> Answered:
        """Sign what the act takes, with the root unless told, from what this node believes, and have the server store
        it."""
        draft = Draft(node.view(), pen or Pen(self.root), now=int(time.time()))
        act(draft)
        return await self.send(node, draft.batch().raws)

    async def send(self, node: TestNode, raws: tuple[bytes, ...], *, keep_keys: bool = False) -> Answered:
        """Submit documents as they are."""
        return await node.request(lambda machine: machine.submit(raws, keep_keys=keep_keys))


def registrar_of(data: Path) -> SigningKeyPair:
    """What a hostile server has."""
    return SigningKeyPair((data / "keys" / "registrar.key").read_bytes())


async def everybody(*nodes: TestNode, until: Callable[[TestNode], object]) -> None:
    """Wait until it holds for each."""
    await asyncio.gather(*(node.until(lambda node=node: until(node)) for node in nodes))  # type: ignore[misc]
