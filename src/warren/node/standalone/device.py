"""One stand-alone WireGuard device: its configuration as `wg` sees it, carried over to the engine.

Decides what a change means, as the kernel's WireGuard does (wg(8)): a prefix belongs to one peer and moves to the one
that was given it last; a device without a private key speaks to nobody; a peer with the device's own key is nobody.
The engine forgets nothing by itself, so what is here and what is there differ only within `change`; what it was too
busy to take, the next one carries over.
"""

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from warren.engine.errors import EngineError, InvalidError
from warren.engine.events import PeerNumber
from warren.engine.tunnel import Mode, PeerSetting, PeerStats
from warren.model.addresses import Endpoint, Hop
from warren.model.keys import KEY_BYTES, ExchangeKeyPair, Secret
from warren.wire.uapi import DeviceChange, DeviceState, PeerChange, PeerState, Prefix, UapiError

NO_KEY = Secret(bytes(KEY_BYTES))  # how the protocol says that there is none


class Links(Protocol):
    """The links of this host, by number and name."""

    def number(self, name: str) -> int | None:
        """Of the link of that name; None: there is none."""

    def name(self, number: int) -> str:
        """Of the link of that number; the number itself where it is gone."""


class Engine(Protocol):
    """What a device needs of `engine.tunnel.Tunnel`."""

    @property
    def port(self) -> int:
        """The UDP port in use."""

    def set_keys(self, keys: "tuple[ExchangeKeyPair, ...]") -> None:
        """Change the private key."""

    def listen_on(self, port: int) -> None:
        """Take another port; PortError."""

    def set_mark(self, mark: int) -> None:
        """Mark what is sent."""

    def set_peers(self, peers: Iterable[PeerSetting]) -> None:
        """Add or change peers."""

    def set_endpoint(self, peer: PeerNumber, place: Hop | None, *, scope: int = 0) -> None:
        """Where to send."""

    def remove_peer(self, peer: PeerNumber) -> None:
        """Forget a peer."""

    def peer_stats(self, peer: PeerNumber) -> PeerStats:
        """What is known of one peer."""


@dataclass(slots=True)
class _Peer:
    """A peer as it was set; `in_engine` while the engine has it (it has none without a private key).

    `was_placed`: its endpoint was set, and the engine has not been told.
    """

    number: PeerNumber
    preshared_key: Secret[bytes] | None = None
    endpoint: Endpoint | None = None
    scope: int = 0
    was_placed: bool = False
    keepalive_s: int = 0
    allowed: dict[Prefix, None] = field(default_factory=dict)
    in_engine: bool = False


