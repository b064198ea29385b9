"""`POST /v1/network/sign`, `.../waiting`, `.../deny`: what an owner or admin signs on this machine.

Decides which key signs (this node's own where it is an admin's and the act allows it, else the root where it is here),
and that nothing is signed for anybody to see but what was shown and confirmed. `trust.acts` says what an act is.
"""

import asyncio
import os
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.limits import SERVER_ANSWER_MAX_S, SESSION_HURRY_S
from warren.model.ids import IDENTITY_MIN_DIGITS, Identity, short_identity, show_identity
from warren.model.keys import SigningKeyPair
from warren.model.names import parse_host_label, parse_network_name, parse_tag, printable
from warren.node.api import recovery
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.network import Network
from warren.node.roots import Roots
from warren.policy.language import is_readable
from warren.protocol.control.messages import WaitingJoin
from warren.protocol.local.network import SignRequest, SignResult, WaitingMachine, WaitingRequest, WaitingResult
from warren.trust import acts, admission_key, successions
from warren.trust.authenticate import root_of
from warren.trust.batches import Batch, Draft, Pen, lines_digest
from warren.trust.documents import Kind
from warren.trust.office import admins, invites
from warren.trust.showing import show
from warren.trust.view import View
from warren.trust.words import code_of, same

_ROOT_ONLY = frozenset({"lock", "unlock", "recovery-set", "root-change"})
_ADMIN_ONLY = frozenset({"recovery-start", "recovery-sign"})
_NEXT_ROOT = frozenset({"root-change", "recovery-start"})
_AMBIGUOUS_SHOWN = 5  # of those that a name could mean; there may be as many as machines


@dataclass(slots=True)
class _Errand:
    """One act on its way: what it needs beside the draft, and what it answers."""

    network: Network
    body: SignRequest
    view: View
    waiting: tuple[WaitingJoin, ...] = ()
    code: str = ""
    seed: bytes = b""
    next_root: SigningKeyPair | None = None


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Show what would be signed; where that was confirmed, sign and send it."""
    body = request.decode(SignRequest)
    network = scope.roster.find(body.network)
    view = _view(network)
    errand = _Errand(network, body, view)
    if body.act == "approve" or body.confirm:
        await network.link.open_within(SESSION_HURRY_S)
    if body.act == "approve":
        errand.waiting = await network.link.waiting(SERVER_ANSWER_MAX_S)
    if body.act == "invite":
        errand.seed = os.urandom(32)
    roots = Roots(scope.loaded.settings.state)
    root = await asyncio.to_thread(roots.in_force, network.id, view.root)
    pen = choose_pen(view, network.parts.keys.identity, root, body.act, changed_by(view, body))
    draft = Draft(view, pen, now=network.now(), readable=is_readable)
    if body.act in _NEXT_ROOT:
        errand.next_root = await asyncio.to_thread(roots.next, network.id, SigningKeyPair(os.urandom(32)))
    batch = await asyncio.to_thread(_batch, draft, errand)
    lines = (*show(batch), *recovery.standing(batch))
    if errand.seed:  # its key is another one each time it is shown; what it may is in the line after its name
        lines = tuple(line.replace(_key_name(errand), "of the invite", 1) for line in lines)
        lines = (f"an invite, good for {body.expires_s} s", *lines)
    digest = lines_digest(lines).hex()
    is_done = body.confirm == digest
    if is_done:
        await network.link.submit(batch.raws, SERVER_ANSWER_MAX_S, keep_keys=body.keep_keys)
        await network.take(batch.raws)
        await asyncio.to_thread(roots.in_force, network.id, _view(network).root)
    await reply.result(
        SignResult(
            network=network.name,
            lines=lines,
            digest=digest,
            signer="root" if draft.is_root else "admin",
            is_done=is_done,
            code=errand.code,
            secret=_invite_line(errand) if is_done and errand.seed else "",
            server=network.parts.membership.server,
        )
    )


async def show_waiting(scope: Scope, request: Request, reply: Reply) -> None:
    """Who waits, with the words that each of them shows."""
    network = scope.roster.find(request.decode(WaitingRequest).network)
    await network.link.open_within(SESSION_HURRY_S)
    joins = await network.link.waiting(SERVER_ANSWER_MAX_S)
    machines = await asyncio.to_thread(lambda: tuple(_shown(network, one) for one in joins))
    await reply.result(WaitingResult(network=network.name, machines=machines))


async def deny(scope: Scope, request: Request, reply: Reply) -> None:
    """Refuse a machine that waits."""
    body = request.decode(WaitingRequest)
    network = scope.roster.find(body.network)
    await network.link.open_within(SESSION_HURRY_S)
    one = _waiting(await network.link.waiting(SERVER_ANSWER_MAX_S), body.who)
    await network.link.deny(Identity(one.identity), SERVER_ANSWER_MAX_S)
    machine = await asyncio.to_thread(_shown, network, one)
    await reply.result(WaitingResult(network=network.name, machines=(machine,)))


def _view(network: Network) -> View:
    if network.held is None:
        raise WarrenError(Code.NOT_UP, f"nothing of {network.name} is known here yet", "wait for its server")
    return network.held.view


def changed_by(view: View, body: SignRequest) -> Identity | None:
    """Whom or which key an act ends or promotes. WarrenError NOT_FOUND or INVALID_ARGUMENT where that is not one."""
    match body.act:
        case "kick":
            return _ever_member(view, _only(body))
        case "demote" | "promote":
            return _member(view, _only(body))
        case "revoke-invite" | "end-invite":
            return _invite_key(view, _only(body))
    return None


def choose_pen(
    view: View, node: SigningKeyPair, root: SigningKeyPair | None, act: str, changed: Identity | None
) -> Pen:
    """The key to sign with: this node's own where it is an admin's. The root where only it may, where the node's own
    may not, and where the act is to end a key, or to give one back that is to vote: an admin's word leaves what the
    root, or another admin, gave, and gives no vote."""
    own = admins(view).get(node.public)
    if act in _ADMIN_ONLY and node.public in view.voters:
        return Pen(node, view.voters[node.public])
    is_roots = act in _ROOT_ONLY or (changed is not None and acts.is_roots_word(view, changed))
    if own is not None and (not is_roots or root is None):
        return Pen(node, own.epoch)
    if root is not None and act not in _ADMIN_ONLY:
        return Pen(root)
    raise WarrenError(
        Code.FORBIDDEN,
        "this machine is no admin's in this network, and the root key is not here",
        "on the owner's machine: warren member promote NAME; or warren network take-over",
    )


def _batch(draft: Draft, errand: _Errand) -> Batch:
    """What is to be signed: by the root that goes, where it names the next one, else by the draft's pen."""
    if errand.body.act == "root-change" and errand.next_root is not None:
        old, new = draft.pen.key, errand.next_root
        return successions.change_root(draft.view, old, new, now=draft.now, readable=is_readable)
    if errand.body.act.startswith("recovery-"):
        _put_recovery(draft, errand)
    else:
        _put(draft, errand)
    return draft.batch()


