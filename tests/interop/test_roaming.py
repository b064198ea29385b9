"""A side that changes its address amid a transfer is followed by the other, and no byte is lost (paper, 2.1).

The addresses change under both devices, which are told nothing: who moved sends from where it is, and the other learns
it by the next packet that opens.
"""

from pathlib import Path

import pytest
from tests.interop.flow import Flow
from tests.interop.joined import Joined, join
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.until import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

PARTS = 8  # of the usual amount; a move after one of them, another after the next, and the end after the third
MOVES = 2
PART_S = 0.5


def _move(host: Host, outer: int) -> str:
    """Another address of the family in place of the one it has; the new one."""
    eth0 = host.interfaces["eth0"]
    old = host.run(["ip", f"-{outer}", "-brief", "address", "show", "dev", "eth0", "scope", "global"]).stdout.split()[2]
    v4, v6 = eth0.switch.next_addresses(taken=host)
    new = v6 if outer == 6 else v4
    host.ip_batch(f"addr del {old} dev eth0", f"addr add {new} dev eth0{' nodad' if outer == 6 else ''}")
    return str(new.ip)


def _moved(joined: Joined, *, inward: bool) -> int:
    """Bytes of the transfer so far, as the engine counts them."""
    return int(joined.engine.ask("peer_stats")["rx_bytes" if inward else "tx_bytes"])


@pytest.mark.parametrize("outer", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("we_move", [True, False], ids=["we-move", "they-move"])
def test_a_side_that_moves_amid_a_transfer_loses_no_byte(
    lab: Lab, wireguard_go: Path, amount: int, *, we_move: bool, outer: int
) -> None:
    with join(lab, wireguard_go, we_initiate=we_move, outer=outer) as joined:
        # Who moves sends, so that it is heard from.
        source, target, there = (
            (joined.our_host, joined.their_host, joined.their_address)
            if we_move
            else (joined.their_host, joined.our_host, joined.our_address)
        )
        part = amount // PARTS
        flow = Flow(source, target, there, amount, bytes_per_s=part / PART_S)

        def wait_for_a_part() -> None:
            before = _moved(joined, inward=not we_move)
            until(lambda: _moved(joined, inward=not we_move) > before + part, "a part of the transfer", 60.0)

        wait_for_a_part()
        for _ in range(MOVES):
            place = _move(source, outer)
            wait_for_a_part()
            if not we_move:
                assert place in joined.engine.ask("peer_stats")["place"]
        flow.enough()
        flow.finish()
