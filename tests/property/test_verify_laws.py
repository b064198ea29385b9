"""The laws of verify, for any set of documents that signers of every kind could make.

The answer does not depend on the order; what it keeps gives the same facts again; floors never go back; nobody is a
member without an admitting signature, nor after a removal that counts; a refused document changes nothing else. 100
examples of each, always the same; with WARREN_LAW_EXAMPLES=5000 so many, and others every time.
"""

import os
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.trust.founding import DATE, Network

from warren.errors import WarrenError
from warren.trust.authenticate import Authentic
from warren.trust.changes import diff
from warren.trust.documents import AdmissionLimits, Membership, Right
from warren.trust.floors import Floors
from warren.trust.view import View

NETWORK = Network()
NODES = ("a", "b", "c")
SIGNERS = ("root", "admin", "registrar", "invite", "a")
SMALL = st.integers(0, 4)
NODE = st.sampled_from(NODES)
SIGNER = st.sampled_from(SIGNERS)
ORDER = st.fixed_dictionaries(
    {"epoch": st.sampled_from([0, 0, 0, 1, 2**33]), "counter": SMALL | st.sampled_from([2**32, 2**40])},
    optional={"under": st.integers(0, 1), "date": st.integers(DATE - 50, DATE + 50)},
)
KEYS = st.sampled_from([bytes([7]) * 32, bytes([8]) * 32, bytes([9]) * 32])


def _built(make: Callable[..., Authentic], **parts: st.SearchStrategy[object]) -> st.SearchStrategy[Authentic]:
    return st.builds(lambda order, given: make(**order, **given), ORDER, st.fixed_dictionaries(parts))


