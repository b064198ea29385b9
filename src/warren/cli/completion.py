"""`warren completion SHELL`: completions for bash, zsh and fish, made of the table.

Decides what each shell offers: commands, then the flags of the command. Values are left to the shell (files).
"""

from warren.cli import output
from warren.cli.commands import COMMANDS, PROGRAMS, SHARED
from warren.cli.grammar import Flag, Kind, Parsed, UsageError


def completion(parsed: Parsed) -> int:
    """Print the script for a shell."""
    shell = parsed.argument("shell")
    makers = {"bash": bash, "zsh": zsh, "fish": fish}
    if shell not in makers:
        raise UsageError(f"completions are made for bash, zsh and fish, not '{shell}'")
    output.say(makers[shell]().rstrip("\n"))
    return output.DONE


def words_after() -> dict[str, tuple[str, ...]]:
    """Return, for each sequence of words that begins a command, what may follow it."""
    after: dict[str, dict[str, None]] = {"": dict.fromkeys(name for name, _ in PROGRAMS)}
    for command in COMMANDS:
        for length in range(len(command.path)):
            after.setdefault(" ".join(command.path[:length]), {})[command.path[length]] = None
        flags = (spelling for flag in (*command.flags, *SHARED) for spelling in _spellings(flag))
        after.setdefault(command.name, {}).update(dict.fromkeys(flags))
    return {path: tuple(words) for path, words in after.items()}


def bash() -> str:
    """Return the script for bash."""
    cases = "\n".join(
        f'        "{path}") words="{" ".join(words)}" ;;' for path, words in sorted(words_after().items())
    )
    return f"""# bash completion for warren
_warren() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" path="" words="" index word
    for ((index = 1; index < COMP_CWORD; index++)); do
        word="${{COMP_WORDS[index]}}"
        [[ $word == -* ]] && break
        path="${{path:+$path }}$word"
    done
    while true; do
        case "$path" in
{cases}
        esac
        [[ -n $words || -z $path ]] && break
        [[ $path == *" "* ]] && path="${{path% *}}" || path=""
    done
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [[ ${{#COMPREPLY[@]}} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}}
complete -F _warren warren
"""


def zsh() -> str:
    """Return the script for zsh, to be found as `_warren` on fpath."""
    cases = "\n".join(
        f'        "{path}") offered=({" ".join(words)}) ;;' for path, words in sorted(words_after().items())
    )
    return f"""#compdef warren
_warren() {{
    local typed="" word
    local -a offered
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        [[ $word == -* ]] && break
        typed="${{typed:+$typed }}$word"
    done
    while true; do
        case "$typed" in
{cases}
        esac
        (( ${{#offered}} )) && break
        [[ -z $typed ]] && break
        [[ $typed == *" "* ]] && typed="${{typed% *}}" || typed=""
    done
    compadd -a offered || _files
}}
_warren "$@"
"""


def fish() -> str:
    """Return the script for fish."""
    lines = ["# fish completion for warren", "complete -c warren -f"]
    for name, text in PROGRAMS:
        lines.append(_fish_word((), name, text))
    done: set[tuple[str, ...]] = set()
    for command in COMMANDS:
        for length in range(len(command.path)):
            path = command.path[: length + 1]
            if path not in done:
                done.add(path)
                text = command.summary if path == command.path else f"{path[-1]} commands"
                lines.append(_fish_word(path[:-1], path[-1], text))
        seen = " and ".join(f"__fish_seen_subcommand_from {word}" for word in command.path)
        for flag in (*command.flags, *SHARED):
            takes = "" if flag.kind is Kind.SWITCH else " -r"
            short = f" -s {flag.short}" if flag.short else ""
            lines.append(f"complete -c warren -n '{seen}' -l {flag.name}{short}{takes} -d '{_quoted(flag.help)}'")
    return "\n".join(lines) + "\n"


def _fish_word(before: tuple[str, ...], word: str, text: str) -> str:
    seen = " and ".join(f"__fish_seen_subcommand_from {one}" for one in before) or "__fish_use_subcommand"
    return f"complete -c warren -n '{seen}' -a {word} -d '{_quoted(text)}'"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _spellings(flag: Flag) -> tuple[str, ...]:
    return (f"--{flag.name}", f"--no-{flag.name}") if flag.can_be_no else (f"--{flag.name}",)
