"""The command line: what it means, and what is said where it means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.cli.commands import COMMANDS, SHARED
from warren.cli.grammar import Kind, Parsed, UsageError
from warren.cli.parse import HelpWanted, parse


def parsed(*words: str, **environment: str) -> Parsed:
    found = parse(words, environment, COMMANDS, SHARED)
    assert isinstance(found, Parsed)
    return found


def test_a_command_of_two_words_is_found_with_flags_anywhere() -> None:
    line = parsed("--json", "key", "create", "--server", "/data", "--reusable")
    assert line.command.path == ("key", "create")
    assert line.text("server") == "/data"
    assert line.is_on("json")
    assert line.is_on("reusable")


def test_a_flag_may_carry_its_value_after_an_equals_sign() -> None:
    assert parsed("up", "--server=https://a.example?x=1", "--hostname=a").text("server") == "https://a.example?x=1"


def test_a_short_flag_takes_its_value_with_or_without_a_blank() -> None:
    assert parsed("ping", "b", "-c", "3").number("count", 1, 9) == 3
    assert parsed("ping", "-c3", "b").number("count", 1, 9) == 3


def test_a_switch_can_be_said_no_to_where_the_table_allows() -> None:
    assert parsed("ping", "b", "--no-until-direct").switch("until-direct") is False
    assert parsed("ping", "b", "--until-direct").switch("until-direct") is True
    assert parsed("ping", "b").switch("until-direct") is None
    with pytest.raises(UsageError, match="no flag --no-json"):
        parsed("ping", "b", "--no-json")


def test_a_flag_of_many_values_collects_them_and_another_keeps_the_last() -> None:
    line = parsed("up", "--tag", "a", "--tag", "b", "--hostname", "one", "--hostname", "two")
    assert line.texts("tag") == ("a", "b")
    assert line.text("hostname") == "two"


def test_every_flag_has_a_variable_and_the_command_line_wins() -> None:
    environment = {
        "WARREN_SERVER": "https://env.example",
        "WARREN_TAG": "a,b",
        "WARREN_AUTH_KEY": "wk.x",
        "WARREN_JSON": "1",
    }
    line = parsed("up", "--server", "https://flag.example", **environment)
    assert line.text("server") == "https://flag.example"
    assert line.texts("tag") == ("a", "b")
    assert line.text("auth-key") == "wk.x"
    assert line.is_on("json")


@pytest.mark.parametrize("words", [("member", "approve", "phone"), ("invite", "create")])
def test_what_names_this_machine_names_no_other_one(words: tuple[str, ...]) -> None:
    """WARREN_HOSTNAME stands in units and containers for `warren up`."""
    assert parsed("up", WARREN_HOSTNAME="laptop").text("hostname") == "laptop"
    assert parsed(*words, WARREN_HOSTNAME="laptop").text("hostname") is None
    assert parsed(*words, WARREN_MEMBER_HOSTNAME="phone").text("hostname") == "phone"


@pytest.mark.parametrize(
    ("said", "is_on"), [("1", True), ("true", True), ("yes", True), ("0", False), ("no", False), ("", False)]
)
def test_a_variable_of_a_switch_says_yes_or_no(said: str, is_on: bool) -> None:  # noqa: FBT001 - given by parametrize
    assert parsed("status", WARREN_JSON=said).is_on("json") is is_on


def test_words_after_two_dashes_are_no_flags() -> None:
    assert parsed("ping", "--", "--strange").argument("host") == "--strange"


def test_a_single_dash_is_a_value() -> None:
    assert parsed("up", "--server", "https://a.example", "--auth-key", "-").text("auth-key") == "-"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pign", "b"], "no command 'pign'; did you mean ping?"),
        (["key", "creat"], "warren key has no command 'creat'; did you mean create?"),
        (["ping", "b", "--cuont", "3"], "no flag --cuont; did you mean --count?"),
        (["ping"], "needs HOST"),
        (["ping", "a", "b"], "does not take 'b'"),
        (["ping", "b", "-x"], "no flag -x"),
        (["up", "--server"], "--server needs text"),
        (["up", "--port"], "--port needs a whole number"),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest_right_word(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, {}, COMMANDS, SHARED)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["x", "0", "11", "1.5", "", "٣", "1_0", "+3", "9" * 5000])
def test_a_number_out_of_its_bounds_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--count takes a whole number from 1 to 10"):
        parsed("ping", "b", "--count", text).number("count", 1, 10)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("12h", 43200), ("7d", 604800), ("45", 45), ("1.5s", 1.5)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert parsed("status", "--timeout", text).duration_s("timeout") == seconds


@pytest.mark.parametrize("text", ["", "5y", "-5s", "s", "5 s", "1e3", "٣s"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="takes a duration"):
        parsed("status", f"--timeout={text}").duration_s("timeout")


@pytest.mark.parametrize(
    ("words", "path", "is_asked"),
    [
        ([], (), False),
        (["--help"], (), True),
        (["key"], ("key",), False),
        (["key", "--help"], ("key",), True),
        (["up", "--help"], ("up",), True),
        (["ping", "-h"], ("ping",), True),
        (["up", "--server", "x", "--help"], ("up",), True),
    ],
)
def test_help_is_wanted_for_what_was_named_so_far(words: list[str], path: tuple[str, ...], is_asked: bool) -> None:  # noqa: FBT001 - given by parametrize
    assert parse(words, {}, COMMANDS, SHARED) == HelpWanted(path, is_asked)


def test_the_value_of_a_flag_is_never_taken_for_a_wish_for_help() -> None:
    assert parsed("up", "--hostname", "--help").text("hostname") == "--help"


def test_no_two_commands_share_a_path_and_no_two_flags_of_one_a_name() -> None:
    assert len({command.path for command in COMMANDS}) == len(COMMANDS)
    for command in COMMANDS:
        names = [flag.name for flag in (*command.flags, *SHARED)]
        assert len(set(names)) == len(names)


def test_every_flag_that_takes_a_value_says_what_it_is_called() -> None:
    for command in COMMANDS:
        for flag in (*command.flags, *SHARED):
            assert bool(flag.value) == (flag.kind is not Kind.SWITCH)


WORDS = [
    *(word for command in COMMANDS for word in command.path),
    "--json",
    "--count",
    "-c",
    "--server=x",
    "--",
    "-",
    "--no-x",
    "-h",
]


@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=8),
    st.dictionaries(st.just("WARREN_TAG"), st.text()),
)
def test_any_words_are_a_command_a_wish_for_help_or_wrong_usage(words: list[str], environment: dict[str, str]) -> None:
    try:
        found = parse(words, environment, COMMANDS, SHARED)
    except UsageError:
        return  # the one way to be wrong
    assert isinstance(found, Parsed | HelpWanted)
