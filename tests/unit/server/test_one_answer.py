"""Whatever was signed, and in whatever order it came: this server and every node say the same of who may do what.

Delegations, ends of them and changes of the root at random, by whoever may be thought of, go through the server's own
door (`judge`). What it took goes to a node that was here all the time, and to one that comes now and is told all.
"""

from collections.abc import Iterable
from typing import Any

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from tests.unit.trust.founding import DATE, Network

from warren.errors import WarrenError
from warren.server.approvals.rules import judge
from warren.server.networks.live import LiveNetwork
from warren.server.networks.store import DocumentRow, NetworkRow
from warren.trust.authenticate import Authentic
from warren.trust.documents import AdmissionLimits, Kind, Right
from warren.trust.floors import Floors
from warren.trust.office import ADMIN_RIGHTS, admins, invites, is_locked
from warren.trust.signing import REGISTRAR_RIGHTS
from warren.trust.verify import verify
from warren.trust.view import View

NOW = DATE + 100
ROOTS = ("root", "root1", "root2")
PEOPLE = ("anna", "ben", "cleo", "dan")
KEYS = (*PEOPLE, "registrar", "invite")
GIVEN: dict[str, tuple[tuple[str, ...], AdmissionLimits]] = {
    "admin": (ADMIN_RIGHTS, AdmissionLimits()),
    "registrar": (tuple(REGISTRAR_RIGHTS), AdmissionLimits()),
    "asleep": ((Right.ATTEST,), AdmissionLimits()),
    "admit": ((Right.ADMIT,), AdmissionLimits()),
    "policy": ((Right.POLICY, Right.DELEGATE), AdmissionLimits()),
    "count": ((Right.ADMIT,), AdmissionLimits(count=2)),
    "all": (tuple(Right), AdmissionLimits()),
}
EPOCHS = st.sampled_from((0, 0, 0, 1, 2))
STEPS = st.one_of(
    st.tuples(
        st.just("give"), st.sampled_from(KEYS), st.sampled_from((*ROOTS, *PEOPLE)), st.sampled_from(sorted(GIVEN)),
        EPOCHS, EPOCHS, st.sampled_from((None, None, NOW - 1, NOW + 50)),
    ),
    st.tuples(st.just("end"), st.sampled_from(KEYS), st.sampled_from((*ROOTS, *KEYS)), EPOCHS, EPOCHS),
    st.tuples(st.just("root"), st.sampled_from((0, 1)), st.sampled_from((0, 0, 1, 2))),
)  # fmt: skip


class World:
    """A server, a node that was here from the beginning, and who signs."""

    def __init__(self) -> None:
        self.network = Network()
        base = [self.network.settings(), self.network.delegation("registrar")]
        self.rows = {(one.kind.value, one.subject): one.raw for one in base}
        self.now = NOW
        self.server = LiveNetwork(
            NetworkRow(
                id=self.network.id, name="default", genesis=self.network.genesis_bytes, root="owner",
                root_key=self.network.identity("root"), sequence=1, next_offset=0, created_at=0,
            ),
            [DocumentRow(one.kind.value, one.subject, one.raw) for one in base],
            lambda: float(self.now),
        )  # fmt: skip
        self.node = self._verify([self.network.genesis, *base], Floors())

    def take(self, document: Authentic) -> bool:
        """Hand it in; whether the server took it."""
        held = [self.network.genesis_bytes, *self.rows.values()]
        try:
            judged = judge(self.network.id, held, [document.raw], self.now)
        except WarrenError:
            return False
        for kind, subject, raw in judged.changes:
            if raw is None:
                self.rows.pop((kind, subject), None)
            else:
                self.rows[kind, subject] = raw
        self.server.apply(self.server.row, judged.changes)
        news = [self.network.open(raw) for _, _, raw in judged.changes if raw is not None]
        self.node = self._verify([*self.node.documents, *news], self.node.floors)
        return True

    def fresh(self) -> View:
        """What a node believes that comes now."""
        return self._verify([self.network.genesis, *map(self.network.open, self.rows.values())], Floors())

    def sign(self, step: tuple[Any, ...]) -> Authentic:
        what, *rest = step
        if what == "give":
            to, by, kind, epoch, under, not_after = rest
            rights, bounds = GIVEN[kind]
            end = {} if not_after is None else {"not_after": not_after}
            return self.network.delegation(
                to, map(str, rights), by=by, epoch=epoch, under=under, limits=bounds, **end
            )  # fmt: skip
        if what == "end":
            who, by, epoch, under = rest
            return self.network.removal_of_delegation(who, by=by, epoch=epoch, under=under)
        old, forgotten = rest  # whoever changes a root names all ends: what a node saw of one it remembers
        of_root = [one for one in self.node.documents if one.signer in self.node.roots and one.kind != Kind.GENESIS]
        given = [one for one in of_root if one.kind == Kind.DELEGATION]
        kept = [one for one in of_root if one not in given[:forgotten]]
        return self.network.root_change(
            ROOTS[old + 1], by=ROOTS[old], old=self.network.identity(ROOTS[old]), generation=old + 1, kept=kept
        )

    def _verify(self, documents: Iterable[Authentic], floors: Floors) -> View:
        return verify(self.network.id, documents, floors=floors, now=self.now)


