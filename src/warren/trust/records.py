"""What members say of themselves: which node record of each is in force, and whose a WireGuard key is.

Decides by the order of records, the membership's epoch, and by who showed a key first: remembered in the floors' claims
for as long as the identity is a member, else by seniority. A key that two identities claim would let one receive what
is meant for the other. Must not know what a route or service is worth.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

from warren import limits
from warren.errors import Code
from warren.model.ids import Identity, short_identity
from warren.trust.authenticate import Authentic
from warren.trust.documents import NodeRecord
from warren.trust.floors import Floors
from warren.trust.ledger import Ledger, order_of
from warren.trust.members import Admitted


def choose_records(
    documents: Iterable[Authentic], members: Mapping[Identity, Admitted], waiting: Set[Identity], ledger: Ledger
) -> dict[Identity, NodeRecord]:
    """The record in force of each member; `members` come in the order of seniority.

    `waiting`: identities with a membership that does not count now but may again; their records are kept.
    """
    candidates: defaultdict[Identity, list[Authentic]] = defaultdict(list)
    for document in documents:
        identity = Identity(document.subject)
        if document.signer != identity:
            by = f"not by {short_identity(document.signer)}: {order_of(document)}"
            ledger.refuse(document, Code.FORBIDDEN, f"a node record is signed by the node itself, {by}")
        elif identity not in members:
            ledger.refuse(document, Code.NOT_A_MEMBER, "the node is not a member")
            if identity in waiting:
                ledger.keep(document)
        elif _epoch(document) != members[identity].membership.epoch:
            ledger.refuse(document, Code.OUT_OF_ORDER, "it is of another epoch than the membership")
        else:
            candidates[identity].append(document)
    return _without_foreign_keys(candidates, members, ledger)


def _epoch(document: Authentic) -> int:
    return document.body.epoch if isinstance(document.body, NodeRecord) else -1


def _without_foreign_keys(
    candidates: Mapping[Identity, list[Authentic]], members: Mapping[Identity, Admitted], ledger: Ledger
) -> dict[Identity, NodeRecord]:
    owners = _owners(ledger.floors, members)
    records: dict[Identity, NodeRecord] = {}
    for identity in members:
        chosen = ledger.newest(candidates[identity]) if identity in candidates else None
        if chosen is None or not isinstance(chosen.body, NodeRecord):
            continue
        keys = keys_of(chosen.body)
        owner = next((owners[key] for key in keys if owners.get(key, identity) != identity), None)
        if owner is not None:
            ledger.refuse(chosen, Code.CONFLICT, f"{short_identity(owner)} showed this WireGuard key before")
            ledger.note(
                "wireguard-key-claimed",
                f"{short_identity(identity)} claims a WireGuard key of {short_identity(owner)} and is left out",
            )
            continue
        owners.update(dict.fromkeys(keys, identity))
        records[identity] = chosen.body
        ledger.accept(chosen)
    return records


def _owners(floors: Floors, members: Mapping[Identity, Admitted]) -> dict[bytes, Identity]:
    return {
        key: identity for identity, claim in floors.claims.items() if identity in members for key in claim.wireguard
    }


def keys_of(record: NodeRecord) -> tuple[bytes, ...]:
    """The WireGuard keys that a record shows: the one in use, then the announced one."""
    return (record.wireguard, record.next_wireguard) if record.next_wireguard else (record.wireguard,)


def remembered(earlier: tuple[bytes, ...], record: NodeRecord | None) -> tuple[bytes, ...]:
    """The keys to remember as one identity's, newest first, at most `WIREGUARD_CLAIMS_MAX`."""
    shown = keys_of(record) if record is not None else ()
    return tuple(dict.fromkeys(shown + earlier))[: limits.WIREGUARD_CLAIMS_MAX]
