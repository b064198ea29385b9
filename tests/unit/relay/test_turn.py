"""TURN's settings and credentials, without a socket."""

import base64
import hashlib
import hmac
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.limits import STUN_BARE_ALLOWANCE_BYTES, TURN_CREDENTIAL_MAX_S
from warren.model.keys import Secret
from warren.relay.sockets import bind_tcp_beside, bind_udp
from warren.relay.turn import (
    credential,
    parse_allowed,
    parse_announced,
    parse_ports,
    parse_secret,
    parse_secret_place,
    turn_arguments,
)
from warren.server.settings import Settings, load

FLAGS = {"data": "/nowhere", "url": "https://vpn.example.org"}
NOWHERE = Path("/nowhere/server.toml")


def settings(**words: str) -> Settings:
    return load({**FLAGS, **words}, {}, NOWHERE).settings


def test_a_credential_is_what_everybody_computes() -> None:
    login = credential(Secret(b"a secret of 24 bytes...."), "alice", now_s=1_699_996_400.9, lifetime_s=3600)
    assert login.username == "1700000000:alice"
    # openssl dgst -sha1 -hmac 'a secret of 24 bytes....' -binary | base64; the engine's test has the same
    assert login.password.reveal() == "ZyyQMQPQiwJlw0n9HkMDmL212MA="
    digest = hmac.new(b"a secret of 24 bytes....", login.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(login.password.reveal()) == digest
    assert login.password.reveal() not in repr(login)


@pytest.mark.parametrize(
    ("user", "lifetime_s"), [("a", 0), ("a", TURN_CREDENTIAL_MAX_S + 1), ("ü", 60), ("a" * 201, 1)]
)
def test_a_credential_has_an_end_and_a_plain_user(user: str, lifetime_s: int) -> None:
    with pytest.raises(ValueError, match=r"at most|lives"):
        credential(Secret(b"a secret of 24 bytes...."), user, now_s=0, lifetime_s=lifetime_s)


def test_the_words_of_the_settings_mean_what_they_say() -> None:
    assert parse_secret_place("file:/etc/turn") == "/etc/turn"
    assert parse_secret_place("") == ""
    assert parse_secret(b"sixteen bytes...\n").reveal() == b"sixteen bytes..."
    assert parse_ports("50000-50999") == (50000, 50999)
    assert parse_announced("192.0.2.1, 2001:db8::1") == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert parse_allowed("10.0.0.0/8,relayed") == ((ip_network("10.0.0.0/8"),), True)


@pytest.mark.parametrize(
    "words",
    [
        {"turn_secret": "hunter2hunter2hunter2"},
        {"turn_secret": "file:"},
        {"turn_secret": "file:/etc/turn", "relay_listen": "off"},
        {"turn_ports": "1-2000"},
        {"turn_ports": "50000"},
        {"turn_ports": "50001-50000"},
        {"turn_ports": "50000-65536"},
        {"turn_allow": "10.0.0.1/8"},
        {"turn_address": "192.0.2.1,192.0.2.2"},
        {"turn_address": "vpn.example.org"},
        {"turn_realm": ""},
        {"turn_realm": "x" * 129},
        {"stun_answer": "larger"},
        {"relay_listen": "3478"},
    ],
)
def test_what_means_nothing_is_refused_at_the_start(words: dict[str, str]) -> None:
    with pytest.raises(WarrenError) as refusal:
        settings(**words)
    assert refusal.value.code is Code.INVALID_CONFIG


def test_defaults_are_stun_for_strangers_that_pay_and_no_turn() -> None:
    turn = settings().turn
    assert (turn.secret_file, turn.allowed, turn.relayed, turn.allowance_bytes) == ("", (), False, 0)
    assert settings(stun_answer="standard").turn.allowance_bytes == STUN_BARE_ALLOWANCE_BYTES
    assert settings(turn_secret="file:/etc/turn").turn.secret_file == "/etc/turn"


@pytest.mark.parametrize("content", [b"", b"fifteen bytes..", b"fifteen bytes..\n", b"x" * 2000])
def test_a_secret_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="16 to"):
        parse_secret(content)


def test_the_engine_is_told_in_bytes_and_numbers() -> None:
    turn = settings(turn_allow="10.0.0.0/8,relayed", turn_address="192.0.2.1", turn_ports="50000-50999").turn
    told = turn_arguments(turn, secret=Secret(b"sixteen bytes..."), listeners=[7])
    assert told["turn_allowed"] == [bytes((10, 0, 0, 0, 8))]
    assert told["turn_announced"] == [bytes((192, 0, 2, 1, 0, 0))]
    assert (told["turn_relayed"], told["turn_ports"], told["turn_listeners"]) == (1, (50000, 50999), [7])
    assert turn_arguments(turn)["turn_secret"] == b""


def test_tcp_listens_beside_udp_at_its_number() -> None:
    datagrams = bind_udp(["127.0.0.1:0"], may_move=False)
    streams = bind_tcp_beside(datagrams)
    try:
        assert [one.getsockname() for one in streams] == [one.getsockname() for one in datagrams]
        with pytest.raises(WarrenError) as refusal:
            bind_tcp_beside(datagrams)
        assert refusal.value.code is Code.LISTEN_FAILED
    finally:
        for one in (*datagrams, *streams):
            one.close()
