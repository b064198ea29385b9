"""Lines of a streamed answer (`/v1/up`, `/v1/ping`): one JSON object a line, the kind in `t`.

Any number of progress lines (or pongs), then exactly one last line: a result or `Broken`. A stream that ends without
one was cut.
"""

import msgspec

from warren.protocol.rest.problem import Problem


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    """What every line has in common: the key `t`."""


class Progress(Line, frozen=True, kw_only=True, tag="progress"):
    """What is being done, for a person who waits (`joining vpn.example.org`)."""

    text: str


class Broken(Line, frozen=True, kw_only=True, tag="problem"):
    """The last line of a stream that failed."""

    problem: Problem
