"""Codes as people type them, demands as settings say them."""

import pytest

from warren.server.factors.passkeys import Place
from warren.server.factors.rules import (
    Action,
    Demands,
    may_change_factors,
    parse_demands,
    parse_recovery,
    parse_totp,
    show_recovery,
)
from warren.server.signon.rules import Step, first_step


@pytest.mark.parametrize(("typed", "code"), [("123 456", "123456"), ("12345", ""), ("١٢٣٤٥٦", ""), ("abcdef", "")])
def test_a_code_of_an_app(typed: str, code: str) -> None:
    assert parse_totp(typed) == code


def test_a_recovery_code_however_it_is_spaced() -> None:
    code = "ABCDEFGH234567AB"
    assert parse_recovery(show_recovery(code).lower().replace("-", " ")) == code
    assert parse_recovery(code[:-1]) == parse_recovery(code[:-1] + "1") == ""


def test_demands() -> None:
    demands = parse_demands("sign-on, admin", 3600)
    assert demands.actions == {Action.SIGN_ON, Action.ADMIN}
    assert demands.refuses(Action.ADMIN, None, 10_000)
    assert demands.refuses(Action.ADMIN, 6_400, 10_000)
    assert not demands.refuses(Action.ADMIN, 6_401, 10_000)
    assert not Demands().refuses(Action.ADMIN, None, 10_000)
    with pytest.raises(ValueError, match="sign-off"):
        parse_demands("sign-off", 3600)


def test_who_has_a_factor_changes_factors_only_after_showing_it() -> None:
    assert may_change_factors(has_factor=False, shown_at=None, now=0)
    assert not may_change_factors(has_factor=True, shown_at=None, now=0)
    assert not may_change_factors(has_factor=True, shown_at=0, now=901)
    assert may_change_factors(has_factor=True, shown_at=0, now=899)


def test_where_a_session_begins() -> None:
    def begin(**given: bool) -> Step:
        return first_step(**{"has_factor": False, "shown": False, "demanded": False, **given})

    assert begin() is begin(shown=True, demanded=True) is begin(has_factor=True, shown=True) is Step.WHOLE
    assert begin(has_factor=True, demanded=True) is Step.SECOND
    assert begin(demanded=True) is Step.SET_UP


def test_browsers_make_passkeys_for_names_only() -> None:
    assert Place("vpn.example.org", "https://vpn.example.org").takes_passkeys
    assert Place("localhost", "http://localhost:1").takes_passkeys
    for host, origin in (("vpn.example.org", "http://vpn.example.org"), ("192.0.2.1", "https://192.0.2.1")):
        assert not Place(host, origin).takes_passkeys
    assert not Place("fd00::1", "https://[fd00::1]").takes_passkeys
