"""What of a network's documents shows in health, and for how long."""

import pytest
from tests.unit.trust.founding import DATE, Network

from warren.errors import Code
from warren.limits import CLOCK_OFF_S, TROUBLE_SHOWN_S, TROUBLES_REMEMBERED_MAX
from warren.node.ledger import Held
from warren.node.trouble import Troubles, keyed
from warren.policy.language import DEFAULT_TEXT
from warren.trust.authenticate import Authentic, Refusal
from warren.trust.documents import Kind
from warren.trust.floors import Floors

NOW = 1000.0


def held(network: Network, *more: Authentic, refused: tuple[Refusal, ...] = (), policy: bool = True) -> Held:
    base = [one for one in network.base() if one.kind != Kind.POLICY]
    rules = [network.policy(DEFAULT_TEXT)] if policy else []
    return Held(network.verify([*base, network.member("me"), *rules, *more]), refused, float(DATE))


def refusal(number: int = 0) -> Refusal:
    return Refusal("membership", number.to_bytes(32, "little"), Code.FORBIDDEN, "its signer may not admit members")


def codes(troubles: Troubles, held: Held, network: Network, now: float) -> list[str]:
    return [one.code for one in troubles.shown(held, network.identity("me"), now)]


def test_a_good_network_is_no_trouble() -> None:
    network = Network()
    good = held(network)
    troubles = Troubles()
    troubles.take(good, NOW)
    assert codes(troubles, good, network, NOW) == []


def test_a_refusal_outlives_the_harmless_message_after_it_and_ends() -> None:
    network, troubles = Network(), Troubles()
    troubles.take(held(network, refused=(refusal(),)), NOW)
    good = held(network)
    troubles.take(good, NOW + 1)
    assert codes(troubles, good, network, NOW + 1) == [Code.FORBIDDEN.value]
    (shown,) = keyed(troubles.shown(good, network.identity("me"), NOW + 1), "default").values()
    assert shown[1] == "default: refused a membership of 0000000000: its signer may not admit members"
    assert codes(troubles, good, network, NOW + TROUBLE_SHOWN_S + 1) == []


def test_a_delegation_whose_end_is_held_is_no_trouble_one_whose_end_is_withheld_is() -> None:
    network, troubles = Network(), Troubles()
    given, ended = network.delegation("admin", epoch=2), network.removal_of_delegation("admin", epoch=2)
    beside = held(network, given, ended)
    (refused,) = beside.view.refused
    assert refused.code is Code.REMOVED
    troubles.take(Held(beside.view, (refused,), NOW), NOW)
    assert codes(troubles, beside, network, NOW) == []
    base = [*network.base(), network.member("me"), given]
    withheld = network.verify(base, floors=beside.view.floors)
    troubles.take(Held(withheld, withheld.refused, NOW), NOW)
    assert Code.REMOVED.value in codes(troubles, held(network), network, NOW)


def test_a_heads_older_dates_are_no_trouble_a_date_far_ahead_is_named_while_it_is_held() -> None:
    """What an older version kept, one a day, goes when a newer one starts."""
    network, troubles = Network(), Troubles()
    heads = [network.head("root", counter=9)]
    heads += [network.head("root", by="registrar", counter=9, date=DATE + day) for day in (1, 2)]
    beside = held(network, *heads)
    assert len(beside.view.refused) == 1
    troubles.take(Held(beside.view, beside.view.refused, NOW), NOW)
    assert codes(troubles, beside, network, NOW) == []
    ahead = held(network, network.head("registrar", date=2**40))
    troubles.take(ahead, NOW)
    assert codes(troubles, ahead, network, NOW + TROUBLE_SHOWN_S + 1) == ["date-ahead"]


def test_a_flood_of_refusals_is_bounded_and_its_newest_stay() -> None:
    network, troubles = Network(), Troubles()
    good = held(network)
    for number in range(3 * TROUBLES_REMEMBERED_MAX):
        troubles.take(Held(good.view, (refusal(number),), NOW), NOW)
    shown = troubles.shown(good, network.identity("me"), NOW)
    assert len(shown) == TROUBLES_REMEMBERED_MAX
    assert refusal(3 * TROUBLES_REMEMBERED_MAX - 1).subject.hex()[:10] in shown[-1].text


