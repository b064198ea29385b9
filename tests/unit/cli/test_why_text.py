"""`warren why`: what is asked, and how the answer reads."""

import pytest

from warren.cli.grammar import UsageError
from warren.cli.why import render, split_target
from warren.protocol.local.why import Drop, EndedFlow, Step, Why


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("db", ("db", None, "tcp")),
        ("db:443", ("db", 443, "tcp")),
        ("db.lab:53/udp", ("db.lab", 53, "udp")),
        ("db/icmp", ("db", None, "icmp")),
        ("fd00::1", ("fd00::1", None, "tcp")),
        ("[fd00::1]:22", ("fd00::1", 22, "tcp")),
        ("[fd00::1]", ("fd00::1", None, "tcp")),
    ],
)
def test_a_target_is_a_host_with_or_without_a_port(text: str, parts: tuple[str, int | None, str]) -> None:
    assert split_target(text) == parts


@pytest.mark.parametrize("text", ["db:0", "db:65536", "db:http", "db:22/sctp", "[fd00::1]:x"])
def test_what_is_no_target_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        split_target(text)


def test_each_step_is_ok_or_its_reason_and_one_thing_to_do_ends_it() -> None:
    steps = (
        Step(name="membership", ok=True, text="both are members"),
        Step(name="rule", ok=False, text="no rule matches"),
        Step(name="path", ok=None, text="ask there"),
    )
    drop = Drop(inward=True, protocol="tcp", port=22, reason="no rule lets it in or out", packets=3, last=90.0)
    found = Why(
        source="a", destination="b", reachable=False, steps=steps, drops=(drop,), advice="ask for a rule\x1b[31m"
    )
    lines = render(found, 100.0)
    assert lines[:3] == [
        "membership  ok: both are members",
        "rule        NO: no rule matches",
        "path        ?   ask there",
    ]
    assert lines[3].startswith("dropped     3 x tcp to port 22 from there, last ")
    assert lines[4] == "a cannot reach b: ask for a rule\\x1b[31m"


def test_what_passed_is_told_with_its_size_its_rule_and_its_end() -> None:
    flow = EndedFlow(
        inward=False, protocol="tcp", port=443, line=3, end="closed", began=80.0, last=97.0,
        rx_packets=3, rx_bytes=2048, tx_packets=2, tx_bytes=0,
    )  # fmt: skip
    lines = render(Why(source="a", destination="b", reachable=True, steps=(), flows=(flow,)), 100.0)
    assert lines == [
        "passed      tcp to port 443 to there by line 3: 0 out, 2 KiB in, ended 3 seconds ago (closed)",
        "a can reach b",
    ]
