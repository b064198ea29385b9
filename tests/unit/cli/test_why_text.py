"""`warren why`: what is asked, and how the answer reads."""

import pytest

from warren.cli.grammar import UsageError
from warren.cli.why import render, split_target
from warren.protocol.local.why import Drop, Step, Why


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
