"""Papers for relays: signed by the identity, renewed at half of their life, made anew where the clock went back."""

from warren.limits import RELAY_CERTIFICATE_LIFE_S
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair
from warren.node.paths.relay_papers import PaperDesk
from warren.protocol.relay.certificates import CERTIFICATE_DOMAIN
from warren.trust.ed25519 import is_signed

IDENTITY = SigningKeyPair(bytes([1]) * 32)
NETWORK = NetworkId(bytes([2]) * 32)
RELAY, OTHER = bytes([3]) * 32, bytes([4]) * 32
NOW = 1_800_000_000.0


def desk() -> PaperDesk:
    drawn = iter(range(10, 99))
    return PaperDesk(NETWORK, IDENTITY, lambda size: bytes([next(drawn)]) * size)


def test_a_certificate_names_relay_network_identity_and_session_key() -> None:
    papers = desk().papers(RELAY, NOW)
    body, signature = papers.certificate[:-64], papers.certificate[-64:]
    assert is_signed(IDENTITY.public, CERTIFICATE_DOMAIN + body, signature)
    assert body[12:] == RELAY + NETWORK + IDENTITY.public + papers.session_key.public
    assert int.from_bytes(body[4:12], "big") == NOW + RELAY_CERTIFICATE_LIFE_S


def test_they_are_made_anew_at_half_of_their_life_for_the_same_session_key() -> None:
    made = desk()
    first = made.papers(RELAY, NOW)
    half = RELAY_CERTIFICATE_LIFE_S / 2
    assert made.papers(RELAY, NOW + half - 1) is first
    assert not made.is_due(RELAY, NOW + half - 1)
    assert made.is_due(RELAY, NOW + half)
    second = made.papers(RELAY, NOW + half)
    assert second.session_key is first.session_key
    assert second.certificate != first.certificate


def test_a_clock_that_was_ahead_does_not_leave_papers_of_the_future() -> None:
    made = desk()
    ahead = made.papers(RELAY, NOW + 1e6)
    assert made.is_due(RELAY, NOW)
    assert made.papers(RELAY, NOW).certificate != ahead.certificate


def test_every_relay_has_a_session_key_of_its_own() -> None:
    made = desk()
    assert made.papers(RELAY, NOW).session_key.public != made.papers(OTHER, NOW).session_key.public


def test_of_relays_that_are_not_told_any_more_nothing_is_kept() -> None:
    made = desk()
    kept, gone = (made.papers(relay, NOW).session_key.public for relay in (RELAY, OTHER))
    made.forget_others({RELAY})
    assert made.papers(RELAY, NOW).session_key.public == kept
    assert made.papers(OTHER, NOW).session_key.public != gone
