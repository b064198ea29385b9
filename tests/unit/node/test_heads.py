"""What a node learns from the heads that its peers tell."""

from tests.unit.trust.founding import DATE, Network

from warren.limits import HEAD_MAX_BYTES, HEAD_NEWS_S, HEADS_TOLD_MAX, TROUBLE_SHOWN_S
from warren.node.heads import HeadWatch, own_heads
from warren.trust.authenticate import Authentic
from warren.trust.documents import Head, Kind
from warren.trust.view import View

NOW = 1000.0


def head(network: Network, counter: int, world: bytes = b"one", by: str = "registrar") -> Authentic:
    body = Head(counter=counter, date=DATE, authority=network.identity(by), digest=world.ljust(32, b"\0"))
    return network.signed(Kind.HEAD, body, by)


def seen(network: Network, *heads: Authentic) -> View:
    return network.verify([*network.base(), *heads])


def codes(watch: HeadWatch, view: View, now: float) -> list[str]:
    return [code for code, _ in watch.trouble(view, now)]


def test_the_heads_of_authorities_are_told_as_signed_and_few_of_them() -> None:
    network = Network()
    mine = head(network, 5)
    told = own_heads(seen(network, mine))
    assert mine.raw in told
    assert len(told) <= HEADS_TOLD_MAX
    assert all(len(raw) <= HEAD_MAX_BYTES for raw in told)


def test_the_roots_head_is_told_first_and_then_what_was_signed_last() -> None:
    """A server that was brought back from a copy is shown two of them; the newest it knows least."""
    network = Network()
    admins = [f"admin{number}" for number in range(6)]
    documents = [*network.base(), *(network.delegation(one) for one in admins), network.head("root", date=DATE)]
    heads = [network.head(one, date=DATE + 10 * number) for number, one in enumerate(admins)]
    told = own_heads(network.verify([*documents, *heads]))
    signers = [network.open(raw).signer for raw in told]
    assert signers == [network.identity(one) for one in ("root", "admin5", "admin4", "admin3")]


def test_another_head_with_the_same_number_is_a_second_view_at_once_and_is_told_for_a_while() -> None:
    network, watch = Network(), HeadWatch()
    view = seen(network, head(network, 5))
    watch.compare(view, "db", [head(network, 5, b"other").raw], NOW)
    assert codes(watch, view, NOW) == ["two-views"]
    assert "db was shown another state" in next(watch.trouble(view, NOW))[1]
    assert codes(watch, view, NOW + TROUBLE_SHOWN_S + 1) == []


def test_a_newer_head_is_trouble_only_if_the_server_does_not_show_it_in_time() -> None:
    network, watch = Network(), HeadWatch()
    view, newer = seen(network, head(network, 5)), head(network, 6)
    watch.compare(view, "db", [newer.raw], NOW)
    watch.compare(view, "web", [newer.raw], NOW + HEAD_NEWS_S)  # said again, it gains no time
    assert codes(watch, view, NOW + HEAD_NEWS_S) == []
    assert codes(watch, view, NOW + HEAD_NEWS_S + 1) == ["news-withheld"]
    assert codes(watch, seen(network, newer), NOW + HEAD_NEWS_S + 1) == []
    assert codes(watch, view, NOW + HEAD_NEWS_S + 2) == []


def test_a_second_view_hides_no_withheld_news() -> None:
    network, watch = Network(), HeadWatch()
    view = seen(network, head(network, 5))
    watch.compare(view, "db", [head(network, 5, b"other").raw, head(network, 6).raw], NOW)
    assert codes(watch, view, NOW + HEAD_NEWS_S + 1) == ["two-views", "news-withheld"]


def test_what_no_authority_signed_and_what_is_older_says_nothing() -> None:
    network, watch = Network(), HeadWatch()
    view = seen(network, head(network, 5))
    foreign = head(Network("other"), 9)
    told = [
        b"nonsense",
        head(network, 9, by="stranger").raw,
        foreign.raw,
        head(network, 4).raw,
        network.member("x").raw,
    ]
    watch.compare(view, "db", told, NOW)
    assert codes(watch, view, NOW + HEAD_NEWS_S + 1) == []
