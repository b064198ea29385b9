"""Names from outside have a grammar, and no text of others moves a terminal."""

import unicodedata

import pytest

from warren.errors import Code, WarrenError
from warren.model.names import (
    is_host_label,
    parse_dns_suffix,
    parse_host_label,
    parse_network_name,
    parse_tag,
    printable,
    suggest_host_label,
)

BAD_LABELS = ["", "-", "-a", "a-", "a.b", "a_b", "a b", "a" * 64, "ä", "a\n", "\na", "..", "a/b", "\u212a", "a\0", "a*"]


@pytest.mark.parametrize(("text", "label"), [("a", "a"), ("Laptop-7", "laptop-7"), ("0", "0"), ("x" * 63, "x" * 63)])
def test_a_host_label_is_letters_digits_and_hyphens_in_lower_case(text: str, label: str) -> None:
    assert parse_host_label(text) == label
    assert is_host_label(label)
    assert str(parse_network_name(text)) == label
    assert str(parse_tag(text)) == label


@pytest.mark.parametrize("text", BAD_LABELS)
def test_another_text_is_no_host_label(text: str) -> None:
    assert not is_host_label(text)
    for parse, code in (
        (parse_host_label, Code.INVALID_HOSTNAME),
        (parse_network_name, Code.INVALID_ARGUMENT),
        (parse_tag, Code.INVALID_ARGUMENT),
    ):
        with pytest.raises(WarrenError) as refusal:
            parse(text)
        assert refusal.value.code is code
        assert refusal.value.text.isprintable()


def test_capital_letters_are_for_people_not_for_documents() -> None:
    assert not is_host_label("Laptop")


@pytest.mark.parametrize(
    ("machine", "label"),
    [
        ("Anna's Mac.local", "anna-s-mac"),
        ("DESKTOP-1", "desktop-1"),
        ("db.example.org", "db"),
        ("--x--", "x"),
        ("x" * 80, "x" * 63),
        ("x" * 62 + "--y", "x" * 62),
        ("ünïcode", "n-code"),
        ("", None),
        ("日本", None),
        (".local", None),
    ],
)
def test_a_machines_name_suggests_a_label(machine: str, label: str | None) -> None:
    assert suggest_host_label(machine) == label


def test_a_suffix_is_labels_and_dots() -> None:
    assert parse_dns_suffix("Default.Warren.Internal") == "default.warren.internal"
    longest = ".".join(["a" * 63] * 2 + ["b" * 61])
    assert parse_dns_suffix(longest) == longest
    for text in ("", ".", "a.", ".a", "a..b", "a b", "-a.b", longest + "bb"):
        with pytest.raises(WarrenError):
            parse_dns_suffix(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ASCII ~", "plain ASCII ~"),
        ("Grüße, мир, 日本, 🙂", "Grüße, мир, 日本, 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\x7f\x9b0m", "\\x7f\\x9b0m"),
        ("safe\u202etxt.exe", "safe\\u202etxt.exe"),
        ("\u2066\u2069\u200f\u061c", "\\u2066\\u2069\\u200f\\u061c"),
        ("a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg", "a\\u200bb\\u200cc\\u200dd\\ufeffe\\u2060f\\xadg"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\u3164\uffa0\ufe0f", "\\u3164\\uffa0\\ufe0f"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_could_move_or_fool_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_at_all_gets_through_that_controls_hides_or_turns() -> None:
    for code in range(0x110000):
        shown = printable(chr(code))
        category = unicodedata.category(chr(code))
        bidi = unicodedata.bidirectional(chr(code))
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} or bidi in {
            "LRE",
            "RLE",
            "PDF",
            "LRO",
            "RLO",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }:
            assert shown.isascii(), hex(code)
            assert shown.startswith("\\"), hex(code)
        assert printable(shown) == shown
