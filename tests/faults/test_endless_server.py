"""F25: a server that sends endless, oversized, deep or hostile things, and one that has the place but not the keys. The
daemon stays small and answers its user, says what is wrong, and its traffic goes on. `WARREN_FAULTS=full` sends each
100 times; ten times frames that end a session, whose reason the log tells, and once the frame without an end.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest
from tests.faults.figures import note
from tests.faults.lying import PASSING, RUNS, Field, HostilePlace, memory_kib, now
from tests.netlab.lab import Lab
from tests.netlab.until import until

from warren import canonical
from warren.limits import DOCUMENT_MAX_BYTES, MAP_MAX_DOCUMENTS, SESSION_FROM_SERVER_MAX_BYTES
from warren.model.keys import SigningKeyPair
from warren.protocol.control.frames import encode
from warren.protocol.control.messages import MapUpdate, Presence, Refused
from warren.trust.documents import Kind, Membership, Removal
from warren.trust.signing import Envelope, signed_bytes

pytestmark = pytest.mark.netlab

MEMORY_MIB = 150.0  # that a daemon may hold more than before: a frame of 8 MiB decoded, twice over
STATUS_S = 5.0  # for an answer to `warren status` meanwhile, on two busy cores
ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\u200bevil"


@contextmanager
def small_and_awake(field: Field, what: str) -> Iterator[None]:
    """Within this the daemon of `a` grows by no more than its bound, lives, answers and passes packets."""
    pid = field.a.daemon_pid()
    assert pid is not None
    before = memory_kib(pid)
    yield
    began = time.monotonic()
    assert field.a.status()["networks"]
    note(f"status while the server sends {what}", time.monotonic() - began, STATUS_S)
    until(field.reaches_now, f"packets pass while the server sends {what}")
    assert field.a.daemon_pid() == pid
    note(f"memory after {what}", max(memory_kib(pid) - before, 0) / 1024, MEMORY_MIB, "MiB")


def test_endless_map_updates_cost_no_memory_and_no_traffic(field: Field, liar: HostilePlace) -> None:
    a, b = field.identity(field.a), field.identity(field.b)
    flips = [
        encode(MapUpdate(version=n, full=False, presence=(Presence(identity=b, online=n % 2 == 0, last_seen=n),)))
        for n in range(2, 12)
    ]
    for _ in range(RUNS):
        with small_and_awake(field, "endless map updates"):
            assert liar.frames(flips, times=100, to=a) == len(flips) * 100
        marker = field.policy()
        liar.tell([marker], to=a)
        until(lambda marker=marker: marker in field.newest(field.a), "all of them are through")  # type: ignore[misc]
    liar.tell(field.truth.raw(), full=True)


def test_a_million_peers_of_nobody_are_refused_frame_by_frame(field: Field, liar: HostilePlace) -> None:
    """Memberships that nobody signed, as many as fit; in full two millions of them."""
    pid = field.a.daemon_pid()
    assert pid is not None
    before = memory_kib(pid)
    for _ in range(RUNS):
        whose = os.urandom(5)  # the same of all of one frame, and another one the next time
        frame = strangers(field, whose)
        assert len(frame) < SESSION_FROM_SERVER_MAX_BYTES
        with small_and_awake(field, "a million peers"):
            liar.frames([frame], to=field.identity(field.a))
            field.until_said(field.a, "E_BAD_SIGNATURE", f"refused a membership of {whose.hex()}", within_s=90)
    assert field.peers(field.a) == ["b"]
    note("memory after all of them", max(memory_kib(pid) - before, 0) / 1024, MEMORY_MIB, "MiB")


def strangers(field: Field, whose: bytes) -> bytes:
    """A map of 20,000 memberships with signatures that are none."""
    signature, documents = os.urandom(64), []
    for number in range(20_000):
        identity = whose + number.to_bytes(27, "big")
        body = Membership(counter=1, date=now(), identity=identity, hostname=f"m{number}")
        envelope = Envelope(
            kind=Kind.MEMBERSHIP.value, signer=field.truth.registrar.public, body=canonical.encode(body),
            signature=signature,
        )  # fmt: skip
        documents.append(canonical.encode(envelope))
    return encode(MapUpdate(version=9, full=False, documents=tuple(documents)))


def too_many() -> bytes:
    return encode(MapUpdate(version=9, full=False, documents=(b"x",) * (MAP_MAX_DOCUMENTS + 1)))


def deep() -> bytes:
    """A map frame whose first document is a million arrays deep (a document's own bytes are opaque to the frame)."""
    return b"\x83\xa9documents\x91" + b"\x91" * 1_000_000 + b"\xc0"


FRAMES: dict[str, tuple[Callable[[], bytes], str]] = {
    "more documents than a map has": (too_many, "E_MALFORMED"),
    "a frame of more depth than any": (deep, "E_MALFORMED"),
    "bytes that are no message": (lambda: b"\xc1garbage", "E_MALFORMED"),
    "a frame above the limit": (lambda: bytes(SESSION_FROM_SERVER_MAX_BYTES + 1), "E_SERVER_UNREACHABLE"),
    "an empty frame": (lambda: b"", "E_MALFORMED"),
}


@pytest.mark.parametrize("what", FRAMES)
def test_a_frame_that_breaks_a_rule_ends_the_session_with_its_reason(
    field: Field, liar: HostilePlace, what: str
) -> None:
    make, code = FRAMES[what]
    for _ in range(min(RUNS, 10)):  # each ends a session, and who is treated so comes back ever more slowly
        field.wait_for_both()
        with small_and_awake(field, what):
            liar.frames([make()], to=field.identity(field.a))
            until(lambda: field.has_been_away(field.a, code), f"the session of a ended by {code}")


def test_text_where_bytes_belong_ends_the_session(field: Field, liar: HostilePlace) -> None:
    for _ in range(RUNS):
        field.wait_for_both()
        liar.frames([b"hello"], text=True, to=field.identity(field.a))
        until(lambda: field.has_been_away(field.a, "E_MALFORMED"), "the session of a ended")


def test_a_frame_that_never_ends_is_cut_at_its_limit(field: Field, liar: HostilePlace) -> None:
    """RFC 6455, 5.4: a first fragment, and then fragments without a last one, by the mebibyte."""
    first = b"\x02\x7e\xff\xff" + bytes(0xFFFF)
    more = b"\x00\x7f" + (1 << 20).to_bytes(8, "big") + bytes(1 << 20)
    with small_and_awake(field, "a frame without end"):
        liar.do("bytes", data=first.hex(), times=1, gap_s=0, to=field.identity(field.a).hex())
        liar.do("bytes", data=more.hex(), times=20, gap_s=0.02, to=field.identity(field.a).hex())
        until(lambda: field.has_been_away(field.a, "E_SERVER_UNREACHABLE"), "the session of a ended")


def test_documents_that_are_oversized_deep_or_nonsense_are_refused_each_with_its_reason(
    field: Field, liar: HostilePlace
) -> None:
    deep_body = b"\x81\xa1x" + b"\x91" * 60_000 + b"\xc0"
    root = field.truth.root

    def signed(body: bytes) -> bytes:
        signature = root.sign(signed_bytes(Kind.POLICY, field.truth.network, body))
        return canonical.encode(Envelope(kind="policy", signer=root.public, body=body, signature=signature))

    for _ in range(RUNS):
        liar.bury(field)
        big = b"\xc4" + bytes(DOCUMENT_MAX_BYTES - 1)
        liar.tell(
            [signed(deep_body), b"\xc1" * 100, big, signed(b"\x82\xa1b\x01\xa1a\x01")], to=field.identity(field.a)
        )
        for reason in ("nested deeper", "has no place here", "a key is not above the one before it"):
            field.until_said(field.a, "E_MALFORMED", reason)
    assert field.reaches()


def test_hostile_names_reach_no_terminal_no_file_and_no_log(field: Field, liar: HostilePlace) -> None:
    registrar, a = field.truth.registrar, field.identity(field.a)
    for run in range(RUNS):
        field.wait_for_both()
        name, stranger = f"guest{run}", field.stranger(f"guest{run}")
        body = msgspec.to_builtins(stranger.membership, builtin_types=(bytes,)) | {"hostname": f"../../{ESCAPES}"}
        encoded = canonical.encode(body)
        signature = registrar.sign(signed_bytes(Kind.MEMBERSHIP, field.truth.network, encoded))
        raw = canonical.encode(
            Envelope(kind="membership", signer=registrar.public, body=encoded, signature=signature)
        )  # fmt: skip
        user = msgspec.structs.replace(stranger.membership, user=ESCAPES, counter=field.count())
        liar.bury(field)
        liar.tell([raw, stranger.record], to=a)
        field.until_said(field.a, "E_MALFORMED", "the field 'hostname'")
        liar.tell([field.sign(Kind.MEMBERSHIP, user, registrar), stranger.record], to=a)
        until(lambda name=name: name in field.peers(field.a), "the guest is a peer")  # type: ignore[misc]
        liar.frames([encode(Refused(code="E_INTERNAL", text=ESCAPES, fix=ESCAPES))], to=a)
        until(lambda: field.has_been_away(field.a, "E_INTERNAL"), "the session of a was refused")
        log = (field.a.state / "daemon.log").read_text()
        for shown in (field.a.run("status").stdout, field.a.run("status", "--json").stdout, log):
            assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(shown)
        field.wait_for_both()
        body = Removal(counter=field.count(), date=now(), of="membership", subject=stranger.key.public)
        liar.tell([field.sign(Kind.REMOVAL, body, registrar)], to=a)
        until(lambda name=name: name not in field.peers(field.a), "the guest is gone")  # type: ignore[misc]


def test_who_has_the_place_but_not_the_keys_gets_no_proof_and_no_word_in(lab: Lab) -> None:
    field = Field(lab)

    def look() -> None:
        for machine in (field.a, field.b):  # its host changes, so it looks for its server at once
            machine.host.ip_batch(f"addr add {PASSING} dev eth0", f"addr del {PASSING} dev eth0")

    for _ in range(RUNS):
        field.silence()
        look()
        until(lambda: "E_SERVER_IDENTITY" not in dict(field.health(field.a)), "a says no more of the one before", 75.0)
        stranger_key, stranger = SigningKeyPair(os.urandom(32)), field.stranger()
        hostile = field.lie(stranger_key)
        hostile.know({}, [field.sign(Kind.MEMBERSHIP, stranger.membership, stranger_key), stranger.record])
        look()
        until(lambda hostile=hostile: hostile.do("seen")["greeted"] > 0, "somebody came", 75.0)  # type: ignore[misc]
        until(lambda: "E_SERVER_IDENTITY" in dict(field.health(field.a)), "a says that it is another server", 75.0)
        seen = hostile.do("seen")
        assert (seen["resumes"], seen["sessions"], seen["published"]) == ([], [], {})
        assert "evil" not in field.peers(field.a)
        assert field.attempt(stranger.key.public, stranger.membership.ipv4) == 0
        assert field.reaches()
    field.silence()
