"""The grid of `grid.txt` holds: simultaneous probing by plain sockets meets exactly where the file says it does."""

import os
import random  # noqa: TID251 - the composition root: the seed is printed
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.faults import figures
from tests.netlab import grid, nat, site
from tests.netlab.behaviour import Place, mapped, place_of
from tests.netlab.conftest import Tell
from tests.netlab.grid import Class
from tests.netlab.handing import ANY, ANY6
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.simultaneous import LATE_MAX_S, End, meet
from tests.netlab.switch import Switch

pytestmark = pytest.mark.netlab

RUNS = 3 if os.environ.get("WARREN_MATRIX") == "full" else 1
MET_WITHIN_S = 1.0  # 115 ms on an idle machine


@pytest.mark.parametrize(("family", "kinds"), [("", {*site.NAMES}), (", IPv6", {*nat.KINDS6})])
def test_both_tables_have_every_kind_and_warren_reaches_what_plain_probing_does(family: str, kinds: set[str]) -> None:
    plain, warren = grid.read(f"plain{family}"), grid.read(f"warren{family}")
    assert plain.kinds == warren.kinds
    assert set(plain.kinds) == kinds
    for pair in plain.pairs():
        assert (plain[pair] is Class.DIRECT) == (warren[pair] is Class.DIRECT), pair
        assert plain[pair] is not Class.OFTEN or warren[pair] is Class.OFTEN, pair


@pytest.mark.parametrize("table", ["plain", "plain, IPv6"])
def test_the_grid_of_plain_probing_is_as_the_file_says(lab: Lab, table: str, tell: Tell) -> None:
    plain = grid.read(table)
    internet = site.internet(lab)
    outside = lab.host("outside", internet).udp(ANY6 if table.endswith("IPv6") else ANY)[0]
    asked = (str(lab.hosts["outside"].ip6 if table.endswith("IPv6") else lab.hosts["outside"].ip), place_of(outside)[1])
    hosts = {(kind, side): host_behind(lab, kind, side, internet) for kind in plain.kinds for side in ("left", "right")}
    pairs = list(plain.pairs())
    rng = random.Random(1)  # noqa: S311 - who is late
    for _ in range(RUNS):
        with opened(hosts, pairs, outside, asked) as ends:
            late_s = rng.uniform(0, LATE_MAX_S)
            direct = [number for number, pair in enumerate(pairs) if plain[pair] is Class.DIRECT]
            taken = dict(zip(pairs, meet(ends, late_s, direct), strict=True))
        shown = plain.show({pair: "R" if s is None else f"D{s * 1000:.0f}" for pair, s in taken.items()})
        tell(f"met (ms after both probed; the right side began {late_s * 1000:.0f} ms late)\n{shown}")
        found = {pair: Class.RELAYED if s is None else Class.DIRECT for pair, s in taken.items()}
        assert {pair: one.value for pair, one in found.items() if plain[pair] not in {one, Class.OFTEN}} == {}
        slowest = max(s for s in taken.values() if s is not None)
        figures.note(f"{table}: two that can meet have met", slowest, MET_WITHIN_S)


def host_behind(lab: Lab, kind: str, side: str, internet: Switch) -> Host:
    """A host behind a router of its own."""
    name = f"{side}-{kind.replace(' ', '-').replace(',', '')}"
    return lab.host(name, site.build(lab, f"{name}-site", kind, internet).lan)


@contextmanager
def opened(
    hosts: dict[tuple[str, str], Host], pairs: list[tuple[str, str]], outside: socket.socket, asked: Place
) -> Iterator[list[tuple[End, End]]]:
    """A fresh socket on each side of every cell, and how the outside (that is asked there) sees it."""
    needed: Counter[tuple[str, str]] = Counter()
    for left, right in pairs:
        needed.update(((left, "left"), (right, "right")))
    any_place = ANY6 if ":" in asked[0] else ANY
    stock = {place: hosts[place].udp(*[any_place] * count) for place, count in needed.items()}
    sockets = [one for several in stock.values() for one in several]

    def end(kind: str, side: str) -> End:
        one = stock[kind, side].pop()
        return End(one, mapped(one, outside, asked))

    try:
        yield [(end(left, "left"), end(right, "right")) for left, right in pairs]
    finally:
        for one in sockets:
            one.close()
