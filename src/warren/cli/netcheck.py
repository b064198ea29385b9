"""`warren netcheck`: what the network lets through, and one sentence of advice (CLI.md, Formats).

Decides who is asked: the daemon where it answers and no server is named, else the server, by this command itself.
"""

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.places import places
from warren.cli.units import show_latency
from warren.client.local import LocalClient
from warren.errors import Code, WarrenError
from warren.limits import NETCHECK_WAIT_MAX_S
from warren.model.names import printable
from warren.protocol.local.netcheck import Family, Gateway, Netcheck, NetcheckRequest, Relay
from warren.protocol.local.rights import NETCHECK

_WAIT_S = 4.0  # longer than a silent STUN server is waited for
_NAT = {
    "none": "no NAT",
    "stable": "the same for every destination",
    "varies": "another for each destination",
    "blocked": "",
    "unknown": "",
}


def netcheck(parsed: Parsed) -> int:
    """Print what was found; exit code 0 where UDP passes, 1 where it does not or nobody could be asked."""
    found = _find(parsed)
    if parsed.is_on("json"):
        output.say_json(found)
    else:
        for line in render(found):
            output.say(line)
    return output.DONE if found.udp else output.FAILED


def _find(parsed: Parsed) -> Netcheck:
    wait_s = parsed.duration_s("timeout") or _WAIT_S
    if not 0 < wait_s <= NETCHECK_WAIT_MAX_S:
        raise UsageError(f"--timeout takes at most {NETCHECK_WAIT_MAX_S:g}s here")
    server = parsed.text("server")
    if server is not None:
        return _alone(server, wait_s)
    client = LocalClient(places(parsed).socket, wait_s + 5.0)
    try:
        return client.post(NETCHECK, NetcheckRequest(network=parsed.text("network"), wait_s=wait_s), Netcheck)
    except WarrenError as error:
        if error.code is not Code.DAEMON_UNREACHABLE:
            raise
        fix = "start it with: warren up, or name a server: warren netcheck --server URL"
        raise WarrenError(error.code, error.text, fix) from error


def _alone(server: str, wait_s: float) -> Netcheck:
    from warren.client.netcheck import check  # noqa: PLC0415 - HTTP and TLS cost more than the rest of the command

    return check(server, wait_s)


def render(found: Netcheck) -> list[str]:
    """Return the lines for people; the advice is the last."""
    rows = [
        ("UDP", {True: "passes", False: "is blocked", None: "not known: nobody could be asked"}[found.udp]),
        ("IPv4", _family(found.ipv4)),
        ("IPv6", _family(found.ipv6)),
        ("mapping varies by destination", {True: "yes", False: "no", None: "not known"}[found.mapping_varies]),
        *(("port mapping", _gateway(one)) for one in found.gateways),
        ("captive portal", {True: "yes", False: "no", None: "not known"}[found.captive_portal]),
        *(("relay", _relay(one)) for one in sorted(found.relays, key=_nearness)),
    ]
    if not found.gateways:
        rows.insert(4, ("port mapping", "only a daemon asks" if found.asked_by == "command" else "no gateway"))
    width = max(len(name) for name, _ in rows)
    return [*(printable(f"{name:<{width}}  {text}".rstrip()) for name, text in rows), "", printable(found.advice)]


def _family(family: Family) -> str:
    if family.works is None:
        return "not known" if family.has_address else "no address"
    if not family.works:
        return "no answer"
    nat = _NAT[family.nat]
    return f"{family.mapped}" + (f" ({nat})" if nat else "")


def _gateway(gateway: Gateway) -> str:
    here = [name for name, text in gateway.protocols.items() if text == "present"]
    spoken = ", ".join(here) or "none"
    mapped = f", mapped to {gateway.external} by {gateway.method}" if gateway.external is not None else ""
    refused = [f"{name}: {text}" for name, text in gateway.protocols.items() if text.startswith("not believed")]
    return f"{spoken} at {gateway.address}{mapped}" + "".join(f"; {text}" for text in refused)


def _relay(relay: Relay) -> str:
    home = ", home" if relay.home else ""
    if relay.latency_ms is None:
        return f"{relay.name}: {relay.trouble or 'not measured'}{home}"
    over = f" over {relay.over}" if relay.over else ""
    return f"{relay.name}: {show_latency(relay.latency_ms)}{over}{home}"


def _nearness(relay: Relay) -> tuple[bool, float, str]:
    return (relay.latency_ms is None, relay.latency_ms or 0.0, relay.name)
