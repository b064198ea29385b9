"""One network of a daemon: what it keeps of what the server says."""

from pathlib import Path

from tests.unit.trust.founding import DATE, Network

from warren.limits import PRESENCE_MAX
from warren.model.keys import ExchangeKeyPair
from warren.node import network as subject
from warren.node.health import Health
from warren.node.keys import NodeKeys
from warren.node.ledger import GENESIS_FILE, open_ledger
from warren.node.membership import Membership
from warren.node.storage import Store
from warren.protocol.control.messages import MapUpdate, Presence


def node(folder: Path, world: Network) -> subject.Network:
    """A daemon's part in a network, without session and host."""
    store = Store(folder, lambda _: None)
    store.write(GENESIS_FILE, world.genesis_bytes)
    membership = Membership(server="https://vpn.example.org", server_key=bytes(32), state="member", joined_at=DATE)
    keys = NodeKeys(world.key("me"), ExchangeKeyPair(b"\1" * 32), ExchangeKeyPair(b"\2" * 32))
    parts = subject.Parts(store, membership, keys, open_ledger(store))
    return subject.Network(parts, Health(), on_change=lambda: None, on_stillborn=lambda _: None)


def online(*identities: bytes) -> tuple[Presence, ...]:
    return tuple(Presence(identity=one, online=True, last_seen=0) for one in identities)


async def test_presence_of_nobody_is_not_kept_without_end(tmp_path: Path) -> None:
    world = Network()
    here, documents = node(tmp_path, world), [one.raw for one in (*world.base(), world.member("me"))]
    early = MapUpdate(version=1, full=True, documents=tuple(documents), presence=online(world.identity("late")))
    await here.handle_map(early)
    assert here.is_online(world.identity("late")), "whose membership is still to come"
    first = world.identity("nobody")
    made_up = (number.to_bytes(32, "big") for number in range(PRESENCE_MAX))
    told = MapUpdate(
        version=2, full=False, documents=(world.member("late").raw,), presence=online(first, *made_up)
    )  # fmt: skip
    await here.handle_map(told)
    assert not here.is_online(first)
    assert here.is_online(world.identity("late"))