class Device:
    """The configuration of one device. Calls wait for the engine's worker only (milliseconds)."""

    def __init__(self, engine: Engine, draw_key: Callable[[], ExchangeKeyPair], links: Links) -> None:
        """`draw_key` makes the key that the engine holds while the user has set none."""
        self._engine = engine
        self._links = links
        self._draw_key = draw_key
        self._key: ExchangeKeyPair | None = None
        self._mark = 0
        self._peers: dict[bytes, _Peer] = {}
        self._owners: dict[Prefix, bytes] = {}
        self._untold: dict[bytes, None] = {}  # peers that the engine has to hear about, in the order in which they came
        self._last_number = 0

    def change(self, wanted: DeviceChange) -> None:
        """Carry out a `set`; UapiError where the system or the engine refuses, and what came before it stays."""
        try:
            self._change(wanted)
        except EngineError as error:
            raise UapiError(error.errno or errno.EIO, str(error)) from error
        except InvalidError as error:
            raise UapiError(errno.EINVAL, str(error)) from error

    def state(self) -> DeviceState:
        """What a `get` is told; UapiError where the engine is gone with its link."""
        try:
            peers = tuple(self._peer_state(key, peer) for key, peer in self._peers.items())
        except EngineError as error:
            raise UapiError(errno.ENODEV, str(error)) from error
        return DeviceState(
            private_key=self._key.private_bytes() if self._key is not None else None,
            listen_port=self._engine.port,
            mark=self._mark,
            peers=peers,
        )

    def _change(self, wanted: DeviceChange) -> None:
        if wanted.listen_port is not None:
            self._engine.listen_on(wanted.listen_port)
        if wanted.mark is not None:
            self._engine.set_mark(wanted.mark)
            self._mark = wanted.mark
        if wanted.private_key is not None:
            self._take_key(wanted.private_key)
        try:
            if wanted.replaces_peers:
                for key in list(self._peers):
                    self._remove(key)
            for change in wanted.peers:
                self._take_peer(change)
        finally:  # what came before a refused one is in force
            self._carry_over()

    def _take_key(self, private: Secret[bytes]) -> None:
        key = ExchangeKeyPair(private.reveal()) if private != NO_KEY else None
        if key is not None:
            self._remove(key.public)
        self._engine.set_keys((key or self._draw_key(),))
        self._key = key
        if key is None:
            for name, peer in self._peers.items():
                self._withdraw(peer)
                self._untold[name] = None

    def _take_peer(self, change: PeerChange) -> None:
        """Note what is wanted, and who the engine has to hear about; nothing of it where the endpoint is refused."""
        key = change.public_key
        if change.is_removed:
            self._remove(key)
            return
        peer = self._peers.get(key)
        if (self._key is not None and key == self._key.public) or (peer is None and change.must_exist):
            return
        scope = self._scope(change.scope)
        if peer is None:
            self._last_number += 1
            peer = self._peers[key] = _Peer(PeerNumber(self._last_number))
        if change.preshared_key is not None:
            peer.preshared_key = change.preshared_key if change.preshared_key != NO_KEY else None
        if change.endpoint is not None:
            peer.endpoint, peer.scope, peer.was_placed = change.endpoint, scope, True
        if change.keepalive_s is not None:
            peer.keepalive_s = change.keepalive_s
        if change.replaces_allowed:
            self._disown(key, peer, list(peer.allowed))
        self._disown(key, peer, change.not_allowed)
        for prefix in change.allowed:
            owner = self._owners.get(prefix)
            if owner is not None and owner != key:
                del self._peers[owner].allowed[prefix]
                self._untold[owner] = None  # also where this peer goes again before the engine heard of it
            self._owners[prefix] = key
            peer.allowed[prefix] = None
        self._untold[key] = None

    def _disown(self, key: bytes, peer: _Peer, prefixes: Iterable[Prefix]) -> None:
        for prefix in prefixes:
            if self._owners.get(prefix) == key:
                del self._owners[prefix], peer.allowed[prefix]

    def _remove(self, key: bytes) -> None:
        peer = self._peers.get(key)
        if peer is not None:
            self._withdraw(peer)  # it is shown until the engine is without it
            self._disown(key, peer, list(peer.allowed))
            del self._peers[key]
            self._untold.pop(key, None)

    def _withdraw(self, peer: _Peer) -> None:
        if peer.in_engine:
            peer.endpoint, peer.scope = self._place(peer)
            self._engine.remove_peer(peer.number)
            peer.in_engine, peer.was_placed = False, peer.endpoint is not None

    def _carry_over(self) -> None:
        """Tell the engine what it has not heard yet."""
        keys = list(self._untold)
        if self._key is None or not keys:
            return
        try:
            self._engine.set_peers([self._setting(key, self._peers[key]) for key in keys])
        except InvalidError as error:
            self._carry_over_singly(keys)
            raise UapiError(errno.EINVAL, str(error)) from error
        self._note_carried(keys)

    def _carry_over_singly(self, keys: list[bytes]) -> None:
        """Do without those that are refused."""
        for key in keys:
            try:
                self._engine.set_peers([self._setting(key, self._peers[key])])
            except InvalidError:
                self._remove(key)
            else:
                self._note_carried([key])

    def _note_carried(self, keys: list[bytes]) -> None:
        peers = [(key, self._peers[key]) for key in keys]
        for _, peer in peers:
            peer.in_engine = True
        for key, peer in peers:
            if peer.was_placed:
                self._engine.set_endpoint(peer.number, peer.endpoint, scope=peer.scope)
                peer.was_placed = False
            del self._untold[key]

    def _setting(self, key: bytes, peer: _Peer) -> PeerSetting:
        return PeerSetting(
            peer=peer.number,
            public_keys=(key,),
            allowed=tuple(peer.allowed),
            preshared_keys=(peer.preshared_key,) if peer.preshared_key is not None else (),
            mode=Mode.ROAM,
            keepalive_s=peer.keepalive_s,
            is_open=True,
        )

    def _peer_state(self, key: bytes, peer: _Peer) -> PeerState:
        stats = self._engine.peer_stats(peer.number) if peer.in_engine else None
        place, scope = self._place(peer)
        return PeerState(
            public_key=key,
            preshared_key=peer.preshared_key,
            place=place,
            last_handshake_s=stats.last_handshake_s if stats else None,
            rx_bytes=stats.rx_bytes if stats else 0,
            tx_bytes=stats.tx_bytes if stats else 0,
            keepalive_s=peer.keepalive_s,
            allowed=tuple(peer.allowed),
            scope=self._links.name(scope) if scope else "",
        )

    def _scope(self, text: str) -> int:
        """The number of the link that was named, 0 where none was."""
        number = self._links.number(text) if text else 0
        if number is None:
            raise UapiError(errno.ENODEV, f"there is no link {text}")
        return number

    def _place(self, peer: _Peer) -> tuple[Endpoint | None, int]:
        """Where it is heard from, or was said to be, and on which link."""
        if not peer.in_engine:
            return peer.endpoint, peer.scope
        stats = self._engine.peer_stats(peer.number)
        return (stats.place, stats.scope) if isinstance(stats.place, Endpoint) else (None, 0)
