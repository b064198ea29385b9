"""Which users and groups a policy names that a network does not have, and where."""

import pytest

from warren.policy.strangers import strangers

KNOWN = {"user": {"k3jd82hs0a"}, "group": {"eng"}}


def policy(rule: bytes) -> bytes:
    return b'{"version": 1, "rules": [\n' + rule + b"]}"


def test_who_is_not_there_is_named_with_the_place() -> None:
    found = strangers(policy(b'{"from": ["group:nope", "*"], "to": ["user:alice"]}'), KNOWN)
    assert [(one.line, one.column, one.fatal) for one in found] == [(2, 11, False), (2, 38, False)]
    assert "group 'nope'" in found[0].text
    assert "id 'alice'" in found[1].text
    assert "warren member list" in found[1].text


def test_who_is_there_and_what_may_always_come_is_no_stranger() -> None:
    assert (
        strangers(policy(b'{"from": ["group:eng", "user:k3jd82hs0a"], "to": ["tag:new", "host:new", "*"]}'), KNOWN)
        == ()
    )
    assert strangers(policy(b'{"members": "reach-each-other"}'), KNOWN) == ()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"rules": 7}', policy(b"7"), policy(b'{"from": 7, "to": [7, "group:"]}')]
)
def test_what_is_no_policy_names_nobody(text: bytes) -> None:
    assert strangers(text, KNOWN) == ()


def test_a_name_that_would_move_a_terminal_is_shown_harmless() -> None:
    (found,) = strangers(policy(b'{"from": ["group:\\u001b[2J' + b"a" * 500 + b'"], "to": ["*"]}'), KNOWN)
    assert "\x1b" not in found.text
    assert len(found.text) < 150
