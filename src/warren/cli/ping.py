"""`warren ping HOST`: round trips inside the session, a line each."""

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.places import places
from warren.cli.units import show_round_trip
from warren.client.local import LocalClient
from warren.limits import PING_COUNT_MAX
from warren.model.names import printable
from warren.protocol.local.ping import PingLine, PingLost, PingPong, PingRequest
from warren.protocol.local.rights import PING

_COUNT = 10
_LOST_AFTER_S = 5.0


def ping(parsed: Parsed) -> int:
    """Print answers as they come; exit code 0 where at least one came."""
    request = request_of(parsed)
    client = LocalClient(places(parsed).socket, request.timeout_s + request.interval_s + 5.0)
    answered = 0
    for line in client.stream(PING, request, PingLine):
        answered += isinstance(line, PingPong)
        if parsed.is_on("json"):
            output.say_json_line(line)
        elif isinstance(line, PingPong | PingLost):
            output.say_now(show(line))
    return output.DONE if answered else output.FAILED


def request_of(parsed: Parsed) -> PingRequest:
    """Return the request that the flags say; raises UsageError. A given count means exactly so many."""
    count = parsed.number("count", 1, PING_COUNT_MAX)
    until_direct = parsed.switch("until-direct")
    return PingRequest(
        host=parsed.argument("host"),
        network=parsed.text("network"),
        count=_COUNT if count is None else count,
        until_direct=count is None if until_direct is None else until_direct,
        timeout_s=parsed.duration_s("timeout") or _LOST_AFTER_S,
    )


def show(line: PingPong | PingLost) -> str:
    """Return a line for people."""
    if isinstance(line, PingLost):
        return printable(f"no answer from {line.name} ({line.address}): {line.reason}")
    via = f"direct {line.endpoint}" if line.via == "direct" else line.via
    return printable(f"pong from {line.name} ({line.address}) via {via} in {show_round_trip(line.latency_ms)}")
