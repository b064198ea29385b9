"""How the server logs: a constant message and fields, one line of JSON each, on stderr.

Decides format and level. Fields are from a closed list of words (code, network, count, seconds ...); nothing secret, no
addresses or names above debug; `Secret` values print redacted by themselves. Libraries' own logs come in as warnings.
"""

import logging
import sys
from typing import Any

import structlog

from warren.model.names import printable

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(level: str) -> None:
    """Configure structlog and the standard library's logging for this process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    library = logging.StreamHandler(sys.stderr)
    library.setFormatter(_OneLine())
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[library], force=True)


def logger(part: str) -> Any:
    """The logger of one part of the server."""
    return structlog.get_logger(part=part)


class _OneLine(logging.Formatter):
    """Lines of libraries, with whatever bytes of strangers they hold made printable."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return "\n".join(printable(line) for line in text.splitlines())
