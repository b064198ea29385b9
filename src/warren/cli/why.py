"""`warren why A B:PORT`: each step of the way as `ok` or the reason, then one thing to do (CLI.md, Formats)."""

import time

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed, UsageError
from warren.cli.units import show_bytes, show_duration
from warren.model.names import printable
from warren.protocol.local.rights import WHY
from warren.protocol.local.why import Drop, EndedFlow, Step, Why, WhyRequest

_PROTOCOLS = ("tcp", "udp", "icmp")


def why(parsed: Parsed) -> int:
    """Print the way; exit code 0 where B can be reached, 1 where not."""
    found = local_client(parsed).post(WHY, request_of(parsed), Why)
    if parsed.is_on("json"):
        output.say_json(found)
    else:
        for line in render(found, time.time()):
            output.say(line)
    return output.DONE if found.reachable else output.FAILED


def request_of(parsed: Parsed) -> WhyRequest:
    """Return the question; raises UsageError. An IPv6 address with a port stands in brackets."""
    destination, port, protocol = split_target(parsed.argument("destination"))
    return WhyRequest(
        source=parsed.argument("source"),
        destination=destination,
        port=port,
        protocol=protocol,
        network=parsed.text("network"),
    )


def split_target(text: str) -> tuple[str, int | None, str]:
    """Return host, port and protocol of `HOST[:PORT][/PROTOCOL]`; raises UsageError."""
    rest, slash, protocol = text.partition("/")
    if slash and protocol not in _PROTOCOLS:
        raise UsageError(f"'{printable(protocol[:20])}' is none of {', '.join(_PROTOCOLS)}")
    if rest.startswith("["):
        host, _, behind = rest[1:].partition("]")
        port = behind.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    if port and not (port.isascii() and port.isdigit() and 1 <= len(port) <= 5 and 1 <= int(port) <= 65_535):
        raise UsageError("a port is 1 to 65535: HOST:PORT or HOST:PORT/udp")
    return host, int(port) if port else None, protocol or "tcp"


def render(found: Why, now: float) -> list[str]:
    """Return the lines of an answer at `now` (Unix seconds)."""
    lines = [f"{step.name:<11} {_word(step)}{step.text}" for step in found.steps]
    lines += [_dropped(drop, now) for drop in found.drops]
    lines += [_passed(flow, now) for flow in found.flows]
    verdict = "can reach" if found.reachable else "cannot reach"
    advice = f": {found.advice}" if found.advice else ""
    return [printable(line) for line in (*lines, f"{found.source} {verdict} {found.destination}{advice}")]


def _word(step: Step) -> str:
    return {True: "ok: ", False: "NO: ", None: "?   "}[step.ok]


def _passed(flow: EndedFlow, now: float) -> str:
    sizes = f"{show_bytes(flow.tx_bytes)} out, {show_bytes(flow.rx_bytes)} in"
    ended = f"ended {show_duration(now - flow.last)} ago ({flow.end})"
    what, way = _what(flow), "from there" if flow.inward else "to there"
    return f"passed      {what} {way} by line {flow.line}: {sizes}, {ended}"


def _what(one: Drop | EndedFlow) -> str:
    return f"{one.protocol} to port {one.port}" if one.port else one.protocol


def _dropped(drop: Drop, now: float) -> str:
    what = _what(drop)
    way = "from there" if drop.inward else "to there"
    return f"dropped     {drop.packets} x {what} {way}, last {show_duration(now - drop.last)} ago: {drop.reason}"
