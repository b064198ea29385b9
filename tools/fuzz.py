"""`make fuzz`: every parser, Rust then Python, one after the other, and a table of what was done and found.

`--runs` is the number of inputs for each (10 million in Rust, a million in Python), `--target` chooses one, `--pack`
brings what the Rust runs learnt back into the committed corpora. Exit code 1 where something was found, 2 where the
machine lacks what it takes.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import fuzz_python, fuzz_rust
from tools.fuzz_rust import MissingError, Outcome

RUST_RUNS = 10_000_000
PYTHON_RUNS = 1_000_000


def main() -> int:
    """See the module."""
    arguments = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    arguments.add_argument("--runs", type=int, help="inputs for each parser")
    arguments.add_argument("--target", default="", help="one parser by its name")
    arguments.add_argument("--pack", action="store_true", help="keep what the Rust runs learnt")
    chosen = arguments.parse_args()
    logging.disable()  # what a daemon would say of each damaged file is not what is looked for
    known = {*fuzz_rust.targets(), *(parser.name for parser in fuzz_python.PARSERS)}
    if chosen.target and chosen.target not in known:
        print(f"fuzz: '{chosen.target}' is no target; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    print(f"{'target':<24}{'executions':>12}{'seconds':>9}  findings", flush=True)
    findings: list[str] = []
    try:
        for outcome in _all(chosen.target, chosen.runs, pack=chosen.pack):
            findings += outcome.findings
            row = f"{outcome.target:<24}{outcome.executions:>12}{outcome.seconds:>9.1f}  {len(outcome.findings)}"
            print(row, flush=True)
    except MissingError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    return int(bool(findings))


def _all(target: str, runs: int | None, *, pack: bool) -> Iterator[Outcome]:
    rust = [name for name in fuzz_rust.targets() if target in {"", name}]
    program = fuzz_rust.build() if rust else Path()
    for name in rust:
        yield fuzz_rust.run(program, name, runs or RUST_RUNS)
        if pack:
            fuzz_rust.pack(program, name)
    for parser in fuzz_python.PARSERS:
        if target in {"", parser.name}:
            yield fuzz_python.run(parser, runs or PYTHON_RUNS, seed=1)


if __name__ == "__main__":
    sys.exit(main())