def agree(world: World, view: View) -> None:
    """What the server makes of rights is what these nodes make of them."""
    server, network = world.server, world.network
    assert server.is_locked == is_locked(view)
    for who in (*KEYS, *ROOTS):
        key = network.identity(who)
        live = view.delegations.get(key, ())
        assert (server.grant_of(key) in live) if live else (server.grant_of(key) is None), who
        assert server.is_admin(key) == (key in admins(view)), who
        signs_by = server.grant_of(key)
        for right in Right:
            may = signs_by is not None and any(right in one.rights and one.epoch == signs_by.epoch for one in live)
            assert server.may(key, right) == may, (who, right)
        assert server.is_invites(key) == (key in invites(view)), who


GIVE_ANNA = ("give", "anna", "root", "admin", 0, 0, None)


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(st.lists(STEPS, min_size=1, max_size=8))
@example([GIVE_ANNA, ("give", "cleo", "anna", "admit", 0, 0, NOW + 50)])
@example([GIVE_ANNA, ("give", "registrar", "anna", "admit", 2, 0, None), ("end", "anna", "root", 0, 0)])
@example(
    [
        GIVE_ANNA,
        ("give", "invite", "root", "count", 0, 0, None),
        ("give", "invite", "anna", "policy", 0, 0, None),
        ("end", "anna", "root", 0, 0),
    ]
)
@example(
    [
        GIVE_ANNA,
        ("give", "ben", "root", "admin", 0, 0, None),
        ("give", "dan", "ben", "admin", 0, 0, None),
        ("give", "ben", "anna", "admin", 0, 0, None),
        ("end", "dan", "anna", 0, 0),
    ]
)
@example(
    [
        GIVE_ANNA,
        ("give", "dan", "anna", "admin", 0, 0, None),
        ("end", "dan", "anna", 0, 0),
        ("end", "anna", "root", 0, 0),
        ("give", "anna", "root", "admin", 1, 0, None),
        ("give", "dan", "anna", "admin", 0, 1, None),
    ]
)
@example([GIVE_ANNA, ("root", 0, 2)])
@example([GIVE_ANNA, ("give", "registrar", "anna", "policy", 2, 0, None)])
@example(
    [GIVE_ANNA, ("give", "ben", "anna", "admin", 0, 0, None), ("give", "anna", "root", "policy", 0, 0, None), GIVE_ANNA]
)
def test_the_server_and_every_node_agree_on_who_may_do_what(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step in steps:
        if world.take(world.sign(step)):
            agree(world, world.node)
            agree(world, world.fresh())
    world.now += 100
    agree(world, world.fresh())
