"""A view of many members costs in proportion to them: no step of `verify` is quadratic.

Only the ratio is judged, in CPU time and with room for noise: a quadratic step would show as four times the cost.
"""

import time

from tests.unit.trust.founding import Network

from warren.trust.authenticate import Authentic
from warren.trust.floors import Floors


def members(network: Network, count: int) -> list[Authentic]:
    documents = []
    for number in range(count):
        who = f"m{number}"
        address = f"100.96.{(number + 2) // 256}.{(number + 2) % 256}"
        documents += [network.member(who, ipv4=address), network.record(who)]
    return documents


def cpu_s(network: Network, documents: list[Authentic], floors: Floors) -> float:
    spent = []
    for _ in range(3):
        start = time.process_time()
        network.verify(documents, floors)
        spent.append(time.process_time() - start)
    return min(spent)


def test_twice_as_many_members_cost_about_twice_as_much(network: Network) -> None:
    documents = [*network.base(), *members(network, 2000)]
    half = documents[: 4 + 2 * 1000]
    first = network.verify(half)
    assert len(first.members) == 1000
    assert cpu_s(network, documents, first.floors) < 3.5 * cpu_s(network, half, first.floors)
