"""WireGuard's control protocol: what `wg` writes is understood, what is malformed is refused whole, keys in full."""

import contextlib
import errno
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.model.addresses import parse_endpoint
from warren.model.keys import Secret
from warren.wire.uapi import DeviceState, PeerState, UapiError, parse_set, show_device, show_errno

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
PEER = f"public_key={KEY.hex()}"


def test_what_wg_sets_is_understood() -> None:
    change = parse_set(
        [
            f"private_key={OTHER.hex()}",
            "listen_port=51820",
            "fwmark=0x1f",
            "replace_peers=true",
            PEER,
            f"preshared_key={OTHER.hex()}",
            "endpoint=[2001:db8::1]:51820",
            "persistent_keepalive_interval=25",
            "replace_allowed_ips=true",
            "allowed_ip=10.8.0.0/24",
            "allowed_ip=fd00::1/128",
            "allowed_ip=-10.9.0.0/24",
            f"public_key={OTHER.hex()}",
            "remove=true",
        ]
    )
    assert (change.private_key, change.listen_port, change.mark) == (Secret(OTHER), 51820, 31)
    assert change.replaces_peers
    first, second = change.peers
    assert (first.public_key, first.preshared_key, first.keepalive_s) == (KEY, Secret(OTHER), 25)
    assert first.endpoint == parse_endpoint("[2001:db8::1]:51820")
    assert first.replaces_allowed
    assert first.allowed == (ip_network("10.8.0.0/24"), ip_network("fd00::1/128"))
    assert first.not_allowed == (ip_network("10.9.0.0/24"),)
    assert (second.public_key, second.is_removed, second.allowed) == (OTHER, True, ())


def test_host_bits_of_a_prefix_do_not_count_as_in_the_kernel() -> None:
    (peer,) = parse_set([PEER, "allowed_ip=10.8.0.7/24", "allowed_ip=10.8.0.9"]).peers
    assert peer.allowed == (ip_network("10.8.0.0/24"), ip_network("10.8.0.9/32"))


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("private_key=12", errno.EINVAL),
        (f"private_key={' ' * 64}", errno.EINVAL),
        ("listen_port=65536", errno.ERANGE),
        ("listen_port=-1", errno.EINVAL),
        ("listen_port=٣", errno.EINVAL),
        ("replace_peers=false", errno.EINVAL),
        ("endpoint=192.0.2.1:1", errno.EINVAL),  # of no peer
        ("no line", errno.EPROTO),
        ("", errno.EPROTO),
    ],
)
def test_a_malformed_line_of_a_device_is_refused(line: str, number: int) -> None:
    with pytest.raises(UapiError) as refused:
        parse_set([line])
    assert refused.value.errno == number


@pytest.mark.parametrize(
    "line",
    [
        "listen_port=1",  # of a device
        "endpoint=example.org:51820",
        "endpoint=192.0.2.1:0",
        "allowed_ip=10.0.0.0/33",
        "allowed_ip=10.0.0.0/255.0.0.0",
        "allowed_ip=",
        "allowed_ip=--10.0.0.0/8",
        "persistent_keepalive_interval=65536",
        "protocol_version=2",
        "remove=1",
        "hello=1",
    ],
)
def test_a_malformed_line_of_a_peer_is_refused(line: str) -> None:
    with pytest.raises(UapiError):
        parse_set([PEER, line])


def test_an_answer_is_what_wg_reads() -> None:
    peer = PeerState(KEY, None, parse_endpoint("192.0.2.1:7"), 12.000000005, 30, 40, 25, (ip_network("10.8.0.2/32"),))
    shown = list(show_device(DeviceState(Secret(OTHER), 51820, 0, (peer,))))
    assert shown == [
        f"private_key={OTHER.hex()}",
        "listen_port=51820",
        PEER,
        "protocol_version=1",
        "endpoint=192.0.2.1:7",
        "last_handshake_time_sec=12",
        "last_handshake_time_nsec=5",
        "tx_bytes=40",
        "rx_bytes=30",
        "persistent_keepalive_interval=25",
        "allowed_ip=10.8.0.2/32",
    ]
    assert "private_key" not in "".join(show_device(DeviceState(None, 1, 0)))
    assert (show_errno(0), show_errno(errno.EINVAL)) == ("errno=0", "errno=-22")


@given(st.lists(st.text(st.characters(max_codepoint=127, exclude_characters="\n"), max_size=90), max_size=8))
def test_lines_of_any_kind_are_read_or_refused(lines: list[str]) -> None:
    with contextlib.suppress(UapiError):
        assert parse_set([PEER, *lines]).peers[0].public_key == KEY


@pytest.mark.parametrize(
    ("text", "endpoint", "scope"),
    [
        ("[fe80::1%eth0]:51820", "[fe80::1]:51820", "eth0"),
        ("[fe80::1%7]:51820", "[fe80::1]:51820", "7"),
        ("[fe80::1]:51820", "[fe80::1]:51820", ""),
        ("[2001:db8::1%eth0]:51820", "[2001:db8::1]:51820", ""),
    ],
)
def test_a_link_local_endpoint_names_its_link(text: str, endpoint: str, scope: str) -> None:
    (peer,) = parse_set([f"public_key={KEY.hex()}", f"endpoint={text}"]).peers
    assert (peer.endpoint, peer.scope) == (parse_endpoint(endpoint), scope)


@pytest.mark.parametrize(
    "text", ["[fe80::1%]:1", "[fe80::1%a b]:1", "[fe80::1%16-letters------]:1", "192.0.2.1%eth0:1"]
)
def test_what_can_be_no_link_is_refused(text: str) -> None:
    with pytest.raises(UapiError) as refused:
        parse_set([f"public_key={KEY.hex()}", f"endpoint={text}"])
    assert refused.value.errno == errno.EINVAL


def test_the_link_of_a_link_local_place_is_shown() -> None:
    peer = PeerState(KEY, None, parse_endpoint("[fe80::1]:7"), None, 0, 0, 0, (), "eth0")
    assert "endpoint=[fe80::1%eth0]:7" in show_device(DeviceState(None, 1, 0, (peer,)))
