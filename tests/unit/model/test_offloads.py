"""Which offloads a user allows, as text and as bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import Code, WarrenError
from warren.model.offloads import ALL, NAMES, parse_allowed, show_allowed


def test_all_and_none_and_what_is_left_out() -> None:
    assert parse_allowed("all") == ALL
    assert parse_allowed("none") == 0
    assert parse_allowed("-tun-checksum") == ALL & ~1
    assert parse_allowed(" -udp-send , -udp-receive ") == 0b00111


@pytest.mark.parametrize("text", ["udp-send", "-udp", "all,-udp-send", "-udp-send,", "--udp-send", "on"])
def test_what_cannot_be_meant_is_refused_with_the_names_that_can(text: str) -> None:
    with pytest.raises(WarrenError) as refusal:
        parse_allowed(text)
    assert refusal.value.code is Code.INVALID_CONFIG
    assert "-udp-receive" in refusal.value.fix


@given(st.integers(0, (1 << len(NAMES)) - 1))
def test_what_is_shown_reads_back(allowed: int) -> None:
    assert parse_allowed(show_allowed(allowed)) == allowed
