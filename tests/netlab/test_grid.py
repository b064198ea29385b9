"""The grid of `grid.txt` holds: simultaneous probing by plain sockets meets exactly where the file says it does."""

import os
import random  # noqa: TID251 - the composition root: the seed is printed
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.netlab import grid, site
from tests.netlab.behaviour import Outside, mapped
from tests.netlab.grid import Class
from tests.netlab.handing import ANY
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.simultaneous import LATE_MAX_S, End, meet
from tests.netlab.switch import Switch

pytestmark = pytest.mark.netlab

RUNS = 3 if os.environ.get("WARREN_MATRIX") == "full" else 1
MET_WITHIN_S = 1.0  # 115 ms on an idle machine


def test_both_tables_have_every_kind_and_warren_reaches_what_plain_probing_does() -> None:
    plain, warren = grid.read("plain"), grid.read("warren")
    assert plain.kinds == warren.kinds
    assert set(plain.kinds) == set(site.NAMES)
    for pair in plain.pairs():
        assert (plain[pair] is Class.DIRECT) == (warren[pair] is Class.DIRECT), pair
        assert plain[pair] is not Class.OFTEN or warren[pair] is Class.OFTEN, pair


def test_the_grid_of_plain_probing_is_as_the_file_says(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    plain = grid.read("plain")
    internet = lab.switch("internet", v4="203.0.113.0/24", v6="2001:db8::/64")
    outside = Outside.on(lab.host("outside", internet), "203.0.113.250")
    hosts = {(kind, side): host_behind(lab, kind, side, internet) for kind in plain.kinds for side in ("left", "right")}
    pairs = list(plain.pairs())
    rng = random.Random(1)  # noqa: S311 - who is late
    for _ in range(RUNS):
        with opened(hosts, pairs, outside) as ends:
            late_s = rng.uniform(0, LATE_MAX_S)
            taken = dict(zip(pairs, meet(ends, late_s), strict=True))
        with capsys.disabled():
            table = plain.show({pair: "R" if s is None else f"D{s * 1000:.0f}" for pair, s in taken.items()})
            print(f"\nmet (ms after both probed; the right side began {late_s * 1000:.0f} ms late)\n{table}")  # noqa: T201
        found = {pair: Class.RELAYED if s is None else Class.DIRECT for pair, s in taken.items()}
        assert {pair: one.value for pair, one in found.items() if plain[pair] not in {one, Class.OFTEN}} == {}
        assert max(s for s in taken.values() if s is not None) < MET_WITHIN_S


def host_behind(lab: Lab, kind: str, side: str, internet: Switch) -> Host:
    """A host behind a router of its own."""
    name = f"{side}-{kind.replace(' ', '-')}"
    return lab.host(name, site.build(lab, f"{name}-site", kind, internet).lan)


@contextmanager
def opened(
    hosts: dict[tuple[str, str], Host], pairs: list[tuple[str, str]], outside: Outside
) -> Iterator[list[tuple[End, End]]]:
    """A fresh socket on each side of every cell, and how the outside sees it."""
    needed: dict[tuple[str, str], int] = {}
    for left, right in pairs:
        needed[left, "left"] = needed.get((left, "left"), 0) + 1
        needed[right, "right"] = needed.get((right, "right"), 0) + 1
    stock = {place: hosts[place].udp(*[ANY] * count) for place, count in needed.items()}
    sockets = [one for several in stock.values() for one in several]

    def end(kind: str, side: str) -> End:
        one = stock[kind, side].pop()
        return End(one, mapped(one, outside.all[0]))

    try:
        yield [(end(left, "left"), end(right, "right")) for left, right in pairs]
    finally:
        for one in sockets:
            one.close()