DOCUMENTS = st.one_of(
    _built(
        NETWORK.member,
        who=NODE,
        by=SIGNER,
        hostname=st.sampled_from(["db", "web"]),
        ipv4=st.sampled_from(["", "100.96.0.2", "100.96.0.3"]),
        expires=st.sampled_from([None, DATE, DATE + 30]),
        joined=SMALL,
    ),
    _built(NETWORK.record, who=NODE, by=st.sampled_from([None, "b"]), wireguard=KEYS),
    _built(NETWORK.removal, who=NODE, by=SIGNER),
    _built(NETWORK.removal_of_delegation, who=st.sampled_from(SIGNERS[1:4]), by=SIGNER),
    _built(
        NETWORK.delegation,
        to=st.sampled_from(SIGNERS[1:4]),
        by=st.sampled_from(SIGNERS[:3]),
        rights=st.lists(st.sampled_from(list(Right)), unique=True),
        not_after=st.sampled_from([None, DATE, DATE + 20]),
        limits=st.builds(AdmissionLimits, count=st.sampled_from([None, 1])),
    ),
    _built(NETWORK.policy, by=SIGNER, text=st.sampled_from([b"x", b"y"]), replaces=st.sampled_from([b"", bytes(32)])),
    _built(NETWORK.settings, by=SIGNER, cut_after_days=st.integers(0, 1)),
    _built(NETWORK.head, authority=st.sampled_from(SIGNERS[:3]), by=st.sampled_from([None, "registrar"])),
)
BASE = [
    NETWORK.genesis,
    NETWORK.settings(),
    NETWORK.policy(),
    NETWORK.delegation("admin", tuple(Right)),
    NETWORK.delegation("registrar"),
]
SETS = st.lists(DOCUMENTS, max_size=14).map(lambda made: [*BASE, *made])
CHANGES = st.one_of(
    _built(
        lambda step, **given: NETWORK.root_change(
            to=step[1], generation=step[2], old=NETWORK.identity(step[0]), **given
        ),
        step=st.sampled_from([("root", "b", 1), ("root", "c", 1), ("b", "c", 2), ("b", "root", 2)]),
        by=st.sampled_from([*SIGNERS, "b"]),
        kept=st.sampled_from([(), tuple(one for one in BASE if one.kind != "genesis")]),
    ),
    _built(
        NETWORK.recovery,
        whos=st.sampled_from([("admin",), ("admin", "registrar")]),
        quorum=st.just(1),
        by=st.sampled_from(SIGNERS[:2]),
    ),
)
LINEAGES = st.tuples(SETS, st.lists(CHANGES, min_size=1, max_size=5)).map(lambda both: [*both[0], *both[1]])
EXAMPLES = int(os.environ.get("WARREN_LAW_EXAMPLES", "0"))
QUICK = settings(
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def facts(view: View) -> tuple[object, ...]:
    return view.members, view.removed, view.delegations, view.heads, view.settings, view.policy, view.floors


@QUICK
@given(SETS, st.randoms(use_true_random=False))
def test_the_order_of_the_documents_does_not_matter(documents: list[Authentic], rng: "object") -> None:
    expected = NETWORK.verify(documents, now=DATE)
    shuffled = [*documents, *documents[:2]]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert NETWORK.verify(shuffled, now=DATE) == expected


@QUICK
@given(SETS)
def test_what_is_kept_gives_the_same_facts_again(documents: list[Authentic]) -> None:
    first = NETWORK.verify(documents, now=DATE)
    second = NETWORK.verify(first.documents, Floors.decode(first.floors.encode()), now=first.effective_now)
    assert facts(second) == facts(first)
    assert not diff(first, second)
    both = NETWORK.verify([*documents, *first.documents], first.floors, now=first.effective_now)
    assert facts(both) == facts(first)


@QUICK
@given(st.lists(SETS, min_size=2, max_size=3), st.lists(st.integers(0, 60), min_size=3, max_size=3))
def test_floors_never_go_back_and_inputs_stay_as_they_are(batches: list[list[Authentic]], waits: list[int]) -> None:
    floors, now = Floors(), DATE
    kept: list[Authentic] = []
    for batch, wait in zip(batches, waits, strict=False):
        before, copy = floors.encode(), list(batch)
        view = NETWORK.verify([*kept, *batch], floors, now=now + wait)
        assert floors.encode() == before
        assert batch == copy
        assert all(view.floors.orders[key] >= order for key, order in floors.orders.items())
        assert view.effective_now >= now
        floors, now, kept = view.floors, view.effective_now, list(view.documents)


@QUICK
@given(LINEAGES, st.randoms(use_true_random=False))
def test_roots_follow_each_other_alike_in_any_order_and_stay(documents: list[Authentic], rng: "object") -> None:
    first = NETWORK.verify(documents, now=DATE)
    shuffled = [*documents]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert NETWORK.verify(shuffled, now=DATE) == first
    second = NETWORK.verify(first.documents, Floors.decode(first.floors.encode()), now=first.effective_now)
    assert (facts(second), second.root, second.recovery) == (facts(first), first.root, first.recovery)
    old_world = NETWORK.verify(BASE, first.floors, now=DATE)
    assert (old_world.root, old_world.generation) == (first.root, first.generation)
    assert all(old_world.floors.orders[key] >= order for key, order in first.floors.orders.items())


@QUICK
@given(SETS)
def test_a_member_has_an_admitting_signature_and_no_removal_by_the_root(documents: list[Authentic]) -> None:
    view = NETWORK.verify(documents, now=DATE)
    root = NETWORK.identity("root")
    for identity, member in view.members.items():
        assert member.signer == root or member.signer in view.delegations
        assert member.membership.expires is None or view.effective_now < member.membership.expires
        assert any(one.body == member.membership and one.signer == member.signer for one in documents)
        assert member.membership.epoch > view.removed.get(identity, -1)
    for one in documents:
        body = one.body
        if (
            one.kind == "removal"
            and one.signer == root
            and one.subject[:1] == b"m"
            and one.subject[1:33] in view.members
        ):
            membership = view.members[NETWORK.identity(_name(one.subject[1:33]))].membership
            assert isinstance(membership, Membership)
            assert membership.epoch > getattr(body, "epoch", 0) or getattr(body, "epoch", 0) > 2**32 or _jumps(body)


def _name(identity: bytes) -> str:
    return next(name for name in NODES if NETWORK.identity(name) == identity)


def _jumps(body: object) -> bool:
    return getattr(body, "counter", 0) > 2**32


@QUICK
@given(SETS)
def test_names_addresses_and_keys_belong_to_one_member_each(documents: list[Authentic]) -> None:
    view = NETWORK.verify(documents, now=DATE)
    _all_different([member.hostname for member in view.members.values()])
    _all_different([member.ipv4 for member in view.members.values() if member.ipv4 is not None])
    _all_different([member.record.wireguard for member in view.members.values() if member.record is not None])


def _all_different(values: Sequence[object]) -> None:
    assert len(set(values)) == len(values)


@QUICK
@given(SETS, DOCUMENTS)
def test_strangers_change_nothing(documents: list[Authentic], another: Authentic) -> None:
    stranger: dict[str, Callable[[], Authentic]] = {
        "member": lambda: NETWORK.member("a", by="mallory", counter=3),
        "removal": lambda: NETWORK.removal("a", by="mallory", counter=3),
        "policy": lambda: NETWORK.policy(b"mine", by="mallory", counter=4),
        "settings": lambda: NETWORK.settings(by="mallory", counter=4),
        "delegation": lambda: NETWORK.delegation("mallory", tuple(Right), by="mallory", counter=3),
        "head": lambda: NETWORK.head("root", by="mallory", counter=4, date=2**60),
        "own": lambda: NETWORK.head("mallory", counter=4, date=2**60),
    }
    documents = [*documents, another]
    expected = facts(NETWORK.verify(documents, now=DATE))
    assert facts(NETWORK.verify([*documents, *(make() for make in stranger.values())], now=DATE)) == expected


@QUICK
@given(st.lists(DOCUMENTS, max_size=8))
def test_without_a_genesis_there_is_one_clear_refusal(documents: list[Authentic]) -> None:
    try:
        NETWORK.verify(documents)
    except WarrenError:
        return
    raise AssertionError("a network without its genesis was verified")