def test_without_a_policy_it_says_that_nobody_may_reach_anybody() -> None:
    network, troubles = Network(), Troubles()
    without = held(network, policy=False)
    assert codes(troubles, without, network, NOW) == ["no-policy"]
    (shown,) = troubles.shown(without, network.identity("me"), NOW)
    assert "showed no access policy" in shown.text


def test_a_policy_that_was_seen_and_is_not_shown_is_withheld() -> None:
    network, troubles = Network(), Troubles()
    seen = held(network).view.floors
    documents = [one for one in network.base() if one.kind != Kind.POLICY]
    view = network.verify([*documents, network.member("me")], floors=Floors(seen.orders, seen.claims))
    (shown,) = troubles.shown(Held(view, (), NOW), network.identity("me"), NOW)
    assert (shown.code, "is withheld" in shown.text) == ("no-policy", True)


def test_who_is_no_member_is_told_first() -> None:
    network, troubles = Network(), Troubles()
    assert [one.code for one in troubles.shown(held(network), network.identity("nobody"), NOW)] == ["E_NOT_A_MEMBER"]


def test_a_clock_behind_what_was_signed_is_told_while_it_is_so() -> None:
    network, troubles = Network(), Troubles()
    good, me = held(network), network.identity("me")
    assert [one.code for one in troubles.shown(good, me, NOW, clock_behind_s=CLOCK_OFF_S + 1)] == ["clock-behind"]
    assert troubles.shown(good, me, NOW, clock_behind_s=CLOCK_OFF_S) == ()
    (year,) = troubles.shown(good, me, NOW, clock_behind_s=365 * 86_400.0)
    assert "at least 365 days behind what was signed" in year.text


@pytest.mark.parametrize(("off_s", "code"), [(1.0, "clock-ahead"), (-1.0, "clock-behind")])
def test_a_clock_that_differs_from_its_servers_is_told_in_both_directions(off_s: float, code: str) -> None:
    network, troubles = Network(), Troubles()
    good, me = held(network), network.identity("me")
    assert troubles.shown(good, me, NOW, clock_ahead_s=off_s * CLOCK_OFF_S) == ()
    for seconds, words in ((400, "7 minutes"), (3 * 3_600, "3 hours"), (365 * 86_400, "365 days")):
        (shown,) = troubles.shown(good, me, NOW, clock_ahead_s=off_s * seconds)
        assert (shown.code, words in shown.text, "set the clock" in shown.fix) == (code, True, True)


DAY_S = 86_400
LIFE_S = 90 * DAY_S


def warned(network: Network, left_s: float, *, tags: tuple[str, ...] = (), life_s: int = LIFE_S) -> list[str]:
    """What a machine is told whose membership of 90 days (or of `life_s`) has so long to go."""
    mine = network.member("me", expires=DATE + life_s, tags=tags)
    at = DATE + life_s - left_s
    view = network.verify([*network.base(), mine], now=int(at))
    shown = Troubles().shown(Held(view, (), at), network.identity("me"), NOW, unix_s=at)
    return [f"{one.text}: {one.fix}" for one in shown if one.code in {"key-expires", Code.EXPIRED.value}]


def test_a_person_is_warned_weeks_before_their_key_expires_and_told_how_to_renew_it() -> None:
    network = Network()
    assert warned(network, 22 * DAY_S) == []
    assert warned(network, 20 * DAY_S) == ["key expires in 20 days: warren up --renew"]
    assert warned(network, 3 * DAY_S) == ["key expires in 3 days: warren up --renew"]
    assert warned(network, -60) == ["this machine's key has expired: warren up --renew"]


def test_what_renews_itself_is_told_of_only_when_that_is_overdue() -> None:
    network = Network()
    overdue = "its server renews it as soon as the two have met"
    assert warned(network, 30 * DAY_S, tags=("web",)) == []
    assert warned(network, 2 * DAY_S, tags=("web",)) == [f"key expires in 2 days: {overdue}"]
    assert warned(network, 2 * 3600, life_s=6 * 3600) == []
    assert warned(network, 3600, life_s=6 * 3600) == [f"key expires in 60 minutes: {overdue}"]


def test_what_happened_once_is_not_young_again_because_it_is_looked_at_again() -> None:
    network, troubles = Network(), Troubles()
    once = held(network, refused=(refusal(),))
    for at in (0.0, TROUBLE_SHOWN_S / 2, TROUBLE_SHOWN_S):
        troubles.take(Held(once.view, once.refused, at), at)
    assert codes(troubles, once, network, TROUBLE_SHOWN_S + 1) == []
