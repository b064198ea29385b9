"""`warren member`: the members of a network, as its server knows them."""

import time
from dataclasses import dataclass

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed, UsageError
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.cli.signing import sign
from warren.cli.units import show_duration, show_offline
from warren.errors import Code, WarrenError
from warren.limits import EXPIRY_WARNED_S
from warren.model.ids import ID_BYTES, IDENTITY_MIN_DIGITS
from warren.model.names import printable
from warren.protocol.local import rights
from warren.protocol.local.network import RecoveryRequest, RecoveryResult, SignRequest, WaitingRequest, WaitingResult
from warren.protocol.local.status import Status
from warren.protocol.rest.members import Kicked, Member, Members


def list_members(parsed: Parsed) -> int:
    """Print the members of a network."""
    client = rest_client(parsed)
    pages = client.pages("networks", network_name(parsed, client), "members", kind=Members)
    found = tuple(one for page in pages for one in page.members)
    if parsed.is_on("json"):
        output.say_json(Members(members=found))
        return output.DONE
    now = time.time()
    output.table(("NAME", "ADDRESS", "STATE", "IDENTITY", "USER OR TAGS", "SYSTEM"), [_row(one, now) for one in found])
    return output.DONE


def kick(parsed: Parsed) -> int:
    """End a membership: by the server, or by this machine's own signature where the network is locked, where the
    member's key may sign something and the root key is here, or where nobody signed on to the server and this machine
    is an admin's."""
    member, keep = parsed.argument("member"), parsed.is_on("keep-key")
    state = _signing_state(parsed, member) if parsed.text("server") is None else _State()
    if state.is_locked or (state.is_signer and state.is_root_here):
        return _sign_kick(parsed, member, keep=keep)
    try:
        client = rest_client(parsed)
    except WarrenError as error:
        if error.code is Code.UNAUTHENTICATED and (state.is_mine or state.is_root_here):
            return _sign_kick(parsed, member, keep=keep)
        raise
    network = network_name(parsed, client)
    query = {"keep_key": "true"} if keep else None
    kicked = client.delete("networks", network, "members", member, kind=Kicked, query=query)
    if kicked is not None and (state.is_signer or kicked.keeps_rights):
        who = output.pasted(kicked.member.identity[:10])
        output.note(
            f"{printable(member)} keeps what its key may sign, can come back by that, may vote in a recovery; "
            f"on the owner's machine, where the root key is: warren member kick {who}"
        )
    if parsed.is_on("json"):
        output.say_json(kicked)
        return output.DONE
    revoked = f"; its key {kicked.revoked_key} is revoked" if kicked is not None and kicked.revoked_key else ""
    acted_on(client, f"kicked {member} from {network}{revoked}")
    return output.DONE


def _sign_kick(parsed: Parsed, member: str, *, keep: bool) -> int:
    return sign(parsed, SignRequest(act="kick", network=parsed.text("network"), who=(member,), keep_keys=keep))


def approve(parsed: Parsed) -> int:
    """Let a machine in that waits. Words that were to be compared, and are none, are no reason to compare nothing."""
    code = parsed.text("code")
    if code is not None and not code.split():
        raise UsageError("--code is empty: give the words that the machine shows")
    request = SignRequest(
        act="approve",
        network=parsed.text("network"),
        who=(parsed.argument("machine"),),
        name=parsed.text("hostname") or "",
        code=code or "",
    )
    return sign(parsed, request)


def deny(parsed: Parsed) -> int:
    """Refuse a machine that waits."""
    request = WaitingRequest(network=parsed.text("network"), who=parsed.argument("machine"))
    denied = local_client(parsed).post(rights.DENY, request, WaitingResult)
    output.note(printable(f"denied {denied.machines[0].name} in {denied.network}"))
    return output.DONE


def promote(parsed: Parsed) -> int:
    """Make a member an admin."""
    return sign(parsed, SignRequest(act="promote", network=parsed.text("network"), who=(parsed.argument("member"),)))


def demote(parsed: Parsed) -> int:
    """Make an admin a plain member."""
    return sign(parsed, SignRequest(act="demote", network=parsed.text("network"), who=(parsed.argument("member"),)))


def waiting(parsed: Parsed) -> int:
    """Print the machines that wait, with the words that each of them shows."""
    request = WaitingRequest(network=parsed.text("network"))
    found = local_client(parsed).post(rights.WAITING, request, WaitingResult)
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    now = time.time()
    rows = [
        (one.name, one.code, f"for {show_duration(now - one.since)}", one.identity[:10], one.user or ",".join(one.tags))
        for one in found.machines
    ]
    output.table(("NAME", "WORDS", "WAITS", "IDENTITY", "USER OR TAGS"), rows)
    return output.DONE


@dataclass(frozen=True, slots=True)
class _State:
    """Of a network that this machine is in: who signs there, whether the member that is meant may, and whether this
    machine may."""

    is_locked: bool = False
    is_root_here: bool = False
    is_signer: bool = False
    is_mine: bool = False


def _signing_state(parsed: Parsed, member: str) -> _State:
    """As this machine's daemon knows it; nothing where there is none, or it is not in that network."""
    wanted, lowered = parsed.text("network"), member.lower()
    try:
        client = local_client(parsed)
        status = client.get(rights.STATUS, Status)
        meant = [one for one in status.networks if wanted is None or wanted == one.name or one.id.startswith(wanted)]
        if len(meant) != 1 or meant[0].locked:
            return _State(is_locked=len(meant) == 1)
        known = client.post(rights.RECOVERY, RecoveryRequest(network=wanted), RecoveryResult)
    except WarrenError:
        return _State()
    by_id = len(lowered) >= IDENTITY_MIN_DIGITS
    is_signer = any(
        one == lowered or (by_id and len(one) == 2 * ID_BYTES and one.startswith(lowered)) for one in known.signers
    )
    is_mine = meant[0].me.identity in known.signers
    return _State(is_root_here=known.is_here, is_signer=is_signer, is_mine=is_mine)


def _ending(member: Member, now: float) -> str:
    """That a membership has ended, or does soon."""
    left_s = None if member.expires_at is None else member.expires_at - now
    if left_s is None or left_s > EXPIRY_WARNED_S:
        return ""
    return f", expires in {show_duration(left_s)}" if left_s > 0 else ", expired"


def _row(member: Member, now: float) -> tuple[str, ...]:
    seen = "never online" if member.last_seen is None else show_offline(member.last_seen, now)
    return (
        member.name,
        member.addresses[0] if member.addresses else "",
        ("online" if member.online else seen) + (", ephemeral" if member.ephemeral else _ending(member, now)),
        member.identity[:10],
        member.user or ",".join(member.tags),
        member.os,
    )
