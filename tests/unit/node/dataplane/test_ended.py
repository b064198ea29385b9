"""An engine that ended by itself (its link was deleted): who tells it something goes on, who asks hears of the end.

Found by a full machine: between that end and the word of it a ping raised what nobody expected, and a whole network's
tasks were begun anew with a traceback in the log.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, cast

import pytest
from tests.unit.node.maps import identity

from warren.engine.errors import ClosedError
from warren.engine.tunnel import Tunnel as EngineTunnel
from warren.errors import Code, WarrenError
from warren.model.addresses import Endpoint
from warren.model.keys import ExchangeKeyPair
from warren.node.dataplane.interface import StampWindow
from warren.node.dataplane.userspace import UserspaceTunnel
from warren.node.plan import PeerPlan

DB = identity("db")
HERE = Endpoint(ip_address("192.0.2.7"), 51820)
KEY = ExchangeKeyPair(bytes(31) + b"\1")


class Ended:
    """An engine whose worker is gone, as the real one behaves then; `ends` is when that is."""

    link, port, event_fd = "warren0", 51820, -1

    def __init__(self) -> None:
        self.ended = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        def method(*_: object, **__: object) -> None:
            if self.ended:
                raise ClosedError(9, f"the tunnel is closed: {name}")

        return method


@pytest.fixture
def tunnel() -> UserspaceTunnel:
    """With one peer; its engine has ended since."""
    engine = Ended()
    made = UserspaceTunnel(cast("EngineTunnel", engine))
    made.set_peer(PeerPlan(DB, "db", (KEY.public,), (), gate_open=True, gate_reason=""))
    engine.ended = True
    return made


@pytest.mark.parametrize(
    "tell",
    [
        pytest.param(lambda tunnel: tunnel.set_endpoint(DB, HERE), id="a path"),
        pytest.param(lambda tunnel: tunnel.initiate(DB), id="a handshake"),
        pytest.param(lambda tunnel: tunnel.set_probe_key(DB, bytes(8), bytes(32)), id="a probe key"),
        pytest.param(lambda tunnel: tunnel.remove_probe_key(bytes(8)), id="no probe key"),
        pytest.param(lambda tunnel: tunnel.expect_stun(bytes(12), 1.0), id="a question"),
        pytest.param(lambda tunnel: tunnel.set_keys((KEY,)), id="keys"),
        pytest.param(lambda tunnel: tunnel.set_stamps(StampWindow(0, 1)), id="stamps"),
        pytest.param(lambda tunnel: tunnel.send(HERE, b"probe"), id="a datagram"),
    ],
)
def test_what_is_told_to_an_engine_that_ended_is_told_to_nobody(tunnel: UserspaceTunnel, tell: Any) -> None:
    tell(tunnel)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda tunnel: tunnel.ping(DB, 1), id="ping"),
        pytest.param(lambda tunnel: tunnel.stats(DB), id="stats"),
        pytest.param(lambda tunnel: tunnel.counters(), id="counters"),
        pytest.param(lambda tunnel: tunnel.offloads(), id="offloads"),
        pytest.param(lambda tunnel: tunnel.drops(DB), id="drops"),
        pytest.param(lambda tunnel: tunnel.take_flows(1), id="flows"),
        pytest.param(lambda tunnel: tunnel.remove_peer(DB), id="a peer that goes"),
        pytest.param(lambda tunnel: tunnel.open_channel(1, DB), id="a channel"),
    ],
)
def test_who_asks_an_engine_that_ended_hears_what_a_closed_tunnel_says(tunnel: UserspaceTunnel, ask: Any) -> None:
    with pytest.raises(WarrenError) as caught:
        ask(tunnel)
    assert caught.value.code is Code.NOT_UP
