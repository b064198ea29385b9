"""A link on a terminal is drawn, so that a phone can read it; elsewhere it is not."""

import io

import pytest
import segno

from warren.cli import output

URL = "https://vpn.example.org/device"
FULL, UPPER, LOWER, EMPTY = "█▀▄ "  # two rows of a code in one line of text
BORDER = 2


class Terminal(io.StringIO):
    """What a terminal says of itself."""

    def isatty(self) -> bool:
        return True


def drawn(text: str) -> list[list[bool]]:
    """The light squares of what was written, row by row."""
    rows: list[list[bool]] = []
    for line in text.splitlines():
        rows.append([square in {FULL, UPPER} for square in line])
        rows.append([square in {FULL, LOWER} for square in line])
    return rows


def test_on_a_terminal_it_is_the_links_code(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    output.show_link(URL)
    code = segno.make(URL, error="l", micro=False).matrix_iter(border=BORDER)
    expected = [[not dark for dark in row] for row in code]
    assert drawn(terminal.getvalue())[: len(expected)] == expected


def test_elsewhere_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_link(URL)
    assert capsys.readouterr() == ("", "")
