"""Help teaches: every command has an example that parses, every flag its variable; what is not built is not offered."""

import importlib
import shlex
import shutil
import subprocess

import pytest

from warren.cli.commands import COMMANDS, GROUPS, SHARED
from warren.cli.completion import bash, fish, words_after, zsh
from warren.cli.grammar import Command, Parsed
from warren.cli.help import help_for
from warren.cli.parse import parse

EACH = pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])


@EACH
def test_every_command_has_examples_that_parse_to_it(command: Command) -> None:
    assert command.examples
    for line, _ in command.examples:
        words = shlex.split(line.split(" > ")[0])
        found = parse(words[1:], {}, COMMANDS, SHARED)
        assert isinstance(found, Parsed)
        assert found.command is command


@EACH
def test_the_help_of_a_command_shows_its_flags_with_their_variables(command: Command) -> None:
    text = help_for(command.path)
    assert text.startswith(f"warren {command.name}: ")
    joined = " ".join(text.split())
    for flag in (*command.flags, *SHARED):
        assert flag.variable in joined
    for line, _ in command.examples:
        assert line in text
    assert max(len(line) for line in text.splitlines()) <= 120


@EACH
def test_every_command_leads_to_a_function_that_takes_a_command_line(command: Command) -> None:
    module, _, function = command.run.partition(":")
    run = getattr(importlib.import_module(f"warren.cli.{module}"), function)
    assert run.__annotations__ == {"parsed": Parsed, "return": int}
    assert run.__doc__


def test_the_first_page_names_every_group_and_the_first_steps() -> None:
    text = help_for(())
    for word in (
        "up",
        "down",
        "leave",
        "status",
        "ping",
        "whoami",
        "key",
        "network",
        "member",
        "server",
        "daemon",
        "config",
        "completion",
    ):
        assert f"\n  {word} " in text
    assert text.index("warren server --data") < text.index("warren key create") < text.index("warren up --server")


def test_every_group_says_what_it_is_about() -> None:
    groups = {command.path[:length] for command in COMMANDS for length in range(1, len(command.path))}
    for path in groups:
        text = help_for(path)
        assert text.splitlines()[0].partition(": ")[2] == GROUPS[" ".join(path)]
    assert "network domain" not in help_for(())


@pytest.mark.parametrize("word", ["ssh", "--ticket", "--dns", "exit"])
def test_what_is_not_built_is_not_offered(word: str) -> None:
    offered = {name for command in COMMANDS for name in command.path}
    offered |= {f"--{flag.name}" for command in COMMANDS for flag in command.flags}
    assert word not in offered


def test_completions_offer_commands_and_their_flags() -> None:
    after = words_after()
    assert {"up", "status", "key", "server"} <= set(after[""])
    assert set(after["key"]) == {"create", "list", "revoke"}
    assert {"--count", "--no-until-direct", "--json"} <= set(after["ping"])


def bash_completes(*words: str) -> set[str]:
    quoted = " ".join(shlex.quote(word) for word in words)
    script = (
        f"{bash()}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n_warren\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    return set(done.stdout.split())


def test_bash_completes_words_and_flags() -> None:
    assert bash_completes("warren", "st") == {"status"}
    assert bash_completes("warren", "key", "") == {"create", "list", "revoke"}
    assert "--reusable" in bash_completes("warren", "key", "create", "--")
    assert "--no-until-direct" in bash_completes("warren", "ping", "db", "--no")


@pytest.mark.parametrize(("shell", "script"), [("bash", bash()), ("zsh", zsh()), ("fish", fish())])
def test_a_shell_that_is_here_accepts_its_script(shell: str, script: str) -> None:
    assert "key" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=20)
