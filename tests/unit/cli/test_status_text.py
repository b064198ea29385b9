"""`warren status` as CLI.md shows it, and every way in which a peer is or is not reached."""

import time

import msgspec
import pytest

from warren.cli.status import render, state_of
from warren.errors import Code, WarrenError
from warren.protocol.local.status import Health, Network, Path, PathChange, Peer, Self, ServerState, Status

NOW = 1_790_000_000.0
DAY = 86400.0
RELAYED = Path(kind="relay", relay="fra", note="no answer")


def peer(name: str = "db", address: str = "100.96.0.7", network: str = "default", **fields: object) -> Peer:
    given: dict[str, object] = {
        "name": name,
        "network": network,
        "fqdn": f"{name}.{network}.warren.internal",
        "addresses": (address,),
        "user": "",
        "tags": (),
        "identity": "ab" * 32,
        "wireguard_key": "cd" * 32,
        "path": Path(kind="none"),
        "last_handshake": None,
        "rx_bytes": 0,
        "tx_bytes": 0,
        "online": True,
    }
    return Peer(**(given | fields))  # type: ignore[arg-type] # a test's shorthand


def network(name: str = "default", server: str = "connected", **fields: object) -> Network:
    me = Self(name="laptop", fqdn="laptop.default", addresses=("100.96.0.2",), identity="ef" * 32, online=True)
    state = ServerState(url="https://vpn.example.org", state=server, **fields)  # type: ignore[arg-type] # a test's shorthand
    return Network(name=name, id=name * 3, me=me, server=state, locked=False, root="this server")


def status(*peers: Peer, networks: tuple[Network, ...] = (network(),), health: tuple[Health, ...] = ()) -> Status:
    return Status(
        version="0.1.0", me=networks[0].me if networks else None, networks=networks, peers=peers, health=health
    )


def test_the_table_is_that_of_the_contract() -> None:
    shown = status(
        peer(
            path=Path(kind="direct", endpoint="203.0.113.7:51901", latency_ms=3.12), rx_bytes=12 << 20, tx_bytes=1 << 20
        ),
        peer(
            "cam",
            "100.96.0.9",
            path=Path(kind="relay", relay="fra", latency_ms=41.4, note="trying direct: symmetric NAT"),
        ),
        peer("old", "100.96.0.4", online=False, last_seen=NOW - 2.5 * DAY),
        health=(Health(code="E_X", text="key expires in 3 days", since=NOW, fix="warren up --renew"),),
    )
    assert render(shown, NOW) == [
        "NAME    ADDRESS     STATE                                     LATENCY  RX/TX",
        "laptop  100.96.0.2  self",
        "db      100.96.0.7  direct 203.0.113.7:51901                  3.1 ms   12 MiB/1 MiB",
        "cam     100.96.0.9  relay fra (trying direct: symmetric NAT)  41 ms    0/0",
        "old     100.96.0.4  offline since 2 days",
        "! key expires in 3 days: warren up --renew",
    ]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (peer(path=Path(kind="direct", endpoint="192.0.2.1:1", latency_ms=1.0)), "direct 192.0.2.1:1"),
        (peer(path=Path(kind="direct", endpoint="192.0.2.1:1")), "direct 192.0.2.1:1 (no answer)"),
        (peer(path=Path(kind="direct", endpoint="192.0.2.1:1", note="one way")), "direct 192.0.2.1:1 (one way)"),
        (peer(path=Path(kind="none")), "connecting"),
        (peer(path=Path(kind="none", note="probing 3 addresses")), "probing 3 addresses"),
        (peer(online=False), "offline"),
        (peer(online=False, last_seen=NOW - 3700), "offline since 1 hour"),
        (peer(online=False, last_seen=NOW + 3700), "offline"),  # by a clock that is behind
        (peer(online=False, last_seen=NOW - 70, path=RELAYED), "offline since 1 minute"),
        (peer(online=False, path=Path(kind="direct", endpoint="192.0.2.1:1")), "offline"),
        (peer(online=False, path=Path(kind="relay", relay="fra", latency_ms=9.0)), "relay fra"),
        (peer(allowed=False, allowed_reason="no rule lets you"), "not allowed: no rule lets you"),
        (peer(path=Path(kind="peer-relay", relay="db", latency_ms=9.0)), "relayed by db"),
    ],
)
def test_connected_is_said_only_after_a_fresh_round_trip(one: Peer, said: str) -> None:
    assert state_of(one, NOW) == said


