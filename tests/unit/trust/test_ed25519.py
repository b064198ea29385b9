"""The strict signature check against signatures that lax verifiers take (the cases of 'Taming the many EdDSAs')."""

import pytest
from tests.unit.trust import curve
from tests.unit.trust.founding import seed

from warren.model.keys import SigningKeyPair
from warren.trust.ed25519 import FIELD_PRIME, GROUP_ORDER, is_signed, is_strong_point

MESSAGE = b"a message"
PAIR = SigningKeyPair(seed("ed25519"))


def test_a_signature_of_the_key_is_accepted_and_of_another_not() -> None:
    signature = PAIR.sign(MESSAGE)
    assert is_signed(PAIR.public, MESSAGE, signature)
    assert not is_signed(PAIR.public, MESSAGE + b"!", signature)
    assert not is_signed(SigningKeyPair(seed("other")).public, MESSAGE, signature)


def test_the_first_vector_of_rfc_8032_is_accepted() -> None:
    pair = SigningKeyPair(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert pair.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert is_signed(pair.public, b"", pair.sign(b""))
    assert pair.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")


@pytest.mark.parametrize("multiple", [1, 2, 7])
def test_a_second_spelling_of_s_is_refused(multiple: int) -> None:
    signature = PAIR.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little") + multiple * GROUP_ORDER
    assert not is_signed(PAIR.public, MESSAGE, signature[:32] + s.to_bytes(32, "little"))


def test_every_encoding_of_a_small_point_is_refused_as_key_though_it_signs_anything() -> None:
    encodings = [(point, public) for point in curve.torsion() for public in curve.encodings(point)]
    assert len(encodings) == 14  # 8 points; y + p where y is 0 or 1, and the other sign where x is 0
    for point, public in encodings:
        assert not is_strong_point(public)
        # S = 5 and R = 5B satisfy the equation whenever h is a multiple of the point's order: try messages until it is
        forgery = curve.encode(curve.times(5, curve.B)) + (5).to_bytes(32, "little")
        message = next(
            text
            for text in (bytes([number]) for number in range(256))
            if curve.times(curve.challenge(forgery[:32], public, text), point) == curve.ZERO
        )
        assert curve.equation_holds(public, message, forgery)
        assert not is_signed(public, message, forgery)


def test_a_small_r_is_refused_though_the_equation_holds() -> None:
    private = 77
    public = curve.encode(curve.times(private, curve.B))
    for point in curve.torsion():
        for r in curve.encodings(point):
            s = curve.challenge(r, public, MESSAGE) * private % curve.L
            signature = r + s.to_bytes(32, "little")
            # the equation itself takes the zero point as R, and one multiplied by the cofactor takes all eight
            assert curve.equation_holds(public, MESSAGE, signature) == (point == curve.ZERO)
            assert not is_signed(public, MESSAGE, signature)


def test_a_signature_that_holds_only_with_the_cofactor_is_refused() -> None:
    private, nonce, small = 99, 1234, curve.torsion()[1]
    mixed = curve.add(curve.times(private, curve.B), small)
    public = curve.encode(mixed)
    assert is_strong_point(public)
    refused = 0
    for number in range(16):
        message = MESSAGE + bytes([number])
        r = curve.encode(curve.times(nonce, curve.B))
        h = curve.challenge(r, public, message)
        s = (nonce + h * private) % curve.L
        holds = curve.times(h, small) == curve.ZERO
        signature = r + s.to_bytes(32, "little")
        assert curve.equation_holds(public, message, signature) == holds
        assert is_signed(public, message, signature) == holds
        refused += not holds
    assert refused > 0


def test_keys_and_r_above_the_field_prime_are_refused() -> None:
    for y in range(FIELD_PRIME, 2**255):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            assert not is_strong_point(encoded)
            assert not is_signed(encoded, MESSAGE, PAIR.sign(MESSAGE))
            assert not is_signed(PAIR.public, MESSAGE, encoded + PAIR.sign(MESSAGE)[32:])


def test_a_key_that_is_no_point_of_the_curve_is_refused() -> None:
    off = next(y for y in range(2, 50) if curve.x_of(y, 0) is None)
    assert not is_signed(off.to_bytes(32, "little"), MESSAGE, PAIR.sign(MESSAGE))


@pytest.mark.parametrize(("key_bytes", "signature_bytes"), [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)])
def test_other_lengths_are_refused(key_bytes: int, signature_bytes: int) -> None:
    public, signature = (PAIR.public + b"\0")[:key_bytes], (PAIR.sign(MESSAGE) + b"\0")[:signature_bytes]
    assert not is_signed(public, MESSAGE, signature)
