"""`warren daemon undo` and `warren daemon off`: what a killed daemon left on the host goes, by its journal.

Decides nothing about the host: it is the reconciler's run for no network at all, as every start of a daemon makes it.
What is undone is what the journal of this boot and network namespace names. Holds the state folder's lock meanwhile, so
it never works beside a daemon; one that the kernel takes apart just now is waited for. `off` also remembers that off is
wanted, as `warren down` does. Prints one `protocol.local.down.Undone` as JSON; the refusal with its code on stderr.
"""

import asyncio
import socket
import time
from pathlib import Path

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import DAEMON_POLL_S, UNDO_LOCK_MAX_S
from warren.model.ids import NetworkId
from warren.node import control_socket
from warren.node import wanted as wanted_file
from warren.node.changes import DropHost
from warren.node.dataplane.interface import Tunnel, TunnelSpec
from warren.node.host.linux.host import LinuxHost, epoch
from warren.node.journal import Journal
from warren.node.plan import LINK_PREFIX, show_item
from warren.node.reconcile import Reconciler
from warren.node.settings import Loaded
from warren.node.storage import Damage, FolderLock, Store
from warren.node.wanted import Wanted
from warren.protocol.local.down import Undone


class _NoTunnels:
    """`interface.Dataplane` of a run that opens none."""

    def open(self, link: str, mtu: int, spec: TunnelSpec) -> Tunnel:
        """Never asked for: nothing is wanted."""
        raise NotImplementedError(link, mtu, spec)


async def undo(loaded: Loaded, *, off: bool) -> Undone:
    """Make the host what it is without us. WarrenError ALREADY_RUNNING where a daemon has the folder, STORE_UNAVAILABLE
    or STATE_DAMAGED where the journal cannot be read."""
    folder, warnings = loaded.settings.state, list[str]()
    if not folder.is_dir():
        raise WarrenError(Code.NOT_FOUND, f"there is no folder {folder}", "name the daemon's own: --state DIR")

    def note(damage: Damage) -> None:
        warnings.append(f"{damage.name} was damaged ({damage.reason})")

    store = Store(folder, note)
    lock = await _take(folder)
    try:
        if _answers(loaded.settings.socket):
            raise WarrenError(
                Code.ALREADY_RUNNING,
                f"a daemon of another state folder answers at {loaded.settings.socket}",
                "name the socket and the folder of one daemon: --socket PATH --state DIR",
            )
        reconciler = Reconciler(LinuxHost(), _NoTunnels(), Journal(store, epoch()), _no_spec)
        outcome = await reconciler.undo()
        if off:
            _remember_off(store, warnings)
        loaded.settings.socket.unlink(missing_ok=True)
        control_socket.clear(LINK_PREFIX)
    finally:
        lock.release()
    return Undone(
        undone=tuple(show_item(change.item) for change in outcome.made if isinstance(change, DropHost)),
        warnings=(*warnings, *(failure.error.text for failure in outcome.failures)),
    )


async def run(loaded: Loaded, *, off: bool) -> bytes:
    """The same, as the line to print."""
    return msgspec.json.encode(await undo(loaded, off=off))


async def _take(folder: Path) -> FolderLock:
    """The folder's lock; a process that was killed has it for a moment yet."""
    deadline = time.monotonic() + UNDO_LOCK_MAX_S
    while True:
        try:
            return FolderLock(folder)
        except WarrenError as error:
            if error.code is not Code.ALREADY_RUNNING or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(DAEMON_POLL_S)


def _answers(path: Path) -> bool:
    """Whether a program listens there: not that of the folder, which is ours."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return False
    return True


def _remember_off(store: Store, warnings: list[str]) -> None:
    before = wanted_file.load(store)
    try:
        if before.up:
            wanted_file.save(store, Wanted(up=False, operator_uid=before.operator_uid))
    except WarrenError as error:  # whoever asks for off gets it, also with a full disk
        warnings.append(f"off cannot be remembered: {error.text}")


def _no_spec(network: NetworkId) -> TunnelSpec:
    raise NotImplementedError(network)
