"""A program in the lab: what a machine did after a copy of its folder was made. It publishes newer records.

    python -m tests.faults.later_self STATE URL COUNTER

It resumes with the keys in the folder, and shows records with another path key up to COUNTER.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.server.node import TestNode

from warren.node import keys as node_keys
from warren.node.ledger import open_ledger
from warren.node.storage import Store


async def main(state: Path, url: str, counter: int) -> None:
    """Publish."""
    (folder,) = (state / "networks").iterdir()
    store = Store(folder, lambda _: None)
    own, ledger = node_keys.load(store), open_ledger(store)
    async with TestNode(url.replace("http", "ws", 1) + "/node/v1") as node:
        node.keys, node.wireguard, node.network = own.identity, own.wireguard.public, ledger.network
        node.genesis = next(iter(ledger._documents.values())).raw
        refused = await node.resume()
        assert refused is None, refused
        while node.record_counter < counter:
            node.record_counter = max(node.record_counter, counter - 3)
            node.path = os.urandom(32)
            answer = await node.publish(node.record())
            assert answer.code == "", answer


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
