"""Before anything is done a person sees what would be added, kept and removed."""

from tests.unit.node.maps import network, peer

from warren.node.changes import Actual, OpenTunnel, difference
from warren.node.host.facts import HostFacts, HostItem, HostLink
from warren.node.plan import Own, plan
from warren.node.preview import preview_items

DB, CAM = peer("db", "100.96.0.7"), peer("cam", "100.96.0.9", allowed=False)


def before_with(*names: str) -> tuple[Actual, Own]:
    """A host on which `default` is up with these of the two peers."""
    (tunnel,) = plan([network(peers=[p for p in (DB, CAM) if p.name in names])], Own(), HostFacts()).tunnels
    items: frozenset[HostItem] = frozenset((*tunnel.blackholes, *tunnel.addresses, *tunnel.routes))
    facts = HostFacts(
        (HostLink("warren0", 5, 1400, up=True),), tunnel.addresses, (*tunnel.blackholes, *tunnel.routes)
    )  # fmt: skip
    peers = {planned.identity: planned for planned in tunnel.peers}
    return Actual(facts, {tunnel.network: OpenTunnel("warren0", peers, tunnel.filter)}, items), Own(
        {tunnel.network: "warren0"}, items
    )


def test_on_a_fresh_machine_all_of_it_would_be_added() -> None:
    wanted = plan([network(peers=[DB])], Own(), HostFacts())
    shown = preview_items(wanted, difference(wanted, Actual(HostFacts())))
    assert {item.action for item in shown} == {"add"}
    assert [item.text for item in shown] == wanted.lines()


def test_what_stands_is_kept_and_only_the_difference_named() -> None:
    actual, own = before_with("cam")
    wanted = plan([network(peers=[DB])], own, actual.facts)
    shown = preview_items(wanted, difference(wanted, actual))
    changed = [(item.kind, item.action, item.text) for item in shown if item.action != "keep"]
    assert changed == [
        ("peer", "remove", "cam (100.96.0.9): gate shut, no rule says so"),
        ("filter", "add", "packet filter: rules for what peers open 1, for what this machine opens 1"),
        ("peer", "add", "db (100.96.0.7): gate open, members reach each other"),
    ]


def test_on_the_way_down_everything_would_be_removed() -> None:
    actual, own = before_with("db")
    wanted = plan([], own, actual.facts)
    shown = preview_items(wanted, difference(wanted, actual))
    assert [(item.kind, item.action) for item in shown] == [
        ("peer", "remove"),
        ("route", "remove"),
        ("route", "remove"),
        ("address", "remove"),
        ("address", "remove"),
        ("link", "remove"),
        ("blackhole", "remove"),
        ("blackhole", "remove"),
    ]