def _put_recovery(draft: Draft, errand: _Errand) -> None:
    body, view = errand.body, errand.view
    if body.act == "recovery-set":
        successions.set_recovery(draft, tuple(_member(view, one) for one in body.who), body.quorum)
    elif body.act == "recovery-start" and errand.next_root is not None:
        successions.propose(draft, errand.next_root.public)
    elif body.act == "recovery-sign":
        successions.second(draft, recovery.proposed(view, body.name))


def _put(draft: Draft, errand: _Errand) -> None:
    body, view = errand.body, errand.view
    match body.act:
        case "lock":
            acts.lock(draft, without=tuple(_member(view, one) for one in body.who), office=errand.network.me)
        case "unlock":
            acts.unlock(draft)
        case "approve":
            _approve(draft, errand)
        case "kick":
            acts.kick(draft, _ever_member(view, _only(body)))
        case "promote":
            acts.promote(draft, _member(view, _only(body)))
        case "demote":
            acts.demote(draft, _member(view, _only(body)))
        case "rename":
            acts.rename(draft, parse_network_name(body.name))
        case "policy":
            acts.set_policy(draft, body.policy.encode())
        case "invite":
            _invite(draft, errand)
        case "revoke-invite":
            acts.revoke_invite(draft, _invite_key(view, _only(body)))
        case "end-invite":
            acts.end_invite(draft, _invite_key(view, _only(body)))


def _approve(draft: Draft, errand: _Errand) -> None:
    body, view = errand.body, errand.view
    who = _only(body)
    known = [one for one in errand.waiting if _means(one, who)]
    if not known:
        identity = _removed(view, who)
        acts.approve(draft, identity, hostname=parse_host_label(body.name or f"node-{identity.hex()[:10]}"))
        return
    one = _waiting(errand.waiting, who)
    identity = Identity(one.identity)
    errand.code = code_of(view.network, identity)
    if body.code and not same(body.code, errand.code):
        raise WarrenError(
            Code.FORBIDDEN,
            "these are not the words of the machine that the server shows",
            "read them again; where they differ, the server shows another machine: deny it",
        )
    hostname = parse_host_label(body.name or one.hostname)
    groups, tags = tuple(one.groups), tuple(one.tags)
    acts.approve(
        draft, identity, hostname=hostname, ipv4=one.ipv4, user=one.user, groups=groups, tags=tags,
        ephemeral=one.ephemeral,
    )  # fmt: skip


