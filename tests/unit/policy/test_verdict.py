"""Verdicts: denied unless a rule that is understood in full says otherwise, and always with the reason."""

import pytest

from warren.model.ids import Identity, UserId
from warren.policy.language import DEFAULT_TEXT, Policy, Rule, parse
from warren.policy.verdict import Opening, Party, allows, judge, openings

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


# --- rules that accept ---

RULES = b"""{"version": 1, "rules": [
 {"from": ["user:alice"], "to": ["tag:server"], "protocols": ["tcp"], "ports": ["22", "8000-8100"]},
 {"from": ["group:staff"], "to": ["host:laptop"], "protocols": ["icmp"]},
 {"from": ["*"], "to": ["tag:server"], "protocols": ["udp"], "ports": ["53"], "hours": "9-17"}
]}"""
LAPTOP = Party(Identity(bytes([3]) * 32), UserId("carol"), host="laptop")
TCP, UDP, ICMP = 6, 17, 1


@pytest.mark.parametrize(
    ("a", "b", "protocol", "port", "line"),
    [
        (ALICE, BOB, TCP, 22, 2),
        (ALICE, BOB, TCP, 8100, 2),
        (ALICE, BOB, TCP, 8101, None),
        (ALICE, BOB, UDP, 22, None),
        (ALICE, BOB, ICMP, None, None),
        (BOB, ALICE, TCP, 22, None),
        (BOB, LAPTOP, ICMP, None, 3),
        (ALICE, LAPTOP, ICMP, None, None),
        (LAPTOP, BOB, UDP, 53, None),
    ],
)
def test_a_rule_lets_through_what_it_names_and_one_way_only(
    a: Party, b: Party, protocol: int, port: int | None, line: int | None
) -> None:
    verdict = judge(parse(RULES), a, b, protocol, port)
    assert (verdict.allowed, verdict.line) == (line is not None, line)
    assert any(opening.covers(protocol, port) for opening in openings(parse(RULES), a, b)) is verdict.allowed


def test_members_reach_each_other_over_everything() -> None:
    assert openings(parse(DEFAULT_TEXT), ALICE, BOB) == (Opening(1),)
    assert judge(parse(DEFAULT_TEXT), ALICE, BOB, 47, None).allowed
    assert openings(None, ALICE, BOB) == ()
    assert not judge(None, ALICE, BOB, TCP, 22).allowed


def test_a_program_that_knows_no_accept_rules_would_deny_what_they_say() -> None:
    """What version 0.1.0 makes of them: attributes that it does not know, so the rule matches nothing."""
    before = Rule(2, "", unknown="unknown attribute 'from'")
    assert not allows(Policy((before,)), ALICE, BOB).allowed


def test_the_reason_says_what_the_rule_says() -> None:
    assert "user:alice to tag:server" in allows(parse(RULES), ALICE, BOB).reason
    refused = judge(parse(RULES.replace(b', "hours": "9-17"', b"")), ALICE, BOB, TCP, 99)
    assert "no rule lets this protocol and port through" in refused.reason
