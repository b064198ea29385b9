"""No address that never answered is shot at, whoever names it."""

from tests.unit.node.paths.links import endpoint

from warren.limits import PROBE_BUDGET_ENTRIES_MAX, PROBE_WINDOW_S, PROBES_ADDRESS_MAX, PROBES_UNANSWERED_MAX
from warren.node.paths.budget import ProbeBudget

STRANGER = endpoint("198.51.100.9")


def granted(budget: ProbeBudget, now: float, tries: int = 100) -> int:
    return sum(budget.take(STRANGER, now) for _ in range(tries))


def test_an_endpoint_gets_its_few_probes_a_window() -> None:
    budget = ProbeBudget()
    assert granted(budget, 0.0) == PROBES_UNANSWERED_MAX
    assert granted(budget, PROBE_WINDOW_S - 1) == 0
    assert granted(budget, PROBE_WINDOW_S) == PROBES_UNANSWERED_MAX


def test_all_ports_of_an_address_share_one_budget() -> None:
    budget = ProbeBudget()
    taken = sum(budget.take(endpoint("198.51.100.9", port), 0.0) for port in range(1, 200) for _ in range(5))
    assert taken == PROBES_ADDRESS_MAX


def test_an_answer_clears_the_endpoint() -> None:
    budget = ProbeBudget()
    granted(budget, 0.0)
    budget.clear(STRANGER)
    assert granted(budget, 1.0) == PROBES_UNANSWERED_MAX


def test_a_full_table_grants_nothing_until_windows_are_over() -> None:
    budget = ProbeBudget()
    for number in range(PROBE_BUDGET_ENTRIES_MAX // 2):
        budget.take(endpoint(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"), 0.0)
    assert granted(budget, 1.0) == 0
    assert granted(budget, PROBE_WINDOW_S) == PROBES_UNANSWERED_MAX