def _means(one: WaitingJoin, who: str) -> bool:
    lowered = who.lower()
    by_id = len(lowered) >= IDENTITY_MIN_DIGITS and show_identity(Identity(one.identity)).startswith(lowered)
    return one.hostname == lowered or by_id


def _invite(draft: Draft, errand: _Errand) -> None:
    body = errand.body
    key = SigningKeyPair(errand.seed).public
    acts.invite(
        draft,
        key,
        hostname=parse_host_label(body.name) if body.name else "",
        ipv4="",
        tags=tuple(sorted(parse_tag(tag) for tag in body.tags)),
        count=body.uses,
        not_after=draft.now + body.expires_s,
    )


def _key_name(errand: _Errand) -> str:
    return short_identity(SigningKeyPair(errand.seed).public)


def _invite_line(errand: _Errand) -> str:
    server = errand.network.parts.membership.server_key
    view = errand.view
    begun = next(root_of(one) for one in view.documents if one.kind is Kind.GENESIS)  # what joiners are shown first
    return admission_key.format_key(admission_key.make_delegated(errand.seed, view.network, begun, server))


def _invite_key(view: View, key_id: str) -> Identity:
    for key in invites(view):
        if admission_key.id_of(key) == key_id:
            return key
    raise WarrenError(
        Code.NOT_FOUND,
        f"there is no invite {printable(key_id[:80])!r}",
        "its id stands in its link, between /i/ and #, and in `warren key list` beside the keys",
    )


def _only(body: SignRequest) -> str:
    if len(body.who) != 1:
        raise WarrenError(Code.INVALID_ARGUMENT, "name one machine")
    return body.who[0]


def _member(view: View, who: str) -> Identity:
    lowered = who.lower()
    named = [one for one, member in view.members.items() if member.hostname == lowered]
    if not named and len(lowered) >= IDENTITY_MIN_DIGITS:
        named = [one for one in view.members if show_identity(one).startswith(lowered)]
    if not named:
        raise WarrenError(
            Code.NOT_FOUND, f"there is no member {printable(who[:80])!r}", "warren member list shows who there is"
        )
    if len(named) > 1:
        raise _ambiguous(who, [(view.members[one].hostname, one) for one in named])
    return named[0]


def _ever_member(view: View, who: str) -> Identity:
    """A member; or who was one, by its identity: it may have kept a key or a vote that is to end."""
    lowered = who.lower()
    gone = [one for one in view.removed if len(who) >= IDENTITY_MIN_DIGITS and show_identity(one).startswith(lowered)]
    return gone[0] if len(gone) == 1 else _member(view, who)


def _removed(view: View, who: str) -> Identity:
    found = [one for one in view.removed if len(who) >= IDENTITY_MIN_DIGITS and show_identity(one).startswith(who)]
    if not found:
        raise _nobody_waits(who)
    if len(found) > 1:
        raise _ambiguous(who, [("one that was removed", one) for one in found])
    return found[0]


def _waiting(joins: tuple[WaitingJoin, ...], who: str) -> WaitingJoin:
    found = [one for one in joins if _means(one, who)]
    if not found:
        raise _nobody_waits(who)
    if len(found) > 1:
        raise _ambiguous(who, [(one.hostname, Identity(one.identity)) for one in found])
    return found[0]


def _nobody_waits(who: str) -> WarrenError:
    text = f"no machine {printable(who[:80])!r} waits"
    return WarrenError(Code.NOT_FOUND, text, "warren member waiting shows which do")


def _ambiguous(who: str, found: list[tuple[str, Identity]]) -> WarrenError:
    """What a name could mean, so that the next one says which."""
    shown = [f"{printable(name)} ({short_identity(one)})" for name, one in found[:_AMBIGUOUS_SHOWN]]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    text = f"{printable(who[:80])!r} could be {', '.join(shown)}{more}"
    return WarrenError(Code.CONFLICT, text, "give the digits of its identity, as many as it takes")


def _shown(network: Network, one: WaitingJoin) -> WaitingMachine:
    identity = Identity(one.identity)
    return WaitingMachine(
        name=one.hostname,
        identity=show_identity(identity),
        code=code_of(network.id, identity),
        since=float(one.since),
        user=one.user,
        tags=tuple(one.tags),
        os=one.os,
    )
