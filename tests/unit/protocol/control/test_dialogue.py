"""The dialogue from hello to an open session, and every way in which it is refused."""

import pytest
from tests.unit.protocol.control.pair import (
    GENESIS,
    IDENTITY,
    KEY_SEED,
    MEMBERSHIP,
    NETWORK,
    RECORD,
    SERVER_KEY,
    make_pair,
    verify,
)

from warren.errors import Code
from warren.limits import UNPROVEN_MAX_BYTES
from warren.model.keys import SigningKeyPair
from warren.protocol import version
from warren.protocol.control import frames
from warren.protocol.control import messages as m
from warren.protocol.control.events import AdmittedAs, Challenged, Greeted, JoinWanted, ResumeWanted, Side
from warren.protocol.control.node_role import Carrier
from warren.protocol.control.session import LocalError
from warren.protocol.control.states import State

CERTIFICATE = bytes([9]) * 32
STRANGER = SigningKeyPair(bytes([77]) * 32)


def test_a_member_resumes_and_both_sides_are_open() -> None:
    pair = make_pair(network=NETWORK)
    challenged = pair.challenge()
    assert (challenged.network, challenged.server_key, challenged.genesis) == (NETWORK, SERVER_KEY.public, GENESIS)
    pair.node.resume(IDENTITY, pair.now)
    pair.pump()
    assert pair.server_event() == ResumeWanted(IDENTITY.public)
    pair.server.admit(MEMBERSHIP, pair.now)
    pair.pump()
    assert pair.node_event() == AdmittedAs(MEMBERSHIP)
    assert (pair.node.state, pair.server.state) == (State.OPEN, State.OPEN)


def test_a_new_node_joins_with_a_key_that_signed_this_challenge() -> None:
    pair = make_pair(key_id="abcdefghij")
    challenged = pair.challenge()
    assert pair.server_events[0] == Greeted(version.NEWEST, None, "abcdefghij", "warren test")
    pair.node.join(
        IDENTITY,
        key_id="abcdefghij",
        key_signature=KEY_SEED.sign(challenged.key_challenge),
        hostname="laptop",
        record=RECORD,
        tags=("server",),
        os="linux",
        ephemeral=True,
        now=pair.now,
    )
    pair.pump()
    wanted = pair.server_event()
    assert isinstance(wanted, JoinWanted)
    assert wanted.key_challenge == challenged.key_challenge
    assert verify(KEY_SEED.public, wanted.key_challenge, wanted.join.key_signature)
    assert (wanted.join.identity, wanted.join.hostname, wanted.join.record) == (IDENTITY.public, "laptop", RECORD)
    assert (wanted.join.tags, wanted.join.os, wanted.join.ephemeral) == (("server",), "linux", True)


def test_a_server_that_does_not_hold_the_key_it_shows_is_refused() -> None:
    pair = make_pair(server_key=STRANGER, claimed_server_key=SERVER_KEY.public)
    with pytest.raises(AssertionError):
        pair.challenge()
    assert pair.node_closed().code is Code.SERVER_IDENTITY
    assert pair.node_closed().fault is Side.REMOTE
    assert pair.server_closed().code is Code.SERVER_IDENTITY
    assert not any(isinstance(event, Challenged) for event in pair.node_events)


def test_an_owner_that_finds_the_pin_wrong_refuses_and_the_server_hears_why() -> None:
    pair = make_pair(key_id="abcdefghij")
    pair.challenge()
    pair.node.refuse(Code.PIN_MISMATCH, "this is not the server that made the key")
    pair.pump()
    assert (pair.node_closed().code, pair.node_closed().by) == (Code.PIN_MISMATCH, Side.LOCAL)
    assert (pair.server_closed().code, pair.server_closed().by) == (Code.PIN_MISMATCH, Side.REMOTE)
    assert pair.server_closed().fault is None


def test_an_answer_for_another_network_is_refused() -> None:
    pair = make_pair(network=bytes(32))
    with pytest.raises(AssertionError):
        pair.challenge()
    assert pair.node_closed().code is Code.SERVER_IDENTITY


def test_a_node_without_the_identity_key_is_refused() -> None:
    pair = make_pair(network=NETWORK)
    pair.challenge()
    forged = m.Resume(identity=IDENTITY.public, signature=STRANGER.sign(b"anything"))
    pair.server.handle_bytes(frames.encode(forged), pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.BAD_SIGNATURE
    assert not any(isinstance(event, ResumeWanted) for event in pair.server_events)


def test_a_proof_for_another_challenge_is_worth_nothing() -> None:
    first = make_pair(network=NETWORK)
    first.challenge()
    first.node.resume(IDENTITY, first.now)
    proof = first.node.poll_transmit()
    assert proof is not None
    second = make_pair(network=NETWORK)
    second.pump()
    second.server.challenge(network=NETWORK, genesis=GENESIS, nonce=bytes([8]) * 32, now=second.now)
    second.pump()
    second.server.handle_bytes(proof, second.now)
    second.pump()
    assert second.server_closed().code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("carrier", "signed", "is_accepted"),
    [
        (Carrier(None), b"", True),
        (Carrier(None), CERTIFICATE, False),
        (Carrier(CERTIFICATE), CERTIFICATE, True),
        (Carrier(CERTIFICATE), b"", False),
        (Carrier(CERTIFICATE), bytes(32), False),
        (Carrier(CERTIFICATE, is_trusted=True), b"", True),
        (Carrier(CERTIFICATE, is_trusted=True), bytes(32), True),
    ],
)
def test_a_certificate_that_the_system_does_not_trust_must_be_the_one_the_server_signed(
    carrier: Carrier, *, signed: bytes, is_accepted: bool
) -> None:
    pair = make_pair(carrier=carrier)
    if is_accepted:
        pair.challenge(certificate_sha256=signed)
        return
    with pytest.raises(AssertionError):
        pair.challenge(certificate_sha256=signed)
    assert pair.node_closed().code is Code.SERVER_IDENTITY


