"""No address that never answered is shot at, whoever names it."""

from tests.unit.node.paths.links import endpoint

from warren.limits import (
    MAPPING_LIFETIME_S,
    MAPPINGS_OPEN_MAX,
    PROBE_BUDGET_ENTRIES_MAX,
    PROBE_WINDOW_S,
    PROBES_ADDRESS_MAX,
    PROBES_UNANSWERED_MAX,
)
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


def test_what_is_refused_fills_no_table_for_others() -> None:
    budget = ProbeBudget()
    for port in range(1, 2 * PROBE_BUDGET_ENTRIES_MAX):
        budget.take(endpoint("198.51.100.9", port), 0.0)
    assert budget.take(endpoint("203.0.113.7"), 1.0), "a signal that names all ports of a victim blocks nobody else"


def test_no_more_endpoints_are_on_trial_than_a_router_bears() -> None:
    budget = ProbeBudget()
    addresses = [f"203.0.{number // 250}.{number % 250 + 1}" for number in range(2 * MAPPINGS_OPEN_MAX)]
    granted = [address for address in addresses if budget.take(endpoint(address), 0.0)]
    assert len(granted) == MAPPINGS_OPEN_MAX == budget.open_mappings(0.0)
    budget.clear(endpoint(granted[0]))
    assert budget.take(endpoint(addresses[-1]), 1.0), "who answered is no trial any more"
    assert not budget.take(endpoint(addresses[-2]), 1.0)
    assert budget.take(endpoint(addresses[-2]), MAPPING_LIFETIME_S + 2.0), "routers forgot the others"
    assert budget.open_mappings(MAPPING_LIFETIME_S + 2.0) == 1
