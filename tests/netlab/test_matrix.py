"""NAT kind x NAT kind with the real server, relay and daemons: which are relayed for good, and which direct how soon.

A few cells in every run; all of them with WARREN_MATRIX=full (`make matrix`).
"""

import os

import pytest
from tests.netlab import grid, matrix
from tests.netlab.conftest import Tell
from tests.netlab.lab import Lab
from tests.netlab.matrix import World

pytestmark = pytest.mark.netlab

FULL = os.environ.get("WARREN_MATRIX") == "full"
# One of each way in which two routers meet or do not.
FEW = {
    4: [
        ("one-to-one", "one-to-one"),
        ("home", "home"),
        ("symmetric random", "address restricted"),
        ("port not kept", "home"),
        ("symmetric random", "symmetric random"),
        ("symmetric sequential", "home"),
        ("carrier grade", "port not kept"),
    ],
    6: [("firewall", "firewall"), ("masquerading, random", "masquerading, random")],
}
CELL_S = 40.0  # the slowest that a cell may be on a loaded machine, joins and leaving included


@pytest.mark.timeout(CELL_S * 70 if FULL else 400)
@pytest.mark.parametrize("family", [4, 6])
def test_each_cell_of_the_matrix_is_as_the_file_says(lab: Lab, family: int, tell: Tell) -> None:
    table = grid.read("warren" if family == 4 else "warren, IPv6")
    world = World.start(lab, family)
    cells = {pair: world.run(*pair, table[pair]) for pair in (table.pairs() if FULL else FEW[family])}
    tell(f"IPv{family}: D direct after s, R relayed for good\n{matrix.report(cells, table)}")
    assert matrix.wrong(cells, table) == []
