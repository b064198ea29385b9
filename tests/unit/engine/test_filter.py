"""The rules and records of the packet filter as bytes: what goes over the border says the same on both sides."""

from ipaddress import ip_address, ip_network

import pytest

from warren.engine.filter import Direction, End, Reason, Rule, parse_records, show_rules

MANY = Rule(
    7,
    Direction.IN,
    6,
    (ip_network("10.0.0.0/8"), ip_network("fd00::/64")),
    (ip_network("10.9.9.9/32"),),
    ((22, 22), (8000, 8100)),
)
GOLDEN = (
    "01" "00000002"
    "00000002" "04080a000000" "0640fd000000000000000000000000000000"
    "00000001" "04200a090909"
    "00000002"
    "00000007" "01" "0106" "00000000" "00000001" "0002" "00160016" "1f401fa4"
    "00000008" "02" "0000" "00000001" "00000001" "0000"
)  # fmt: skip


def test_rules_are_written_as_the_engine_reads_them_with_each_set_once() -> None:
    own = MANY.locals
    assert show_rules([MANY, Rule(8, Direction.OUT, None, own, own)]).hex() == GOLDEN
    assert show_rules([]).hex() == "01" + "00000000" * 2


def test_a_record_is_read_field_by_field() -> None:
    head = bytes([4, 6, 1, 6, 1, 0, 0, 0]) + (9).to_bytes(4) + (22).to_bytes(2) + (999).to_bytes(2)
    times = (3).to_bytes(8) + (1_500_000_000).to_bytes(8) + (2_500_000_000).to_bytes(8)
    addresses = bytes(12) + bytes([10, 0, 0, 1]) + bytes(12) + bytes([10, 0, 0, 2])
    loads = b"".join(number.to_bytes(8) for number in (1, 2, 3, 4))
    six = bytes([6, 17, 2, 2, 0]) + head[5:] + times + b"\xfd" + bytes(15) + b"\xfe" + bytes(15) + loads
    first, second = parse_records(head + times + addresses + loads + six)
    assert (first.protocol, first.opened, first.end, first.reason) == (6, Direction.IN, End.REFUSED, Reason.NO_RULE)
    assert (first.rule, first.local_port, first.remote_port, first.peer) == (9, 22, 999, 3)
    assert (first.began_s, first.last_s) == (1.5, 2.5)
    assert (first.local, first.remote) == (ip_address("10.0.0.1"), ip_address("10.0.0.2"))
    assert (first.rx_packets, first.rx_bytes, first.tx_packets, first.tx_bytes) == (1, 2, 3, 4)
    assert (second.local, second.remote, second.reason) == (ip_address("fd00::"), ip_address("fe00::"), Reason.ACCEPTED)


@pytest.mark.parametrize("most", [1, 103])
def test_half_a_record_is_a_bug_of_the_engine(most: int) -> None:
    with pytest.raises(Exception, match="104"):
        list(parse_records(bytes(most)))
