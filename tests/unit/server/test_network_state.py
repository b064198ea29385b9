"""The map of versions: differences against a deliberately naive model."""

from random import Random  # noqa: TID251  # the type of what Hypothesis hands in

from hypothesis import given, settings
from hypothesis import strategies as st

from warren.limits import MAP_CHANGES_MAX
from warren.model.ids import Identity, NetworkId
from warren.protocol.control.messages import MapUpdate, Presence
from warren.server.networks.state import NetworkState

NETWORK = NetworkId(bytes(32))


class Reader:
    """A node that applies what it is told; documents are known by their content, `kind/subject/value`."""

    def __init__(self) -> None:
        self.version = 0
        self.documents: dict[tuple[str, bytes], bytes] = {}
        self.presence: dict[bytes, bool] = {}

    def take(self, update: MapUpdate | None) -> None:
        if update is None:
            return
        if update.full:
            self.documents, self.presence = {}, {}
        for raw in update.documents:
            kind, subject, _ = raw.split(b"/")
            self.documents[kind.decode(), subject] = raw
        for key in update.gone:
            self.documents.pop(key, None)
        self.presence.update({one.identity: one.online for one in update.presence})
        self.version = update.version


def document(kind: str, subject: bytes, value: int) -> bytes:
    return b"/".join((kind.encode(), subject, str(value).encode()))


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_whoever_follows_differences_holds_what_a_full_map_says(chance: Random) -> None:
    state = NetworkState(NETWORK, b"genesis", [("settings", b"", document("settings", b"", 0))])
    truth: dict[tuple[str, bytes], bytes] = {("settings", b""): document("settings", b"", 0)}
    readers = [Reader() for _ in range(5)]
    for step in range(60):
        kind, subject = chance.choice(["membership", "record", "head"]), b"%d" % chance.randrange(12)
        if chance.random() < 0.3 and (kind, subject) in truth:
            state.put([(kind, subject, None)])
            del truth[kind, subject]
        else:
            truth[kind, subject] = document(kind, subject, step)
            state.put([(kind, subject, truth[kind, subject])])
        if chance.random() < 0.5:
            who = Identity(b"%d" % chance.randrange(12))
            state.put_presence(Presence(identity=who, online=chance.random() < 0.5))
        for reader in readers:
            if chance.random() < 0.3:
                reader.take(state.difference(reader.version))
    fresh = Reader()
    fresh.take(state.difference(0))
    for reader in readers:
        reader.take(state.difference(reader.version))
        assert reader.documents == truth == fresh.documents
        assert reader.presence == fresh.presence
        assert state.difference(reader.version) is None


def test_a_difference_holds_what_changed_and_no_more() -> None:
    state = NetworkState(
        NETWORK, b"", [("membership", b"%d" % n, document("membership", b"%d" % n, 0)) for n in range(99)]
    )
    before = state.version
    state.put([("record", b"5", document("record", b"5", 1))])
    update = state.difference(before)
    assert update is not None
    assert not update.full
    assert update.documents == (document("record", b"5", 1),)


def test_readers_that_ask_the_same_question_get_the_same_value() -> None:
    state = NetworkState(NETWORK, b"", [])
    state.put([("head", b"a", document("head", b"a", 1))])
    assert state.difference(0) is state.difference(0)


def test_one_who_may_not_see_a_member_is_told_nothing_of_it() -> None:
    state = NetworkState(NETWORK, b"", [])
    state.put(
        [("membership", b"1", document("membership", b"1", 0)), ("membership", b"2", document("membership", b"2", 0))]
    )
    state.put([("policy", b"", document("policy", b"", 0))])
    state.put_presence(Presence(identity=b"2", online=True))
    update = state.difference(0, lambda identity: identity == b"1")
    assert update is not None
    assert set(update.documents) == {document("membership", b"1", 0), document("policy", b"", 0)}
    assert update.presence == ()


def test_a_new_policy_sends_the_whole_map_to_everyone() -> None:
    state = NetworkState(NETWORK, b"", [("membership", b"1", document("membership", b"1", 0))])
    before = state.version
    state.put([("policy", b"", document("policy", b"", 1))])
    update = state.difference(before)
    assert update is not None
    assert update.full
    assert len(update.documents) == 2


def test_disappearances_are_forgotten_above_the_limit_and_old_readers_get_the_whole_map() -> None:
    state = NetworkState(NETWORK, b"", [])
    state.put([("head", b"x", document("head", b"x", 0))])
    early = state.version
    for number in range(MAP_CHANGES_MAX + 1):
        state.put([("record", b"%d" % number, None)])
    update = state.difference(early)
    assert update is not None
    assert update.full
    assert update.gone == ()
    assert update.documents == (document("head", b"x", 0),)
