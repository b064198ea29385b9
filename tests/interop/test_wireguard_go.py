"""Our engine and a stock wireguard-go: handshakes in both roles, bytes intact both ways, rekeying under load."""

from pathlib import Path

import pytest
from tests.interop.flow import Flow
from tests.interop.joined import Joined, join
from tests.netlab.lab import Lab
from tests.netlab.until import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

REKEYS = 3  # during one transfer
PATIENCE = 20  # times what it takes on an idle machine
OWN_REKEY_S = 125.0  # wireguard-go replaces a session of its own after 120 s, on the next packet


def _initiated_by_us(joined: Joined) -> bool:
    """Of the next handshake."""
    _peer, by_us, _key, place = joined.engine.wait_for("HandshakeDone")
    assert place.rpartition(":")[0].strip("[]") in {str(joined.their_host.ip), str(joined.their_host.ip6)}
    return bool(by_us)


def _wait_for_a_handshake_after(time_s: float, joined: Joined) -> None:
    until(lambda: joined.stock.last_handshake_s() > time_s, "the stock peer's new session")


@pytest.mark.parametrize("outer", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("with_preshared_key", [False, True], ids=["no-psk", "psk"])
@pytest.mark.parametrize("we_initiate", [True, False], ids=["we-initiate", "they-initiate"])
def test_a_stock_peer_and_we_move_bytes_intact_both_ways(
    lab: Lab, wireguard_go: Path, amount: int, *, we_initiate: bool, with_preshared_key: bool, outer: int
) -> None:
    with join(lab, wireguard_go, we_initiate=we_initiate, with_preshared_key=with_preshared_key, outer=outer) as joined:
        ours, theirs = (joined.our_host, joined.our_address), (joined.their_host, joined.their_address)
        for source, target in [(ours, theirs), (theirs, ours)] if we_initiate else [(theirs, ours), (ours, theirs)]:
            Flow(source[0], target[0], target[1], amount).finish()
        assert _initiated_by_us(joined) is we_initiate
        assert joined.engine.ask("peer_stats")["session_alive"]
        assert joined.stock.last_handshake_s() > 0


def test_a_wrong_preshared_key_lets_nothing_through(lab: Lab, wireguard_go: Path) -> None:
    with join(lab, wireguard_go, with_preshared_key=True) as joined:
        their_key = joined.stock.public_key_of_device()
        joined.engine.set_peer(their_key, f"{joined.their_address}/32", preshared_key=bytes([7]) * 32)
        ping = ["ping", "-c1", "-W1", str(joined.their_address)]
        assert joined.our_host.run(ping, check=False).returncode == 1
        assert not joined.engine.ask("peer_stats")["session_alive"]
        assert joined.engine.ask("counters")["drop_handshake_invalid"] > 0


def test_a_rekey_from_our_side_amid_a_transfer_loses_no_byte(lab: Lab, wireguard_go: Path, amount: int) -> None:
    with join(lab, wireguard_go) as joined:
        count = min(amount, 256 << 20)
        # so much that it does not end before the last rekey, wherever a core is to be had
        ends = (joined.our_host, joined.our_address), (joined.their_host, joined.their_address)
        flow, back = (
            Flow(one[0], to[0], to[1], count * PATIENCE, bytes_per_s=count / 3) for one, to in (ends, ends[::-1])
        )
        assert _initiated_by_us(joined)
        for _ in range(REKEYS):
            before = joined.stock.last_handshake_s()
            joined.engine.ask("initiate")
            assert _initiated_by_us(joined)
            _wait_for_a_handshake_after(before, joined)
            assert flow.running
            assert back.running
        for one in (flow, back):
            one.enough()
        for one in (flow, back):
            one.finish()


@pytest.mark.usefixtures("long_run")
def test_wireguard_gos_own_rekey_after_120_s_loses_no_byte(lab: Lab, wireguard_go: Path) -> None:
    with join(lab, wireguard_go, we_initiate=False) as joined:
        rate = 1e6
        seconds = OWN_REKEY_S + 10
        flow = Flow(joined.their_host, joined.our_host, joined.our_address, int(rate * seconds), bytes_per_s=rate)
        assert not _initiated_by_us(joined)
        first = joined.stock.last_handshake_s()
        _peer, by_us, _key, _place = joined.engine.wait_for("HandshakeDone", OWN_REKEY_S + 5)
        assert not by_us
        assert joined.stock.last_handshake_s() - first > 119
        assert flow.running
        flow.finish()
