"""The house rules that no linter knows: the map is true, names say something, files stay one idea."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ATTRACTS_EVERYTHING = {"utils", "util", "helpers", "common", "misc", "shared", "manager", "base", "types"}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def named_paths(document: str) -> list[str]:
    """Paths in backquotes: they contain a slash or a known ending and no blank, glob or placeholder."""
    quoted = re.findall(r"`([^`\s]+)`", (ROOT / document).read_text())
    return sorted(
        {
            path
            for path in quoted
            if re.fullmatch(r"[\w./-]+", path)
            and (re.match(r"(src|engine|tests|tools|deploy|demo|benchmarks|docs|\.ci)/", path) or path.endswith(".md"))
        }
    )


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_every_path_that_a_document_names_exists(document: str) -> None:
    missing = [path for path in named_paths(document) if not (ROOT / path).exists()]
    assert missing == []


def test_the_architecture_names_the_top_of_every_part() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    parts = sorted(path.name for path in (ROOT / "src" / "warren").iterdir() if (path / "__init__.py").exists())
    assert [part for part in parts if f"src/warren/{part}/" not in text] == []


def test_no_file_has_a_name_that_attracts_everything() -> None:
    assert [str(path) for path in tracked("*.py", "*.rs") if path.stem in ATTRACTS_EVERYTHING] == []


def test_nothing_names_a_registry_or_a_path_of_the_machine_it_was_made_on() -> None:
    forbidden = re.compile(r"pypi\.org|crates\.io|registry\.npmjs|proxy\.golang|/root/|/work/(main|shared|wt-)")
    checked = [path for path in tracked() if path.name not in {"Cargo.lock", Path(__file__).name}]
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in checked
        if (match := forbidden.search(path.read_text(errors="replace")))
    ]
    assert found == []


def test_every_program_has_pools_of_threads_with_a_bound() -> None:
    """asyncio's own pool has no name and the size of the machine: `warren.running` begins every loop."""
    begun = [path for path in tracked("src/*.py") if re.search(r"asyncio\.(run|Runner)\(", path.read_text())]
    assert [path.relative_to(ROOT).as_posix() for path in begun] == ["src/warren/running.py"]
    pools = [path for path in tracked("src/*.py") if "PoolExecutor(" in path.read_text()]
    assert pools == begun


def test_no_limit_has_the_name_of_another() -> None:
    """The later one would hold for both: a server took no more networks than one machine does."""
    text = (ROOT / "src/warren/limits.py").read_text()
    names = re.findall(r"^([A-Z][A-Z0-9_]*)\b.*?=", text, re.MULTILINE)
    assert len(names) > 100
    assert sorted({name for name in names if names.count(name) > 1}) == []
