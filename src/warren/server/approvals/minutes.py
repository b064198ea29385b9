"""What the audit log says of a batch: whose keys signed it, and what it says. Pure.

Whoever hands a batch in only carries it: any member's session may (SECURITY.md rule 20: what counts are signatures).
Decides how a signing key is called: `root:…`, `key:…` (an invite's, as `warren key list` has it), else an identity in
hex. Must not know the database.
"""

from collections.abc import Iterable

from warren.limits import AUDIT_LINES_MAX
from warren.model.ids import Identity, short_identity, show_identity
from warren.model.names import printable
from warren.server.approvals.rules import Judged
from warren.trust import admission_key
from warren.trust.authenticate import Authentic
from warren.trust.documents import Kind, Removal
from warren.trust.office import is_invites_key
from warren.trust.showing import show_bodies


def signers(judged: Judged, documents: Iterable[Authentic] | None = None) -> list[str]:
    """Whose keys signed these documents of a batch, or all of it."""
    found = {one.signer for one in (judged.new if documents is None else documents)}
    return sorted(_called(judged, one) for one in found)


def signers_of_membership(judged: Judged, identity: Identity) -> list[str]:
    """Whose keys signed what a batch says of this membership: that it is one, or that it ended."""
    about = [
        one
        for one in judged.new
        if (one.kind is Kind.MEMBERSHIP and one.subject == identity)
        or (isinstance(one.body, Removal) and (one.body.of, one.body.subject) == ("membership", identity))
    ]
    return signers(judged, about or None)


def lines(judged: Judged) -> list[str]:
    """What the batch says, as its signer was shown it; the first AUDIT_LINES_MAX."""

    def name(key: bytes) -> str:
        identity = Identity(key)
        member = judged.view.members.get(identity)
        short = short_identity(identity)
        return short if member is None else f"{printable(member.hostname)} ({short})"

    said = list(show_bodies(((one.kind, one.body) for one in judged.new), name))
    more = len(said) - AUDIT_LINES_MAX
    return [*said[:AUDIT_LINES_MAX], *([f"and {more} more"] if more > 0 else [])]


def _called(judged: Judged, signer: Identity) -> str:
    if signer == judged.view.root or signer in judged.view.roots:
        return f"root:{show_identity(signer)}"
    if is_invites_key(judged.view.delegations.get(signer, ())):
        return f"key:{admission_key.id_of(signer)}"
    return show_identity(signer)
