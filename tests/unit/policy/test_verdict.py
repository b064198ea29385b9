"""Verdicts: denied unless a rule that is understood in full says otherwise, and always with the reason."""

import pytest

from warren.model.ids import Identity, UserId
from warren.policy.language import DEFAULT_TEXT, Policy, Rule, parse
from warren.policy.verdict import Party, allows

ALICE = Party(Identity(bytes([1]) * 32), UserId("alice"))
BOB = Party(Identity(bytes([2]) * 32), UserId("bob"), groups=("staff",), tags=("server",))


def test_members_reach_each_other_both_ways() -> None:
    policy = parse(DEFAULT_TEXT)
    for a, b in ((ALICE, BOB), (BOB, ALICE)):
        verdict = allows(policy, a, b)
        assert verdict.allowed
        assert verdict.line == 1
        assert "line 1" in verdict.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no policy is held"),
        (b'{"version": 1, "rules": []}', "has no rules"),
        (b'{"version": 1, "rules": [{}]}', "says nothing"),
        (
            b'{"version": 1,\n "rules": [{"members": "reach-each-other", "only": "tcp"}]}',
            "line 2 cannot: unknown attribute",
        ),
        (b'{"version": 1, "rules": [{"members": "reach-some"}]}', "cannot"),
    ],
)
def test_without_a_rule_that_matches_nothing_is_reached(text: bytes | None, reason: str) -> None:
    verdict = allows(None if text is None else parse(text), ALICE, BOB)
    assert not verdict.allowed
    assert verdict.line is None
    assert reason in verdict.reason


def test_the_first_rule_that_matches_is_named() -> None:
    text = (
        b'{"version": 1, "rules": [\n{"later": 1},\n{"members": "reach-each-other"},\n{"members": "reach-each-other"}]}'
    )
    assert allows(parse(text), ALICE, BOB).line == 3


def test_a_rule_with_an_unknown_part_matches_nothing_though_the_known_part_would() -> None:
    rule = Rule(1, "reach-each-other", unknown="unknown attribute 'only'")
    assert not allows(Policy((rule,)), ALICE, BOB).allowed


def test_nobody_is_a_peer_of_itself() -> None:
    assert not allows(parse(DEFAULT_TEXT), ALICE, ALICE).allowed
