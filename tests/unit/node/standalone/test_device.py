"""What a configuration comes to: the engine holds what `wg` was told, as the kernel's WireGuard would understand it."""

import errno
from collections.abc import Iterable

import pytest

from warren.engine.errors import BusyError, ClosedError, InvalidError, PortError
from warren.engine.events import PeerNumber
from warren.engine.tunnel import PeerSetting, PeerStats
from warren.model.addresses import Endpoint, Hop, parse_endpoint
from warren.model.keys import ExchangeKeyPair
from warren.node.standalone.device import Device
from warren.wire.uapi import UapiError, parse_set

OWN, A, B, C, D = (ExchangeKeyPair(bytes([number]) * 32) for number in (1, 2, 3, 4, 5))
SPARE = ExchangeKeyPair(bytes([9]) * 32)
LOW_ORDER = bytes(32)
PLACE = "192.0.2.1:51820"


class Engine:
    """Remembers what it was told; refuses keys that give no secret, and port 7. While busy it changes no peer."""

    def __init__(self) -> None:
        self.is_gone = False
        self.is_busy = False
        self.port = 1000
        self.mark = 0
        self.keys: tuple[ExchangeKeyPair, ...] = (SPARE,)
        self.peers: dict[int, PeerSetting] = {}
        self.places: dict[int, Hop | None] = {}
        self.scopes: dict[int, int] = {}

    def set_keys(self, keys: tuple[ExchangeKeyPair, ...]) -> None:
        self.keys = keys

    def listen_on(self, port: int) -> None:
        if port == 7:
            raise PortError(errno.EADDRINUSE, "taken")
        self.port = port

    def set_mark(self, mark: int) -> None:
        self.mark = mark

    def _work(self) -> None:
        if self.is_busy:
            raise BusyError(errno.EAGAIN, "busy")

    def set_peers(self, peers: Iterable[PeerSetting]) -> None:
        self._work()
        for peer in peers:
            if LOW_ORDER in peer.public_keys:
                raise InvalidError("of low order")
            self.peers[peer.peer] = peer

    def set_endpoint(self, peer: PeerNumber, place: Hop | None, *, scope: int = 0) -> None:
        self._work()
        assert peer in self.peers
        self.places[peer], self.scopes[peer] = place, scope

    def remove_peer(self, peer: PeerNumber) -> None:
        self._work()
        del self.peers[peer]
        self.places.pop(peer, None)

    def peer_stats(self, peer: PeerNumber) -> PeerStats:
        if self.is_gone:
            raise ClosedError(errno.EBADF, "closed")
        place = self.places.get(peer)
        place = place if isinstance(place, Endpoint) else None
        return PeerStats(1, 2, 3.0, None, session_alive=True, place=place, scope=self.scopes.get(peer, 0))

    def allowed(self) -> dict[bytes, list[str]]:
        return {peer.public_keys[0]: [str(prefix) for prefix in peer.allowed] for peer in self.peers.values()}


class Links:
    """One link, eth0, with the number 4."""

    def number(self, name: str) -> int | None:
        return {"eth0": 4, "4": 4}.get(name)

    def name(self, number: int) -> str:
        return {4: "eth0"}[number]


class Told:
    """A device and its engine."""

    def __init__(self, *, with_key: bool = True) -> None:
        self.engine = Engine()
        self.device = Device(self.engine, lambda: SPARE, Links())
        if with_key:
            self.set(f"private_key={OWN.private_bytes().reveal().hex()}")

    def set(self, *lines: str) -> None:
        self.device.change(parse_set(lines))

    def peers(self) -> dict[bytes, list[str]]:
        return {peer.public_key: [str(prefix) for prefix in peer.allowed] for peer in self.device.state().peers}


def of(pair: ExchangeKeyPair) -> str:
    return f"public_key={pair.public.hex()}"


def test_a_device_without_a_key_speaks_to_nobody_until_it_has_one() -> None:
    told = Told(with_key=False)
    told.set(of(A), "allowed_ip=10.0.0.2/32", f"endpoint={PLACE}")
    assert (told.engine.peers, told.device.state().private_key) == ({}, None)
    assert told.peers() == {A.public: ["10.0.0.2/32"]}
    told.set(f"private_key={OWN.private_bytes().reveal().hex()}")
    assert told.engine.allowed() == {A.public: ["10.0.0.2/32"]}
    assert list(told.engine.places.values()) == [parse_endpoint(PLACE)]
    told.set(f"private_key={bytes(32).hex()}")
    assert (told.engine.peers, told.engine.keys) == ({}, (SPARE,))
    (peer,) = told.device.state().peers
    assert peer.place == parse_endpoint(PLACE)


def test_a_prefix_belongs_to_whom_it_was_given_last() -> None:
    told = Told()
    told.set(of(A), "allowed_ip=10.0.0.0/24", "allowed_ip=10.0.1.0/24", of(B), "allowed_ip=10.0.0.0/24")
    assert told.peers() == {A.public: ["10.0.1.0/24"], B.public: ["10.0.0.0/24"]}
    assert told.engine.allowed() == told.peers()
    told.set(of(A), "remove=true")
    told.set(of(B), "allowed_ip=10.0.1.0/24", "allowed_ip=-10.0.0.0/24")
    assert told.engine.allowed() == {B.public: ["10.0.1.0/24"]}
    told.set(of(B), "replace_allowed_ips=true")
    assert told.engine.allowed() == {B.public: []}


def test_who_took_a_prefix_and_went_gives_it_back_to_nobody() -> None:
    told = Told()
    told.set(of(A), "allowed_ip=10.0.0.0/24")
    told.set(of(B), "allowed_ip=10.0.0.0/24", of(B), "remove=true")
    assert told.peers() == {A.public: []}
    assert told.engine.allowed() == told.peers()


