"""Identities and network ids as text."""

import pytest

from warren.errors import Code, WarrenError
from warren.model.ids import parse_identity, parse_network_id, short_identity, show_identity, show_network_id

KEY = bytes(range(32))


def test_an_identity_is_read_as_it_is_shown() -> None:
    assert parse_identity(show_identity(KEY)) == KEY
    assert parse_identity(show_identity(KEY).upper()) == KEY
    assert parse_network_id(show_network_id(KEY)) == KEY
    assert short_identity(KEY) == "0001020304"


@pytest.mark.parametrize(
    "text", ["", "00", "0" * 63, "0" * 65, "g" * 64, " " + "0" * 63, "0 " * 32, "0x" + "0" * 62, "\u0660" * 64]
)
def test_anything_else_is_refused(text: str) -> None:
    for parse in (parse_identity, parse_network_id):
        with pytest.raises(WarrenError) as refusal:
            parse(text)
        assert refusal.value.code is Code.INVALID_ARGUMENT