def test_without_a_server_that_says_who_is_on_the_path_is_all_there_is_to_say() -> None:
    assert state_of(peer(online=False, path=RELAYED), NOW, is_told=False) == "relay fra (no answer)"
    off = peer("off", online=False, path=RELAYED)
    assert "offline" in "\n".join(render(status(off), NOW))
    away = network(server="away", since=NOW - 5, reason="gone")
    assert "relay fra (no answer)" in "\n".join(render(status(off, networks=(away,)), NOW))


def test_a_server_that_is_away_is_named_with_the_time() -> None:
    away = network(server="away", since=NOW - 600, reason="connection refused")
    assert render(status(networks=(away,)), NOW)[-1] == (
        "! server https://vpn.example.org away for 10 minutes: connection refused"
    )


def test_a_server_that_health_speaks_of_is_not_named_twice() -> None:
    said = Health(code="E_SERVER_UNREACHABLE", text="default: server away, using state of 14:05: refused", since=NOW)
    lines = render(status(networks=(network(server="away", reason="refused"),), health=(said,)), NOW)
    assert [line for line in lines if line.startswith("!")] == [f"! {said.text}"]


def test_of_several_networks_names_carry_theirs_and_one_can_be_chosen() -> None:
    both = status(peer(), peer("cam", network="lab"), networks=(network(), network("lab")))
    assert [line.split()[0] for line in render(both, NOW)[1:]] == [
        "laptop.default",
        "laptop.lab",
        "db.default",
        "cam.lab",
    ]
    assert [line.split()[0] for line in render(both, NOW, "lab")[1:]] == ["laptop", "cam"]
    with pytest.raises(WarrenError) as refused:
        render(both, NOW, "nosuch")
    assert refused.value.code is Code.NETWORK_UNKNOWN
    assert "lab" in refused.value.fix


def test_in_no_network_it_says_how_to_join_one() -> None:
    assert render(status(networks=()), NOW) == ["in no network: join one with  warren up --server URL --auth-key KEY"]


def test_names_of_others_cannot_move_the_terminal() -> None:
    hostile = peer("\x1b[2Jdb\u202e", path=Path(kind="none", note="\x07 bell"))
    lines = "\n".join(render(status(hostile), NOW))
    assert "\x1b" not in lines
    assert "\x07" not in lines
    assert "\u202e" not in lines
    assert "\\x1b[2Jdb\\u202e" in lines


def test_why_a_peer_is_on_a_relay_is_said_below_the_table() -> None:
    at = NOW - 60.0
    moved = PathChange(at=at, kind="relay", via="fra", reason="no answer from 203.0.113.7:51901")
    path = Path(kind="relay", relay="fra", latency_ms=41.4, note="trying direct", history=(moved,))
    clock = time.strftime("%H:%M", time.localtime(at))
    assert f"  db moved to relay fra at {clock}, because no answer from 203.0.113.7:51901" in render(
        status(peer(path=path)), NOW
    )


def test_a_change_of_path_is_news_for_ten_minutes_and_the_first_path_is_none() -> None:
    changes = tuple(
        PathChange(at=NOW - ago, kind="direct", via="203.0.113.7:51901", reason="it answers in 3.1 ms")
        for ago in (900.0, 60.0)
    )
    direct = Path(kind="direct", endpoint="203.0.113.7:51901", latency_ms=3.1)
    new = render(status(peer(path=msgspec.structs.replace(direct, history=changes))), NOW)
    assert any("db moved to 203.0.113.7:51901" in line for line in new)
    later = render(status(peer(path=msgspec.structs.replace(direct, history=changes))), NOW + 900.0)
    first = render(status(peer(path=msgspec.structs.replace(direct, history=changes[1:]))), NOW)
    assert not any("moved" in line for line in later + first)
