"""Which flows are remembered, for whom, and what is counted."""

from dataclasses import replace
from ipaddress import ip_address

from tests.unit.node.memory_dataplane import MemoryTunnel

from warren.limits import FLOW_RECORDS_TAKE_MAX, FLOWS_KEPT_MAX
from warren.model.ids import Identity
from warren.node.dataplane.filtering import Flow
from warren.node.dataplane.interface import StampWindow, TunnelSpec
from warren.node.flow_log import FlowLog

HERE, THERE = Identity(b"a" * 32), Identity(b"b" * 32)
FLOW = Flow(
    peer=THERE, inward=True, protocol=6, local=ip_address("100.96.0.2"), remote=ip_address("100.96.0.3"),
    local_port=22, remote_port=50_000, line=1, reason="", end="closed", began_s=1.0, last_s=2.0,
    rx_packets=1, rx_bytes=60, tx_packets=1, tx_bytes=60,
)  # fmt: skip


def tunnel() -> MemoryTunnel:
    return MemoryTunnel("warren0", TunnelSpec((), 0, StampWindow(0, 1)), None)


def test_flows_of_a_peer_are_remembered_the_newest_first_and_refusals_are_not() -> None:
    log, source = FlowLog(), tunnel()
    source.ended = [
        FLOW, replace(FLOW, peer=HERE), replace(FLOW, end="refused", reason="no rule"), replace(FLOW, local_port=80),
    ]  # fmt: skip
    log.take(source)
    assert [flow.port for flow in log.of(THERE)] == [80, 22]
    assert len(log.of(HERE)) == 1
    assert log.counters() == {"flows_ended": 3, "flow_records_lost": 0}


def test_all_that_waits_is_taken_in_batches_and_the_newest_are_kept() -> None:
    log, source = FlowLog(), tunnel()
    count = 4 * FLOW_RECORDS_TAKE_MAX
    source.ended = [replace(FLOW, local_port=number) for number in range(count)]
    source.flows_lost = 7
    log.take(source)
    assert source.ended == []
    assert [log.of(THERE)[0].port, len(log.of(THERE))] == [count - 1, FLOWS_KEPT_MAX]
    assert log.counters() == {"flows_ended": count, "flow_records_lost": 7}


def test_a_tunnel_that_was_closed_has_nothing_more_to_say() -> None:
    log, source = FlowLog(), tunnel()
    source.ended = [FLOW]
    source.close()
    log.take(source)
    assert log.of(THERE) == []
