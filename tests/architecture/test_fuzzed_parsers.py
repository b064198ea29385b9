"""Every module that reads what others say has a fuzz target, or stands here with the reason why not (rule 37)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.fuzz_python import PARSERS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "warren").rglob("*.py"))
TARGETS = sorted((ROOT / "tools" / "fuzzing").glob("*.py"))
READS = re.compile(
    r"^\s*(?:async )?def (?:parse|decode|unpack)_?\w*\(|\b(?:json|msgpack|tomllib|cbor2)\.(?:decode|loads?|Decoder)\("
    r"|\bdecode_json\(|\bmsgspec\.convert\(|\bparse_qsl\(",
    re.MULTILINE,
)

NOT_TRIED = {
    "cli/output.py": "JSON of this very process, to print it",
    "client/credentials.py": "the user's own file, 0600; a value of another type is refused with a code",
    "cli/parse.py": "the command line of the user who runs it",
    "client/process.py": "the last line of our own program, which the user started",
    "engine/events.py": "events of our own engine, in the same process",
    "engine/filter.py": "records of our own engine, in the same process",
    "engine/places.py": "places of our own engine, in the same process",
    "policy/positions.py": "by `policy.language`, whose target is `policy`",
    "relay/serving.py": "counters of our own engine, in the same process",
    "server/approvals/service.py": "columns that this server wrote",
    "server/accounts/routes.py": "columns that this server wrote",
    "server/accounts/service.py": "columns that this server wrote",
    "server/audit/routes.py": "columns that this server wrote",
    "server/devices/routes.py": "columns that this server wrote",
    "server/devices/service.py": "columns that this server wrote",
    "server/front.py": "its own child's lines: one that is no JSON ends the child (tests/server/test_front_process.py)",
    "server/invites/routes.py": "columns that this server wrote",
    "server/repeats/service.py": "answers that this server wrote and sealed",
    "server/networks/live.py": "documents that `authenticate` took before they were stored",
}
"""Modules that no target imports."""


def readers() -> Iterator[str]:
    for path in SOURCES:
        if READS.search(path.read_text()):
            yield path.relative_to(ROOT / "src" / "warren").as_posix()


def imported() -> set[str]:
    """The modules that targets name, as paths."""
    found: set[str] = set()
    for path in TARGETS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("warren"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                found |= {name.removeprefix("warren.").replace(".", "/") + ".py" for name in names}
    return found


def test_every_module_that_reads_what_others_say_has_a_target_or_a_reason() -> None:
    assert sorted(set(readers()) - imported() - NOT_TRIED.keys()) == []


def test_reasons_are_about_modules_that_read_and_are_not_tried() -> None:
    assert sorted(NOT_TRIED.keys() - (set(readers()) - imported())) == []


def test_every_body_of_a_route_has_a_target() -> None:
    routes = "\n".join(path.read_text() for path in (ROOT / "src" / "warren" / "server").rglob("routes.py"))
    bodies = set(re.findall(r"JSONBody\[(\w+)\]", routes))
    tried = (ROOT / "tools" / "fuzzing" / "rest.py").read_text()
    assert len(bodies) > 10
    assert [body for body in sorted(bodies) if f".{body}" not in tried.partition("PARSERS = (")[2]] == []


def test_each_target_is_run_and_named_once() -> None:
    lists = [path for path in TARGETS if re.search(r"^PARSERS = \(", path.read_text(), re.MULTILINE)]
    runner = (ROOT / "tools" / "fuzz_python.py").read_text()
    assert [path.stem for path in lists if f"*{path.stem}.PARSERS" not in runner] == []
    names = [parser.name for parser in PARSERS]
    assert len(names) == len(set(names)) >= 100
