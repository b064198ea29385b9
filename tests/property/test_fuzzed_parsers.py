"""Every Python parser with a few mutated inputs, and with every input that a long run (`make fuzz`) ever found."""

import pytest
from tools.fuzz_python import FINDINGS, PARSERS, known_cases, run
from tools.fuzzing.parser import Parser

RUNS = 150
OF_NAME = {parser.name: parser for parser in PARSERS}


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_mutated_inputs_are_taken_or_refused_as_documented(parser: Parser) -> None:
    taken = [seed for seed in parser.seeds if parser.check(seed)]
    assert taken, "no seed is taken, so no mutation gets far"
    assert run(parser, RUNS, seed=2).findings == ()


def test_what_was_found_once_is_not_found_again() -> None:
    for name, data in known_cases():
        OF_NAME[name].check(data)
    assert FINDINGS.exists()


def test_a_parser_that_fails_is_a_finding_with_its_input() -> None:
    def check(data: bytes) -> bool:
        return data[3] == data[0]

    found = run(Parser("broken", (b"abcda",), check), 2000, seed=1).findings
    assert found
    assert "IndexError" in found[0]
    short = bytes.fromhex(found[0].rsplit(": ", 1)[1])
    assert len(short) < 4
