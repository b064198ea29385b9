"""What of the product is replaced for a run: time, random bytes, disks, sockets, the operating system. Nothing else.

All of it is put back at the end, so that other tests in the process meet the real thing.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import Random  # noqa: TID251  # the model's one source of chance, seeded
from typing import Any

import aiosqlite.core
from tests.model.clock import RUNNING, MachineTime, VirtualLoop
from tests.model.database import InlineConnection
from tests.model.disk import MemoryShutil, MemoryStore, check_deletable, delete_folder, put_in_place
from tests.model.machines import NoApi, NodeMachine, NoLock
from tests.model.wire import NodeSocket

import warren.node.convergence as node_convergence
import warren.node.daemon as node_daemon
import warren.node.damaged as node_damaged
import warren.node.roster as node_roster
from warren.node.control import connection as node_connection
from warren.node.control import portal as node_portal
from warren.node.control.place import ServerPlace
from warren.node.ledger import Held, Ledger
from warren.protocol.control.node_role import Carrier


@dataclass(frozen=True, slots=True)
class Doors:
    """What the replaced parts ask the world."""

    node_of: Callable[[str], NodeMachine]
    connect: Callable[[NodeMachine, ServerPlace], Awaitable[NodeSocket]]
    on_bug: Callable[[str], None]


@contextlib.contextmanager
def simulated(loop: VirtualLoop, rng: Random, doors: Doors) -> Iterator[None]:
    """Run the product within the model."""
    with contextlib.ExitStack() as undo:

        def put(owner: object, name: str, value: object) -> None:
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

        clock = MachineTime(loop)
        for name, module in list(sys.modules.items()):
            if name.startswith("warren.") and getattr(module, "time", None) is time:
                put(module, "time", clock)
        put(os, "urandom", rng.randbytes)
        put(aiosqlite.core, "Connection", InlineConnection)
        _put_disks(put)
        _put_system(put, doors)
        _put_witness(put, doors)
        _listen(undo, doors)
        yield


def here(doors: Doors) -> NodeMachine:
    """The node that the running code belongs to."""
    return doors.node_of(RUNNING.get().name)


def _put_disks(put: Callable[[object, str, object], None]) -> None:
    put(node_daemon, "Store", MemoryStore)
    put(node_roster, "Store", MemoryStore)
    put(node_roster, "shutil", MemoryShutil)
    put(node_roster, "put_in_place", put_in_place)
    put(node_roster, "delete_folder", delete_folder)
    put(node_roster, "check_deletable", check_deletable)
    put(node_damaged, "put_in_place", put_in_place)
    put(node_damaged, "shutil", MemoryShutil)


def _put_system(put: Callable[[object, str, object], None], doors: Doors) -> None:
    async def open_socket(place: ServerPlace) -> tuple[NodeSocket, Carrier]:
        return await doors.connect(here(doors), place), Carrier(None)

    async def no_portal(_place: ServerPlace, _within_s: float) -> bool | None:
        return None

    put(node_connection, "_open_socket", open_socket)
    put(node_portal, "look_for_portal", no_portal)
    put(node_daemon, "LinuxHost", lambda: here(doors).host)
    put(node_daemon, "UserspaceDataplane", lambda *_: here(doors).dataplane)
    put(node_daemon, "LocalApi", NoApi)
    put(node_daemon, "FolderLock", NoLock)
    put(node_daemon, "epoch", lambda: "one boot")
    put(node_convergence, "host_changes", lambda: here(doors).host_changes())


def _put_witness(put: Callable[[object, str, object], None], doors: Doors) -> None:
    """Note which documents each node was given, and which it has verified."""
    take: Callable[..., Awaitable[Held]] = Ledger.take

    async def witnessed(self: Ledger, raw: Any, now: float, latest: float | None = None) -> Held:
        documents, node = list(raw), here(doors)
        node.offered.update(documents)
        held = await take(self, documents, now, latest)
        node.verified.update(documents)
        return held

    put(Ledger, "take", witnessed)


def _listen(undo: contextlib.ExitStack, doors: Doors) -> None:
    """Hear what all machines log; nothing of it reaches the test's own output."""
    ours, pool = logging.getLogger("warren"), logging.getLogger("sqlalchemy.pool")
    listener = _Listener(doors.on_bug)
    undo.callback(ours.removeHandler, listener)
    undo.callback(setattr, ours, "propagate", ours.propagate)
    undo.callback(pool.setLevel, pool.level)
    ours.addHandler(listener)
    ours.propagate = False
    pool.setLevel(logging.CRITICAL + 1)  # the connections of a killed server are no news


class _Listener(logging.Handler):
    """Errors of our own are findings, the rest is dropped."""

    def __init__(self, on_bug: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._on_bug = on_bug

    def emit(self, record: logging.LogRecord) -> None:
        power = RUNNING.get(None)
        if power is None or power.alive:
            error = record.exc_info[1] if record.exc_info else None
            self._on_bug(f"{record.name}: {record.getMessage()}: {error!r}")
