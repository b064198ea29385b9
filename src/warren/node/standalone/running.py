"""A stand-alone device while it lives: engine, control socket, and what happens to its link.

Decides nothing about configurations. A link that was deleted ends the device; an MTU that was changed (`wg-quick` does)
is told to the engine, which pads packets up to it; one that was renamed is found under its new name. What cannot be
looked at now (no descriptor is free) is looked at again.
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
from warren.limits import LINK_AGAIN_S, TUNNEL_EVENTS_TAKE_MAX
from warren.log import Log
from warren.model.keys import KEY_BYTES, ExchangeKeyPair
from warren.node.control_socket import serve
from warren.node.dataplane.interface import NO_TUN, no_rights
from warren.node.host.linux.watch import host_changes
from warren.node.standalone.device import Device

MTU_DEFAULT = 1420  # room for the longest headers in 1,500 bytes
MTU_MAX = 65_460  # the engine's: with headers and padding, one datagram; who sends longer packets is told of it
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
        device = Device(engine, _draw_key, _HostLinks())
        async with contextlib.AsyncExitStack() as serving:
            # `wg%d`: the kernel chose
            path = await serving.enter_async_context(serve(engine.link, device.state, device.change))
            loop = asyncio.get_running_loop()
            loop.add_reader(engine.event_fd, _take_events, engine, ended)
            following = asyncio.create_task(_follow_link(engine, device, serving))
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


async def _follow_link(engine: Tunnel, device: Device, serving: contextlib.AsyncExitStack) -> None:
    """`serving` holds the control socket."""
    followed = _Followed(engine, device, serving)
    while True:
        try:
            await followed.look()
            async for _ in host_changes():
                await followed.look()
        except ClosedError:
            return
        except OSError as error:
            log.warning("the link is looked at again", reason=str(error))
        await asyncio.sleep(LINK_AGAIN_S)


class _Followed:
    """The link as it was last seen; its number stays what it is, whatever its name."""

    def __init__(self, engine: Tunnel, device: Device, serving: contextlib.AsyncExitStack) -> None:
        self._engine = engine
        self._device = device
        self._serving = serving
        self._name = engine.link
        self._number = _HostLinks().number(engine.link)
        self._mtu = MTU_DEFAULT

    async def look(self) -> None:
        """Take over what changed; OSError where that cannot be seen or done now."""
        now = _name_of(self._number) if self._number is not None else None
        if now is not None and now != self._name and await _serve_as(now, self._device, self._serving):
            log.info("the link has another name", link=now)
            self._name = now
        mtu = _mtu_of(self._name)
        if mtu is None or mtu == self._mtu:
            return
        try:
            self._engine.set_mtu(min(mtu, MTU_MAX))
        except InvalidError as error:  # below 576: packets are padded as before, by at most 15 bytes too many
            log.warning("the link's MTU cannot be followed", mtu=mtu, reason=str(error))
        self._mtu = mtu


async def _serve_as(link: str, device: Device, serving: contextlib.AsyncExitStack) -> bool:
    """Answer under this name instead; False, and nothing changed, where another program does."""
    before = serving.pop_all()
    try:
        await serving.enter_async_context(serve(link, device.state, device.change))
    except (WarrenError, OSError) as error:
        serving.push_async_callback(before.aclose)
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        log.warning("the link's new name has a control socket already", link=link, reason=str(error))
        return False
    await before.aclose()
    return True


class _HostLinks:
    """`device.Links` of the kernel (if_nametoindex(3))."""

    def number(self, name: str) -> int | None:
        try:
            return int(name) % (1 << 32) if name.isdecimal() else socket.if_nametoindex(name)
        except OSError:
            return None

    def name(self, number: int) -> str:
        try:
            return _name_of(number) or str(number)
        except OSError:
            return str(number)


def _name_of(number: int) -> str | None:
    """The name of the link of that number (if_indextoname(3)); None when it is gone."""
    try:
        return socket.if_indextoname(number)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return None


def _mtu_of(link: str) -> int | None:
    """The link's MTU in bytes (netdevice(7)); None when it is gone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFMTU, _IFREQ.pack(link.encode(), 0))
        except OSError:
            return None
    return int(_IFREQ.unpack(answer)[1])