def test_offered_versions_that_were_changed_on_the_way_break_the_challenge() -> None:
    pair = make_pair()

    def lower(frame: bytes) -> bytes:
        hello = frames.from_node(frame, UNPROVEN_MAX_BYTES)
        if not isinstance(hello, m.Hello):
            return frame
        return frames.encode(m.Hello(versions=(0, version.NEWEST), nonce=hello.nonce, program=hello.program))

    pair.to_server = lower
    with pytest.raises(AssertionError):
        pair.challenge()
    assert pair.node_closed().code is Code.SERVER_IDENTITY


@pytest.mark.parametrize(("offered", "fix"), [((90, 99), "on the server"), ((0, 0), "on this node")])
def test_versions_without_overlap_are_refused_in_words(offered: tuple[int, int], fix: str) -> None:
    pair = make_pair()
    pair.server.handle_bytes(frames.encode(m.Hello(versions=offered, nonce=bytes(32))), pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.VERSION
    assert f"{offered[0]} to {offered[1]}" in pair.server_closed().text
    assert fix in pair.server_closed().fix
    assert pair.node_closed().code is Code.VERSION


def test_a_hello_of_a_later_age_is_refused_for_its_version_not_for_its_shape() -> None:
    pair = make_pair()
    future = b"\x83\xa5nonce\xa5short\xa1t\xa5hello\xa8versions\x92\x5a\x63"
    pair.server.handle_bytes(future, pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.VERSION


def test_a_version_that_was_not_offered_is_refused() -> None:
    pair = make_pair()
    chosen = m.Challenge(
        version=version.NEWEST + 1,
        server_key=SERVER_KEY.public,
        nonce=bytes(32),
        network=NETWORK,
        genesis=GENESIS,
        certificate_sha256=b"",
        signature=bytes(64),
    )
    pair.node.handle_bytes(frames.encode(chosen), pair.now)
    pair.pump()
    assert pair.node_closed().code is Code.VERSION


def test_a_refusal_carries_code_fix_and_when_to_come_again() -> None:
    pair = make_pair(network=NETWORK)
    pair.challenge()
    pair.node.resume(IDENTITY, pair.now)
    pair.pump()
    pair.server.refuse(Code.STORE_UNAVAILABLE, "the database is away", fix="wait", retry_after_s=7)
    pair.pump()
    closed = pair.node_closed()
    assert (closed.code, closed.fix, closed.retry_after_s) == (Code.STORE_UNAVAILABLE, "wait", 7)
    assert closed.by is Side.REMOTE
    assert closed.fault is None


def test_a_code_of_a_newer_program_is_told_in_words() -> None:
    pair = make_pair()
    pair.node.handle_bytes(frames.encode(m.Refused(code="E_MOON_PHASE", text="not tonight")), pair.now)
    pair.pump()
    assert pair.node_closed().code is Code.INTERNAL
    assert pair.node_closed().text == "E_MOON_PHASE: not tonight"


def test_a_stranger_gets_four_kilobytes_in_all() -> None:
    pair = make_pair()
    big = frames.encode(m.Hello(versions=(1, 1), nonce=bytes(32))) + bytes(UNPROVEN_MAX_BYTES)
    pair.server.handle_bytes(big, pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.TOO_LARGE


def test_many_small_frames_of_a_stranger_count_together() -> None:
    pair = make_pair()
    pair.challenge()
    join = m.Join(
        identity=IDENTITY.public,
        signature=bytes(64),
        key_id="k",
        key_signature=bytes(64),
        hostname="a",
        record=bytes(UNPROVEN_MAX_BYTES - 300),
    )
    pair.server.handle_bytes(frames.encode(join), pair.now)
    pair.pump()
    assert pair.server_closed().code is Code.TOO_LARGE


@pytest.mark.parametrize("kind", ["signal", "ping", "publish"])
def test_what_belongs_into_an_open_session_may_not_come_before_the_proof(kind: str) -> None:
    early: m.Message = {
        "signal": m.Signal(to=bytes(32), sealed=b"x"),
        "ping": m.Ping(token=1),
        "publish": m.PublishRecord(id=1, document=b"x"),
    }[kind]
    pair = make_pair()
    pair.server.handle_bytes(frames.encode(early), pair.now)
    pair.pump()
    assert (pair.server_closed().code, pair.server_closed().fault) == (Code.OUT_OF_ORDER, Side.REMOTE)
    assert pair.node_closed().fault is Side.LOCAL


def test_an_owner_that_speaks_out_of_turn_learns_of_its_bug() -> None:
    pair = make_pair()
    with pytest.raises(LocalError):
        pair.node.resume(IDENTITY, pair.now)
    with pytest.raises(LocalError):
        pair.node.publish(RECORD)
    with pytest.raises(LocalError):
        pair.server.admit(MEMBERSHIP, pair.now)
    with pytest.raises(LocalError):
        pair.server.challenge(network=NETWORK, genesis=GENESIS, nonce=bytes(32), now=pair.now)
