"""A relay in the middle reads and forges nothing: shown by one that records and alters all it carries (issue 5, 9)."""

from ipaddress import ip_address

import pytest
from tests.faults.invariants import broken_lines
from tests.interop import transfer
from tests.interop.flow import Flow
from tests.netlab.conftest import Tell
from tests.netlab.lab import Lab
from tests.netlab.matrix import World
from tests.netlab.pair import RELAY_S, Pair
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

FILE_BYTES = 300_000
CARRIED_MIN = FILE_BYTES // 1400
SECRETS_BYTES = 24  # so long a part of the plaintext is not there by chance


@pytest.mark.parametrize("how", ["honest", "hostile"])
def test_what_a_relay_records_is_no_plaintext_and_what_it_alters_arrives_nowhere(
    lab: Lab, how: str, tell: Tell
) -> None:
    world = World.start(lab, 4, liars=[how])
    pair = Pair(world, "symmetric random", "symmetric random")
    pair.until("relay", RELAY_S)
    pair.answered()
    until(lambda: pair.a.path_to("b").relay is not None, "a knows by which relay it sends")
    flow = Flow(pair.a.host, pair.b.host, ip_address(pair.b_address), FILE_BYTES, patience_s=60.0)
    flow.finish()  # every byte as it was sent
    pair.answered()
    did = world.recordings[0].stop()
    tell(f"the relay {how}: {did}")
    carried = b"".join(world.recordings[0].payloads())
    assert did["carried"] > CARRIED_MIN
    assert len(carried) > FILE_BYTES
    assert (how == "hostile") == ("altered" in did)
    block = next(transfer.blocks(FILE_BYTES))
    windows = [block[at : at + SECRETS_BYTES] for at in range(64, len(block) - SECRETS_BYTES, 4096)]
    assert [at for at, window in enumerate(windows) if window in carried] == []
    assert ip_address(pair.b_address).packed + ip_address(pair.a_address).packed not in carried
    assert broken_lines(lab.folder) == []
