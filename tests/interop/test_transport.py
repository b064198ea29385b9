"""The second cipher beside a stock peer: wireguard-go is never asked for it, and two engines of ours carry with it."""

from pathlib import Path

import pytest
from tests.interop.flow import Flow
from tests.interop.joined import join, join_twins
from tests.netlab.lab import Lab

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.mark.parametrize("transport", ["takes-aes", "chooses-aes"])
def test_a_stock_peer_that_we_initiate_to_carries_with_its_own_cipher(
    lab: Lab, wireguard_go: Path, amount: int, transport: str
) -> None:
    with join(lab, wireguard_go, transport=transport) as joined:
        Flow(joined.our_host, joined.their_host, joined.their_address, amount).finish()
        assert joined.engine.ask("peer_stats")["cipher"] == "chacha20-poly1305"
        assert joined.engine.ask("counters")["drop_handshake_invalid"] == 0


def test_a_stock_peer_of_whom_somebody_said_that_it_takes_aes_has_a_session_all_the_same(
    lab: Lab, wireguard_go: Path
) -> None:
    with join(lab, wireguard_go, we_initiate=False, transport="chooses-aes") as joined:
        Flow(joined.their_host, joined.our_host, joined.our_address, 1 << 20).finish()
        assert joined.engine.ask("peer_stats")["cipher"] == "chacha20-poly1305"


@pytest.mark.parametrize(
    ("transports", "cipher"),
    [
        (("chooses-aes", "chooses-aes"), "aes-256-gcm"),
        (("chooses-aes", "wireguard"), "chacha20-poly1305"),
        (("takes-aes", "takes-aes"), "chacha20-poly1305"),
    ],
)
def test_two_engines_move_bytes_intact_with_what_both_want(
    lab: Lab, amount: int, transports: tuple[str, str], cipher: str
) -> None:
    with join_twins(lab, transports=transports) as twins:
        for me, you in ((0, 1), (1, 0)):
            Flow(twins.hosts[me], twins.hosts[you], twins.addresses[you], amount // 2).finish()
        assert [engine.ask("peer_stats")["cipher"] for engine in twins.engines] == [cipher, cipher]
