"""`wk.…` keys: one spelling, a pin that names the server, and a proof that is good once."""

import pytest
from tests.unit.trust.founding import Network, seed

from warren.errors import Code, WarrenError
from warren.model.keys import Secret
from warren.trust import admission_key
from warren.trust.admission_key import AdmissionKey, format_key, is_pinned, parse, sign_join, verify_join

NETWORK = Network()
ROOT, SERVER, ALICE = (NETWORK.identity(who) for who in ("root", "server", "alice"))
KEY = admission_key.make(seed("key") + seed("more")[:7], NETWORK.id, ROOT, SERVER)
CHALLENGE = seed("challenge")


def test_a_key_is_read_as_it_was_written() -> None:
    line = format_key(KEY)
    again = parse(f"  {line}\n")
    assert (again.id, again.seed.reveal(), again.pin) == (KEY.id, KEY.seed.reveal(), KEY.pin)
    assert format_key(again) == line
    assert len(line) == 3 + 10 + 1 + 43 + 1 + 22


def test_a_key_does_not_print_its_seed() -> None:
    assert "[redacted]" in repr(KEY)
    assert KEY.seed.reveal().hex() not in repr(KEY)
    assert repr(KEY.seed.reveal()) not in repr(KEY)


@pytest.mark.parametrize(
    "line",
    [
        "", "wk", "wk...", format_key(KEY)[:-1], format_key(KEY) + "A", format_key(KEY).upper(),
        format_key(KEY).replace("wk.", "wx."), format_key(KEY).replace("wk.", "wk.1"),
        format_key(KEY).replace(".", ":"), "wk." + "a" * 10 + "." + "A" * 43 + "." + "A" * 21 + "=",
        "wk." + "a" * 10 + "." + "A" * 42 + "B." + "A" * 22, "wk." + "a" * 10 + "." + "A" * 43 + "." + "A" * 21 + "B",
        "wk." + "a" * 10 + "." + "A" * 42 + "+." + "A" * 22, "wk." + "ä" * 10 + "." + "A" * 43 + "." + "A" * 22,
        "wk." + "a" * 10 + "." + "A" * 43 + "." + "A" * 22 + "\nx", "x" * 100_000,
    ],
)  # fmt: skip
def test_another_spelling_is_refused_without_repeating_it(line: str) -> None:
    with pytest.raises(WarrenError) as refusal:
        parse(line)
    assert refusal.value.code is Code.INVALID_KEY
    assert len(line) < 5 or line not in str(refusal.value)


def test_a_key_that_cannot_be_written_is_refused() -> None:
    for broken in (
        AdmissionKey("UPPERCASE1", KEY.seed, KEY.pin),
        AdmissionKey(KEY.id, Secret(b"short"), KEY.pin),
        AdmissionKey(KEY.id, KEY.seed, b""),
    ):
        with pytest.raises(WarrenError):
            format_key(broken)
    with pytest.raises(WarrenError):
        admission_key.make(b"short", NETWORK.id, ROOT, SERVER)


def test_the_pin_covers_network_root_and_server() -> None:
    other = Network("other")
    assert is_pinned(KEY, NETWORK.id, ROOT, SERVER)
    assert not is_pinned(KEY, other.id, ROOT, SERVER)
    assert not is_pinned(KEY, NETWORK.id, SERVER, SERVER)
    assert not is_pinned(KEY, NETWORK.id, ROOT, ROOT)
    assert not is_pinned(KEY, NETWORK.id, SERVER, ROOT)


def test_the_proof_is_good_for_one_identity_network_challenge_and_key() -> None:
    proof = sign_join(KEY.seed, ALICE, NETWORK.id, CHALLENGE)
    assert verify_join(KEY.public, ALICE, NETWORK.id, CHALLENGE, proof)
    assert not verify_join(KEY.public, SERVER, NETWORK.id, CHALLENGE, proof)
    assert not verify_join(KEY.public, ALICE, Network("other").id, CHALLENGE, proof)
    assert not verify_join(KEY.public, ALICE, NETWORK.id, seed("later"), proof)
    assert not verify_join(SERVER, ALICE, NETWORK.id, CHALLENGE, proof)
    assert not verify_join(KEY.public, ALICE, NETWORK.id, CHALLENGE[:31], proof)
    assert not verify_join(KEY.public, ALICE, NETWORK.id, CHALLENGE, proof[:-1] + b"\0")
    with pytest.raises(WarrenError):
        sign_join(KEY.seed, ALICE, NETWORK.id, b"short")
