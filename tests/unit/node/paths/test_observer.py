"""Asking STUN servers: whom, when, and which answers count."""

from ipaddress import ip_address

from tests.unit.node.paths.links import counting, endpoint

from warren.limits import STUN_ANSWER_MAX_S, STUN_SERVERS_MAX
from warren.model.addresses import Endpoint
from warren.node.paths.nat import Mapping
from warren.node.paths.observer import ASK_AGAIN_S, ASK_AT, Ask, Observer
from warren.wire.stun import BindingError, BindingSuccess, encode_binding_response

ONE, TWO = endpoint("198.51.100.1", 3478), endpoint("198.51.100.2", 3478)
OUTER = endpoint("203.0.113.7", 40_000)


def asking(*servers: Endpoint) -> tuple[Observer, list[Ask]]:
    observer = Observer(counting("observer"))
    observer.set_own((ip_address("192.168.1.5"),), 51820, 0.0)
    observer.set_servers(servers, 0.0)
    return observer, drained(observer)


def drained(observer: Observer) -> list[Ask]:
    asks = []
    while (ask := observer.poll_transmit()) is not None:
        asks.append(ask)
    return asks


def run(observer: Observer, until: float) -> list[Ask]:
    """Every timer at its moment; what was asked."""
    asks = []
    while (timeout := observer.poll_timeout()) is not None and timeout[0] <= until:
        observer.handle_timeout(timeout[0])
        asks += drained(observer)
    return asks


def answer(ask: Ask, outer: Endpoint = OUTER) -> bytes:
    return encode_binding_response(BindingSuccess(ask.transaction, outer))


def test_every_server_is_asked_at_once_and_a_few_times() -> None:
    observer, asks = asking(ONE, TWO)
    assert [ask.server for ask in asks] == [ONE, TWO]
    again = run(observer, STUN_ANSWER_MAX_S)
    assert len(again) == 2 * (len(ASK_AT) - 1)
    assert {ask.transaction for ask in again} == {ask.transaction for ask in asks}


def test_an_answer_is_the_view_and_it_is_told_once() -> None:
    observer, (ask,) = asking(ONE)
    observer.handle_answer(answer(ask), ONE, 0.05)
    assert observer.take_change()
    assert not observer.take_change()
    assert observer.nat(4).outer == (OUTER,)
    assert observer.nat(6).outer == ()


def test_who_answers_is_asked_again_before_a_router_forgets() -> None:
    observer, (ask,) = asking(ONE)
    observer.handle_answer(answer(ask), ONE, 0.05)
    assert run(observer, ASK_AGAIN_S * 0.85) == []
    assert run(observer, ASK_AGAIN_S * 1.15)[0].transaction != ask.transaction


def test_an_answer_from_elsewhere_of_another_request_or_broken_counts_for_nothing() -> None:
    observer, (ask,) = asking(ONE)
    observer.handle_answer(answer(ask), TWO, 0.1)
    observer.handle_answer(answer(Ask(ONE, b"x" * 12, b"")), ONE, 0.1)
    observer.handle_answer(answer(ask)[:-3], ONE, 0.1)
    observer.handle_answer(encode_binding_response(BindingError(ask.transaction, 500, "no")), ONE, 0.1)
    assert observer.nat(4).outer == ()


def test_servers_that_never_answer_mean_that_udp_is_blocked_until_one_does() -> None:
    observer, _ = asking(ONE, TWO)
    found = [observer.mapping]
    run(observer, STUN_ANSWER_MAX_S)
    found.append(observer.mapping)
    asks: list[Ask] = []
    while not asks and (timeout := observer.poll_timeout()) is not None:
        asks = run(observer, timeout[0])
    observer.handle_answer(answer(asks[0]), asks[0].server, 40.0)
    found.append(observer.mapping)
    assert found == [Mapping.UNKNOWN, Mapping.BLOCKED, Mapping.UNKNOWN]


def test_what_a_peer_saw_shows_that_the_mapping_varies_but_is_not_offered_beside_a_servers_word() -> None:
    observer, (ask,) = asking(ONE)
    observer.handle_answer(answer(ask), ONE, 0.05)
    observer.handle_seen_by_peer(endpoint("192.0.2.9"), endpoint("203.0.113.7", 45_678), 0.1)
    assert observer.mapping is Mapping.VARIES
    assert observer.nat(4).outer == (OUTER,)
    assert observer.nat(4).guesses() == ()


def test_without_any_server_a_peers_word_is_what_there_is() -> None:
    observer, _ = asking()
    observer.handle_seen_by_peer(endpoint("192.0.2.9"), OUTER, 0.1)
    assert observer.nat(4).outer == (OUTER,)


def test_another_address_of_this_machine_makes_all_of_it_old() -> None:
    observer, (ask,) = asking(ONE)
    observer.handle_answer(answer(ask), ONE, 0.05)
    observer.set_own((ip_address("10.0.0.9"),), 51820, 1.0)
    assert observer.nat(4).outer == ()
    assert [one.server for one in drained(observer)] == [ONE]


def test_a_long_list_of_servers_is_cut() -> None:
    _, asks = asking(*(endpoint("198.51.100.1", port) for port in range(1, 100)))
    assert len(asks) == STUN_SERVERS_MAX
