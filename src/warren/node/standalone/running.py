"""A stand-alone device while it lives: engine, control socket, and the two things that happen to its link.

Decides nothing about configurations. A link that was deleted ends the device; an MTU that was changed (`wg-quick` does)
is told to the engine, which pads packets up to it.
"""

import asyncio
import contextlib
import errno
import fcntl
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from warren.engine.errors import ClosedError, InvalidError, TunError
from warren.engine.events import WorkerFailed
from warren.engine.tunnel import Tunnel
from warren.errors import Code, WarrenError
from warren.limits import TUNNEL_EVENTS_TAKE_MAX
from warren.log import Log
from warren.model.keys import KEY_BYTES, ExchangeKeyPair
from warren.node.control_socket import serve
from warren.node.dataplane.interface import NO_TUN, no_rights
from warren.node.host.linux.watch import host_changes
from warren.node.standalone.device import Device

MTU_DEFAULT = 1420  # room for the longest headers in 1,500 bytes
STAMP_CEILING_S = 1 << 40  # none: no ceiling was promised to anybody, as in the kernel's WireGuard
_SIOCGIFMTU = 0x8921
_IFREQ = struct.Struct("16si20x")

log = Log("wg")


@contextlib.asynccontextmanager
async def run(link: str, ended: asyncio.Event) -> AsyncIterator[Path]:
    """A device on a new link of that name, with its control socket's path; `ended` is set when the link is gone.

    WarrenError for a name that is taken or rights that are missing; afterwards nothing is left.
    """
    with _open(link) as engine:
        device = Device(engine, _draw_key)
        async with serve(engine.link, device.state, device.change) as path:  # `wg%d`: the kernel chose
            loop = asyncio.get_running_loop()
            loop.add_reader(engine.event_fd, _take_events, engine, ended)
            following = asyncio.create_task(_follow_mtu(engine))
            try:
                yield path
            finally:
                following.cancel()
                loop.remove_reader(engine.event_fd)


def _open(link: str) -> Tunnel:
    try:
        return Tunnel(
            link, mtu=MTU_DEFAULT, port=0, keys=(_draw_key(),), stamp_floor_s=0, stamp_ceiling_s=STAMP_CEILING_S
        )
    except TunError as error:
        if error.errno in NO_TUN:
            raise no_rights(f"cannot make the link {link}: {error.strerror}") from error
        if error.errno == errno.EBUSY:
            raise WarrenError(Code.CONFLICT, f"there is a link named {link}", "choose another name") from error
        if error.errno == errno.EINVAL:
            raise WarrenError(Code.INVALID_ARGUMENT, f"no link can be named {link}", "like wg0") from error
        raise


def _draw_key() -> ExchangeKeyPair:
    return ExchangeKeyPair(secrets.token_bytes(KEY_BYTES))


def _take_events(engine: Tunnel, ended: asyncio.Event) -> None:
    for event in engine.take_events(TUNNEL_EVENTS_TAKE_MAX):
        if isinstance(event, WorkerFailed):
            log.info("the link is gone, or failed", errno=event.errno)
            ended.set()


async def _follow_mtu(engine: Tunnel) -> None:
    known = MTU_DEFAULT
    async for _ in host_changes():
        mtu = _mtu_of(engine.link)
        if mtu is None or mtu == known:
            continue
        known = mtu
        try:
            engine.set_mtu(mtu)
        except InvalidError as error:  # packets are padded as before, by at most 15 bytes too many
            log.warning("the link's MTU cannot be followed", mtu=mtu, reason=str(error))
        except ClosedError:
            return


def _mtu_of(link: str) -> int | None:
    """The link's MTU in bytes (netdevice(7)); None when it is gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFMTU, _IFREQ.pack(link.encode(), 0))
        except OSError:
            return None
    return int(_IFREQ.unpack(answer)[1])
