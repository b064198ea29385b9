"""One line each, and of each warning only so many."""

import io
import json
import logging
from pathlib import Path

import pytest

from warren.limits import LOG_KINDS_MAX, LOG_LINES_A_MINUTE
from warren.log import MINUTE_S, FewOfEach, _BoundedStream, _Lines


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(clock: Clock, out: io.StringIO) -> logging.Logger:
    logger = logging.Logger("test")  # noqa: LOG001 - of this test alone, not in the tree of all loggers
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Lines())
    handler.addFilter(FewOfEach(clock))
    logger.addHandler(handler)
    return logger


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_warning_that_comes_without_end_is_written_a_few_times_a_minute_and_then_counted(
    logger: logging.Logger, clock: Clock, out: io.StringIO
) -> None:
    for _ in range(1000):
        logger.warning("bad input")
    assert len(lines(out)) == LOG_LINES_A_MINUTE
    clock.now += MINUTE_S
    logger.warning("bad input")
    assert lines(out)[-1]["left_out"] == str(1000 - LOG_LINES_A_MINUTE)


def test_one_warning_hides_no_other_and_what_is_no_warning_is_not_counted(
    logger: logging.Logger, out: io.StringIO
) -> None:
    for _ in range(LOG_LINES_A_MINUTE * 2):
        logger.warning("bad input")
        logger.info("a session")
    logger.error("a bug")
    events = [line["event"] for line in lines(out)]
    assert (events.count("a session"), events[-1]) == (LOG_LINES_A_MINUTE * 2, "a bug")


def test_the_memory_of_texts_has_an_end(clock: Clock) -> None:
    few = FewOfEach(clock)
    for number in range(LOG_KINDS_MAX * 2):
        assert few.filter(logging.LogRecord("test", logging.WARNING, "", 0, f"text {number}", None, None))
    assert len(few._windows) <= LOG_KINDS_MAX


def test_what_others_say_cannot_move_a_terminal_nor_forge_a_line(logger: logging.Logger, out: io.StringIO) -> None:
    hostile = "\x1b[2J\u202e\nforged"
    logger.error("it failed", exc_info=ValueError(hostile), extra={"fields": {"said": hostile}})
    assert len(out.getvalue().splitlines()) == 1
    shown = "".join(str(value) for value in lines(out)[0].values())
    assert not {"\x1b", "\u202e"} & set(shown)


@pytest.mark.parametrize("mode", ["a", "w"])
def test_a_file_that_is_full_begins_anew_however_it_was_opened(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`2>log` does not append: behind a cut its next line would stand behind a hole, and the file be full for ever."""
    monkeypatch.setattr("warren.log.LOG_FILE_MAX_BYTES", 300)
    path = tmp_path / "log"
    with path.open(mode) as stream:
        handler = _BoundedStream(stream)
        for number in range(100):
            handler.emit(logging.makeLogRecord({"msg": f"line {number}"}))
    assert 0 < path.stat().st_size <= 310
    assert path.read_text().splitlines()[-1] == "line 99"
    assert "\0" not in path.read_text()
