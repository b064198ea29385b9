"""What a packet filter costs a flow: `python -m benchmarks.tunnel --filter`.

One TCP flow through the engine without a filter, with one rule and with RULES of them, each time only the last one lets
the flow through; and through wireguard-go alone and behind nftables with the same rules, connection tracking first as
everybody writes it. All in one run, in turns; only ratios to the same program without rules mean something.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from tests.interop.engine import Engine
from tests.netlab.host import Host

from benchmarks.ways import AES, BASE, Way, Ways

RULES = 1_000
FIRST_PORT = 20_000  # of the rules that are about something else
LAST_PORTS = (5201, 5210)  # of the rule that lets flows through
TCP, ICMP = 6, 1
_TABLE = "bench_filter"


def rows(ways: Ways, flow: Callable[[Way], tuple[float, float]], runs: int) -> None:
    """Measure each in turn and print a table of medians. `flow` gives bytes a second and CPU seconds a GB."""
    wanted = _wanted(ways)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for _ in range(runs):
        for name, enter in wanted.items():
            with enter() as way:
                seen[name].append(flow(way))
    medians = {name: [statistics.median(column) for column in zip(*one, strict=True)] for name, one in seen.items()}
    print(f"{'':34}{'Gbit/s':>9}{'of its own':>12}{'CPU s/GB':>10}")
    for name, (rate, cpu_s_gb) in medians.items():
        own = medians[name.partition(",")[0]][0]
        print(f"{name:34}{rate * 8 / 1e9:9.2f}{rate / own:12.2f}{cpu_s_gb:10.2f}")


def _wanted(ways: Ways) -> Mapping[str, Callable[[], AbstractContextManager[Way]]]:
    stock, engine = ways.all[BASE], partial(ways.engine, "chooses-aes")
    name = AES.replace(", ", " ")
    return {
        BASE: stock,
        f"{BASE}, nftables {RULES} rules": partial(_behind_nftables, stock, RULES),
        name: engine,
        f"{name}, 1 rule": partial(engine, partial(_set_rules, count=1)),
        f"{name}, {RULES} rules": partial(engine, partial(_set_rules, count=RULES)),
    }


def _set_rules(end: Engine, *, count: int) -> None:
    """Both ways, as a policy between the two would come out, and pings."""
    ports = [*range(FIRST_PORT, FIRST_PORT + count - 1)]
    rules = [[line, inward, TCP, port, port] for line, port in enumerate(ports, 1) for inward in (True, False)]
    last = [[count, inward, TCP, *LAST_PORTS] for inward in (True, False)]
    pings = [[count + 1, inward, ICMP, 0, 0] for inward in (True, False)]
    end.ask("set_filter", *rules, *last, *pings)


@contextmanager
def _behind_nftables(enter: Callable[[], AbstractContextManager[Way]], count: int) -> Iterator[Way]:
    with enter() as way:
        for host in (way.left, way.right):
            host.nft(_ruleset(count))
        try:
            yield way
        finally:
            for host in (way.left, way.right):
                _forget(host)


def _ruleset(count: int) -> str:
    ports = [f"tcp dport {port} accept" for port in range(FIRST_PORT, FIRST_PORT + count - 1)]
    first, last = LAST_PORTS
    ours = [f"tcp dport {first}-{last} accept", "icmp type echo-request accept"]
    rules = "\n".join(["ct state established,related accept", *ports, *ours])
    return (
        f"table inet {_TABLE} {{\n"
        f'chain in {{\ntype filter hook input priority 0\niifname != "wgo*" accept\n{rules}\ndrop\n}}\n'
        f'chain out {{\ntype filter hook output priority 0\noifname != "wgo*" accept\n{rules}\ndrop\n}}\n}}\n'
    )


def _forget(host: Host) -> None:
    host.run(["nft", "delete", "table", "inet", _TABLE])
