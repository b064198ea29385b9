"""The log of every program: one JSON object a line on stderr: a constant message and fields.

Decides the format and the bounds: where stderr is a plain file (STATE/daemon.log), it is cut when it reaches its
maximum; of one warning or error at most LOG_LINES_A_MINUTE are written a minute, and the next one that is says how many
were left out, so that nobody fills a disk by sending what we complain about. Plain `logging`, since structlog's import
alone (240 ms) would take most of the daemon's time to start. What libraries log comes in from WARNING up. Texts from
outside pass `printable`; addresses and names belong at DEBUG only, secrets nowhere.
"""

import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from warren.limits import LOG_FILE_MAX_BYTES, LOG_KINDS_MAX, LOG_LINES_A_MINUTE
from warren.model.names import printable

_ROOT = "warren"
MINUTE_S = 60.0


class _Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {"at": f"{moment}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        line["event"] = printable(record.getMessage())
        fields = record.__dict__.get("fields")
        if isinstance(fields, dict):
            line |= {str(name): printable(str(value)) for name, value in fields.items()}
        if record.exc_info:
            line["trace"] = "\n".join(map(printable, self.formatException(record.exc_info).split("\n")))
        return json.dumps(line, ensure_ascii=False)


class _BoundedStream(logging.StreamHandler[IO[str]]):
    """Writes to stderr; cuts it when it is a plain file that has grown to its maximum."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        try:
            status = os.fstat(self.stream.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > LOG_FILE_MAX_BYTES:
                os.ftruncate(self.stream.fileno(), 0)
                os.lseek(self.stream.fileno(), 0, os.SEEK_SET)  # where it does not append, it would go on behind a hole
        except (OSError, ValueError):
            return  # stderr is closed or no file at all: nothing to bound


@dataclass(slots=True)
class _Window:
    began_at: float
    written: int = 0
    left_out: int = 0


class FewOfEach(logging.Filter):
    """Lets so many warnings or errors of one place and text through a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; the first of a new minute carries how many before it were not."""
        if record.levelno < logging.WARNING:
            return True
        now, key = self._clock(), (record.name, str(record.msg))
        window = self._windows.get(key)
        if window is None or now - window.began_at >= MINUTE_S:
            if window is None and len(self._windows) >= LOG_KINDS_MAX:
                del self._windows[next(iter(self._windows))]
            if window is not None and window.left_out:
                record.__dict__["fields"] = {**record.__dict__.get("fields", {}), "left_out": window.left_out}
            window = self._windows[key] = _Window(now)
        if window.written >= LOG_LINES_A_MINUTE:
            window.left_out += 1
            return False
        window.written += 1
        return True


class Log:
    """A part's voice: `info("session open", server=url)`."""

    def __init__(self, part: str) -> None:
        self._logger = logging.getLogger(f"{_ROOT}.{part}")

    def debug(self, event: str, **fields: object) -> None:
        """For who looks for a fault: may hold names and addresses."""
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        """What an owner wants to know happened."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        """The world failed us; a health entry says the same."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: object) -> None:
        """A part of ours does not work and somebody has to look."""
        self._logger.error(event, extra={"fields": fields})

    def bug(self, event: str, error: BaseException, **fields: object) -> None:
        """A task ended by an error that is our own: once, with the trace."""
        self._logger.error(event, exc_info=error, extra={"fields": fields})


def begin(level: str) -> None:
    """Send the lines of this process from `level` (debug, info, warning, error) up to stderr."""
    handler = _BoundedStream(sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(FewOfEach())
    own_level = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own_level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger(_ROOT).setLevel(own_level)
