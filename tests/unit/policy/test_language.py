"""The policy's text: what is one, what is none and in which line, and which rules match nothing."""

import pytest

from warren import limits
from warren.errors import Code, WarrenError
from warren.policy.language import DEFAULT_TEXT, Policy, Rule, check, is_readable, parse


def test_the_policy_of_a_new_network_lets_members_reach_each_other() -> None:
    assert parse(DEFAULT_TEXT) == Policy((Rule(1, "reach-each-other"),))
    assert check(DEFAULT_TEXT) == ()


def test_rules_know_their_line() -> None:
    text = b'{\n "version": 1,\n "rules": [\n  {"members": "reach-each-other"},\n\n  {}\n ]\n}\n'
    assert [rule.line for rule in parse(text).rules] == [4, 6]
    assert parse(b'{"version": 1, "rules": []}') == Policy(())


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        (b"", 1, 1, "a value is expected"),
        (b"[]", 1, 1, "a policy is an object"),
        (b"{}", 1, 1, "'version' is missing"),
        (b'{"version": 1}', 1, 1, "'rules' is missing"),
        (b'{"version": 2,\n"rules": []}', 1, 13, "version 1 only"),
        (b'{"version": true, "rules": []}', 1, 13, "version 1 only"),
        (b'{"version": 1.0, "rules": []}', 1, 13, "version 1 only"),
        (b'{"version": 1,\n "rules": {}}', 2, 11, "'rules' is a list"),
        (b'{"version": 1,\n "rules": [\n7]}', 3, 1, "a rule is an object"),
        (b'{"version": 1, "rules": [],\n "deny": []}', 2, 10, "unknown key 'deny'"),
        (b'{"version": 1,\n "version": 1, "rules": []}', 2, 2, "twice"),
        (b'{"version": 1, "rules": [\n {"members": "x", "members": "y"}]}', 2, 19, "twice"),
        (b'{"version": 1, "rules": []}\nx', 2, 1, "follows the end"),
        (b'{"version": 1, "rules": [],}', 1, 28, "a key in double quotes"),
        (b'{"version": 1, "rules": [1,]}', 1, 28, "a value is expected"),
        (b'{"version" 1}', 1, 12, "':' is expected"),
        (b'{"version": 1 "rules": []}', 1, 15, "',' is expected"),
        (b'{"version": 1, "rules": [', 1, 26, "a value is expected"),
        (b'{"version": NaN, "rules": []}', 1, 13, "a value is expected"),
        (b'{"version": 01, "rules": []}', 1, 13, "a value is expected"),
        (b'{"version": 1e400, "rules": []}', 1, 13, "a value is expected"),
        (b'{"a\nb": 1}', 1, 2, "does not end"),
        (b'{"a', 1, 2, "does not end"),
        (b'{"\\q": 1}', 1, 2, "escape"),
        (b'{"\\ud800": 1}', 1, 2, "surrogate"),
        (b'{\n"\xff": 1}', 2, 2, "not UTF-8"),
        (b"[" * 60_000, 1, 17, "deeper"),
        (b" " * (limits.DOCUMENT_MAX_BYTES + 1), 1, 1, "longer"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(text: bytes, line: int, column: int, reason: str) -> None:
    problem = check(text)[0]
    assert (problem.line, problem.column, problem.fatal) == (line, column, True), problem
    assert reason in problem.text
    assert not is_readable(text)
    with pytest.raises(WarrenError, match=f"line {line}") as refusal:
        parse(text)
    assert refusal.value.code is Code.INVALID_CONFIG
    assert refusal.value.fix


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (b'{"members": "reach-each-other", "posture": "healthy"}', "unknown attribute 'posture'"),
        (b'{"members": "reach-nobody"}', "'members' is"),
        (b'{"members": ["reach-each-other"]}', "'members' is"),
        (b'{"members": null}', "'members' is"),
        (b'{"accept": "*"}', "unknown attribute 'accept'"),
        (b'{"\\u001b[2J": 1}', "unknown attribute '\\x1b[2J'"),
        (b"{}", "says nothing"),
    ],
)
def test_a_rule_that_this_version_does_not_know_is_kept_and_matches_nothing(rule: bytes, reason: str) -> None:
    text = b'{"version": 1, "rules": [' + rule + b"]}"
    (kept,) = parse(text).rules
    assert kept.members == ""
    assert reason in kept.unknown
    (problem,) = check(text)
    assert not problem.fatal
    assert is_readable(text)


def test_all_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    text = b'{"rules": [\n{"x": 1},\n7,\n{"members": 3}], "version": 9, "y": 1}'
    assert [(problem.line, problem.fatal) for problem in check(text)] == [
        (2, False),
        (3, True),
        (4, False),
        (4, True),
        (4, True),
    ]


# --- rules that accept ---

FULL = b'{"from": ["*", "tag:ops"], "to": ["host:db"], "protocols": ["tcp", "17"], "ports": ["22", "8000-8100"]}'


def only(rule: bytes) -> Rule:
    return parse(b'{"version": 1, "rules": [' + rule + b"]}").rules[0]


def test_an_accept_rule_says_from_whom_to_whom_and_by_what() -> None:
    assert only(FULL) == Rule(
        1, "", sources=(("*", ""), ("tag", "ops")), destinations=(("host", "db"),), protocols=(6, 17),
        ports=((22, 22), (8000, 8100)),
    )  # fmt: skip
    assert only(b'{"from": ["user:a:b"], "to": ["role:admin", "group:x"], "protocols": ["icmp"]}') == Rule(
        1, "", sources=(("user", "a:b"),), destinations=(("role", "admin"), ("group", "x")), protocols=(1, 58)
    )


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b'"from": ["*", "tag:ops"], ', b"", "'from' is missing"),
        (b', "to": ["host:db"]', b"", "'to' is missing"),
        (b'["host:db"]', b"[]", "a list of 1 to"),
        (b'["host:db"]', b'"host:db"', "a list of 1 to"),
        (b'["host:db"]', b"[7]", "a list of texts"),
        (b"tag:ops", b"device:ops", "is none of"),
        (b"tag:ops", b"tag:", "is none of"),
        (b"tag:ops", b"ops", "is none of"),
        (b'"tcp"', b'"TCP"', "no protocol"),
        (b'"17"', b'"256"', "no protocol"),
        (b'"17"', b'"icmp"', "only tcp and udp"),
        (b'"17"', b'"47"', "only tcp and udp"),
        (b'"22"', b'"65536"', "no port"),
        (b'"22"', b'"-1"', "no port"),
        (b'"22"', b'"80-22"', "no port"),
        (b'"22"', b'"1-2-3"', "no port"),
        (b'"22"', '"²"'.encode(), "no port"),
        (b'"ports":', b'"until": 5, "ports":', "unknown attribute 'until'"),
        (b'"ports":', b'"members": "reach-each-other", "ports":', "unknown attribute 'from'"),
    ],
)
def test_a_part_that_is_not_known_makes_the_whole_rule_match_nothing(before: bytes, after: bytes, reason: str) -> None:
    rule = only(FULL.replace(before, after))
    assert reason in rule.unknown
    assert (rule.members, rule.sources, rule.destinations) == ("", (), ())
    assert is_readable(b'{"version": 1, "rules": [' + FULL.replace(before, after) + b"]}")
