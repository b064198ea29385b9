"""`warren member`: the members of a network, as its server knows them."""

import time

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.cli.units import show_duration
from warren.protocol.rest.members import Kicked, Member, Members


def list_members(parsed: Parsed) -> int:
    """Print the members of a network."""
    client = rest_client(parsed)
    found = client.get("networks", network_name(parsed, client), "members", kind=Members)
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    now = time.time()
    output.table(
        ("NAME", "ADDRESS", "STATE", "IDENTITY", "USER OR TAGS", "SYSTEM"), [_row(one, now) for one in found.members]
    )
    return output.DONE


def kick(parsed: Parsed) -> int:
    """End a membership."""
    client = rest_client(parsed)
    network, member = network_name(parsed, client), parsed.argument("member")
    query = {"keep_key": "true"} if parsed.is_on("keep-key") else None
    kicked = client.delete("networks", network, "members", member, kind=Kicked, query=query)
    if parsed.is_on("json"):
        output.say_json(kicked)
        return output.DONE
    revoked = f"; its key {kicked.revoked_key} is revoked" if kicked is not None and kicked.revoked_key else ""
    acted_on(client, f"kicked {member} from {network}{revoked}")
    return output.DONE


def _row(member: Member, now: float) -> tuple[str, ...]:
    seen = "never online" if member.last_seen is None else f"offline since {show_duration(now - member.last_seen)}"
    return (
        member.name,
        member.addresses[0] if member.addresses else "",
        ("online" if member.online else seen) + (", ephemeral" if member.ephemeral else ""),
        member.identity[:10],
        member.user or ",".join(member.tags),
        member.os,
    )
