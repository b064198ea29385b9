"""Mutated inputs for every Python parser: `python -m tools.fuzz_python [--runs N] [--target NAME] [--seed N]`.

A million a parser is the bar (`make fuzz`); a test replays a few in CI. Each input follows from (parser, seed, number),
so a finding comes back; the input itself is printed too. The first inputs that were taken, and are short, become seeds.
"""

import argparse
import hashlib
import logging
import random  # noqa: TID251 - a fuzzer's own source, seeded here
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tools.fuzz_rust import Outcome
from tools.fuzzing import (
    documents,
    files,
    gateways,
    local,
    netlink,
    offices,
    passkeys,
    peers,
    providers,
    relays,
    rest,
    sessions,
    strangers,
    streams,
    stun,
    typed,
    wireguard,
    words,
)
from tools.fuzzing.mutation import mutate
from tools.fuzzing.parser import Parser

PARSERS: tuple[Parser, ...] = (
    *documents.PARSERS, *sessions.PARSERS, *peers.PARSERS, *words.PARSERS, *files.PARSERS, *local.PARSERS,
    *netlink.PARSERS, *gateways.PARSERS, *stun.PARSERS, *relays.PARSERS, *offices.PARSERS, *passkeys.PARSERS,
    *providers.PARSERS, *rest.PARSERS, *typed.PARSERS, *wireguard.PARSERS,
    *streams.PARSERS, *strangers.PARSERS,
)  # fmt: skip
FINDINGS = Path(__file__).resolve().parents[1] / "tests" / "property" / "found_by_fuzzing.txt"
INPUT_MAX_BYTES = 16 * 1024  # a mutation may double its input; beyond this it only costs time
GROWN_SEEDS_MAX = 64
GROWN_TIMES = 2  # the longest seed: a grown one is there for what is new in it, and length makes every later input slow
FINDINGS_MAX = 5  # a parser that fails at once fails often


def known_cases() -> Iterator[tuple[str, bytes]]:
    """(parser, input) of everything that a run ever found; `#` begins a note."""
    for line in FINDINGS.read_text().splitlines():
        if words_of := line.partition("#")[0].split():
            yield words_of[0], bytes.fromhex(words_of[1]) if len(words_of) > 1 else b""


def run(parser: Parser, executions: int, seed: int) -> Outcome:
    """Check seeds and mutated inputs; ends early only after several findings."""
    rng = random.Random(f"{parser.name}/{seed}")  # noqa: S311 - has to come back, not to be secret
    seeds = list(parser.seeds)
    grown_max = GROWN_TIMES * max(map(len, seeds))
    findings: dict[str, str] = {}
    began = time.monotonic()
    number = 0
    for data in parser.seeds:
        _examine(parser, data, findings)
    while number < executions and len(findings) < FINDINGS_MAX:
        number += 1
        data = mutate(rng.choice(seeds), seeds, parser.words, rng)[:INPUT_MAX_BYTES]
        taken = _examine(parser, data, findings)
        room = len(seeds) < len(parser.seeds) + GROWN_SEEDS_MAX and len(data) <= grown_max
        if taken and room and data not in seeds:
            seeds.append(data)
    return Outcome(parser.name, number, time.monotonic() - began, tuple(findings.values()))


def _examine(parser: Parser, data: bytes, findings: dict[str, str]) -> bool:
    try:
        return parser.check(data)
    except Exception as error:  # noqa: BLE001 - whatever comes out here is what is looked for
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
        text = f"{type(error).__name__} at {where}: {str(error)[:200]}"
        key = hashlib.sha256(f"{type(error).__name__} {where}".encode()).hexdigest()
        findings.setdefault(key, f"{parser.name}: {text}: {data[:2000].hex()}")
        return False


def main() -> int:
    """One line a parser; exit code 1 where something was found."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=1_000_000)
    arguments.add_argument("--target", default="")
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    logging.disable()  # a warning for every damaged file is what a daemon says, not what is looked for
    found = False
    for parser in PARSERS:
        if chosen.target in {"", parser.name}:
            outcome = run(parser, chosen.runs, chosen.seed)
            print(
                f"{outcome.target:24}{outcome.executions:>12}{outcome.seconds:>9.1f} s  {len(outcome.findings)}",
                flush=True,
            )
            for finding in outcome.findings:
                found = True
                print(f"  {finding}", flush=True)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