def test_a_peer_with_our_own_key_is_nobody() -> None:
    told = Told()
    told.set(of(OWN), "allowed_ip=10.0.0.0/24", of(A))
    assert told.peers() == {A.public: []}
    told.set(f"private_key={A.private_bytes().reveal().hex()}")
    assert (told.peers(), told.engine.peers) == ({}, {})


def test_only_a_peer_that_is_there_is_updated_where_that_is_asked() -> None:
    told = Told()
    told.set(of(A), "update_only=true", "allowed_ip=10.0.0.0/24")
    assert told.peers() == {}
    told.set(of(A), of(B), "update_only=true", of(A), "update_only=true", "persistent_keepalive_interval=5")
    assert [(peer.public_key, peer.keepalive_s) for peer in told.device.state().peers] == [(A.public, 5)]


def test_peers_are_replaced_and_what_is_set_twice_holds_as_set_last() -> None:
    told = Told()
    told.set(of(A), f"preshared_key={bytes([5] * 32).hex()}")
    told.set("replace_peers=true", of(B), "allowed_ip=10.0.0.1/32", of(B), "allowed_ip=10.0.0.2/32")
    assert told.engine.allowed() == {B.public: ["10.0.0.1/32", "10.0.0.2/32"]}
    told.set(of(B), f"preshared_key={bytes([5] * 32).hex()}")
    (setting,) = told.engine.peers.values()
    assert [key.reveal() for key in setting.preshared_keys] == [bytes([5] * 32)]
    told.set(of(B), f"preshared_key={bytes(32).hex()}")
    (setting,) = told.engine.peers.values()
    assert setting.preshared_keys == ()


def test_what_the_system_refuses_is_told_by_its_number_and_what_was_there_stays() -> None:
    told = Told()
    told.set("listen_port=5", "fwmark=3")
    with pytest.raises(UapiError) as refused:
        told.set("listen_port=7")
    assert refused.value.errno == errno.EADDRINUSE
    assert (told.device.state().listen_port, told.device.state().mark, told.engine.mark) == (5, 3, 3)


def test_who_asks_while_the_link_goes_is_told_that_it_went() -> None:
    told = Told()
    told.set(of(A))
    told.engine.is_gone = True
    with pytest.raises(UapiError) as refused:
        told.device.state()
    assert refused.value.errno == errno.ENODEV


def test_a_key_that_gives_no_secret_is_refused_and_its_neighbours_are_held() -> None:
    told = Told()
    with pytest.raises(UapiError) as refused:
        told.set(of(A), f"public_key={LOW_ORDER.hex()}", of(B), "allowed_ip=10.0.0.0/24", f"endpoint={PLACE}")
    assert refused.value.errno == errno.EINVAL
    assert told.peers() == told.engine.allowed() == {A.public: [], B.public: ["10.0.0.0/24"]}
    assert list(told.engine.places.values()) == [parse_endpoint(PLACE)]
    told.set(of(A), "remove=true", of(B), "remove=true")
    assert told.engine.peers == {}


def test_a_link_local_peer_is_on_the_link_that_was_named() -> None:
    told = Told()
    told.set(of(A), "endpoint=[fe80::1%eth0]:51820", of(B), "endpoint=[fe80::2%4]:51820")
    assert list(told.engine.scopes.values()) == [4, 4]
    assert [(str(peer.place), peer.scope) for peer in told.device.state().peers] == [
        ("[fe80::1]:51820", "eth0"),
        ("[fe80::2]:51820", "eth0"),
    ]
    told.set(of(A), "endpoint=[2001:db8::1%eth0]:51820")
    assert told.engine.scopes[1] == 0, "a scope means nothing there"
    with pytest.raises(UapiError) as refused:
        told.set(of(B), "endpoint=[fe80::2%eth9]:51820")
    assert refused.value.errno == errno.ENODEV
    assert told.engine.scopes[2] == 4


def test_what_came_before_a_refused_peer_is_in_force_and_the_refused_one_is_not_there() -> None:
    told = Told()
    told.set(of(A), "allowed_ip=10.0.0.0/24")
    with pytest.raises(UapiError) as refused:
        told.set(of(B), "allowed_ip=10.0.0.0/24", f"endpoint={PLACE}", of(C), "endpoint=[fe80::1%eth9]:5", of(D))
    assert refused.value.errno == errno.ENODEV
    assert told.peers() == told.engine.allowed() == {A.public: [], B.public: ["10.0.0.0/24"]}
    assert told.engine.places[2] == parse_endpoint(PLACE)


def test_a_peer_that_a_busy_engine_did_not_take_is_carried_over_by_the_next_change() -> None:
    told = Told()
    told.engine.is_busy = True
    with pytest.raises(UapiError) as refused:
        told.set(of(A), "allowed_ip=10.0.0.0/24", f"endpoint={PLACE}")
    assert refused.value.errno == errno.EAGAIN
    told.engine.is_busy = False
    told.set(of(B))
    assert told.peers() == told.engine.allowed() == {A.public: ["10.0.0.0/24"], B.public: []}
    assert list(told.engine.places.values()) == [parse_endpoint(PLACE)]


def test_a_peer_that_a_busy_engine_did_not_remove_is_shown_until_it_is() -> None:
    told = Told()
    told.set(of(A), "allowed_ip=10.0.0.0/24")
    told.engine.is_busy = True
    for words in ((of(A), "remove=true"), ("replace_peers=true",)):
        with pytest.raises(UapiError):
            told.set(*words)
        assert told.peers() == told.engine.allowed() == {A.public: ["10.0.0.0/24"]}
    told.engine.is_busy = False
    told.set(of(A), "remove=true")
    assert told.peers() == told.engine.allowed() == {}
