"""The file of expected classes, `grid.txt`: which kinds of router meet directly, by plain probing and by Warren."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

FILE = Path(__file__).with_name("grid.txt")


class Class(Enum):
    """What a cell is."""

    DIRECT = "D"
    OFTEN = "M"
    RELAYED = "R"


@dataclass(frozen=True, slots=True)
class Grid:
    """One table of the file; a cell has no order."""

    kinds: tuple[str, ...]
    cells: dict[frozenset[str], Class]

    def __getitem__(self, pair: tuple[str, str]) -> Class:
        """The class of two kinds; KeyError where the file has none."""
        return self.cells[frozenset(pair)]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every cell once."""
        for number, left in enumerate(self.kinds):
            for right in self.kinds[: number + 1]:
                yield left, right

    def show(self, found: dict[tuple[str, str], str]) -> str:
        """The table again, with what was found in the place of the classes."""
        width = max(map(len, found.values()), default=1)
        rows = []
        for number, left in enumerate(self.kinds):
            cells = [found.get((left, right), "").rjust(width) for right in self.kinds[: number + 1]]
            rows.append(f"{left:<22}{' '.join(cells)}".rstrip())
        return "\n".join(rows)


def read(table: str, file: Path = FILE) -> Grid:
    """The table of that name; ValueError where a row is short, KeyError where there is no such table."""
    tables: dict[str, list[tuple[str, list[str]]]] = {}
    rows: list[tuple[str, list[str]]] = []
    for line in file.read_text().splitlines():
        kind, gap, letters = line.partition("  ")
        if line.startswith("#") or not line:
            continue
        if gap:
            rows.append((kind, letters.split()))
        else:
            rows = tables.setdefault(kind, [])
    kinds = tuple(kind for kind, _ in tables[table])
    cells = {}
    for number, (left, classes) in enumerate(tables[table]):
        for right, letter in zip(kinds[: number + 1], classes, strict=True):
            cells[frozenset((left, right))] = Class(letter)
    return Grid(kinds, cells)
