"""Who may carry with AES-256-GCM: the user's wish and both processors decide."""

import pytest

from warren.model.transport import AES_OFFER, Transport, TransportWish, capabilities, own_transport, with_peer


@pytest.mark.parametrize(
    ("wish", "fast", "own", "with_offer", "without"),
    [
        ("auto", True, Transport.CHOOSES_AES, Transport.CHOOSES_AES, Transport.TAKES_AES),
        ("auto", False, Transport.TAKES_AES, Transport.TAKES_AES, Transport.TAKES_AES),
        ("wireguard", True, Transport.WIREGUARD, Transport.WIREGUARD, Transport.WIREGUARD),
        ("wireguard", False, Transport.WIREGUARD, Transport.WIREGUARD, Transport.WIREGUARD),
    ],
)
def test_aes_is_chosen_only_where_both_are_fast_and_nobody_minds(
    wish: TransportWish, own: Transport, with_offer: Transport, without: Transport, *, fast: bool
) -> None:
    assert own_transport(wish, has_fast_aes=fast) is own
    assert with_peer(own, peer_offers_aes=True) is with_offer
    assert with_peer(own, peer_offers_aes=False) is without


def test_only_who_chooses_it_offers_it() -> None:
    assert {own: capabilities(own) for own in Transport} == {
        Transport.WIREGUARD: (), Transport.TAKES_AES: (), Transport.CHOOSES_AES: (AES_OFFER,),
    }  # fmt: skip
