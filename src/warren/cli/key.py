"""`warren key`: pre-auth keys of a network."""

import time

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.cli.signing import signed
from warren.cli.units import show_duration
from warren.errors import WarrenError
from warren.limits import KEY_LIFETIME_MAX_S
from warren.model.names import printable
from warren.protocol.local.network import SignRequest
from warren.protocol.rest.keys import Key, KeyCreate, KeyCreated, Keys

_LIFETIME_S = 3600


def create(parsed: Parsed) -> int:
    """Make a key and print it, alone, on standard output."""
    wanted = request_of(parsed)
    client = rest_client(parsed)
    network = network_name(parsed, client)
    made = client.post("networks", network, "keys", body=wanted, kind=KeyCreated)
    if parsed.is_on("json"):
        output.say_json(made)
        return output.DONE
    output.say(made.secret)
    uses = "any number of machines" if wanted.reusable else "one machine"
    acted_on(client, f"admits {uses} to {network} for {show_duration(wanted.expires_s)}")
    return output.DONE


def request_of(parsed: Parsed) -> KeyCreate:
    """Return the request that the flags say; raises UsageError."""
    given = parsed.duration_s("expires")
    lifetime_s = _LIFETIME_S if given is None else int(given)
    if not 1 <= lifetime_s <= KEY_LIFETIME_MAX_S:
        raise UsageError(f"--expires takes from 1s to {KEY_LIFETIME_MAX_S // 86400}d")
    return KeyCreate(
        reusable=parsed.is_on("reusable"),
        ephemeral=parsed.is_on("ephemeral"),
        tags=parsed.texts("tag") or (),
        expires_s=lifetime_s,
    )


def list_keys(parsed: Parsed) -> int:
    """Print the keys of a network."""
    client = rest_client(parsed)
    pages = client.pages("networks", network_name(parsed, client), "keys", kind=Keys)
    found = tuple(one for page in pages for one in page.keys)
    if parsed.is_on("json"):
        output.say_json(Keys(keys=found))
    else:
        now = time.time()
        output.table(("ID", "ADMITS", "STATE", "USES", "TAGS"), [_row(one, now) for one in found])
    return output.DONE


def revoke(parsed: Parsed) -> int:
    """End a key."""
    client = rest_client(parsed)
    network = network_name(parsed, client)
    revoked = client.delete("networks", network, "keys", parsed.argument("id"), kind=Key)
    acted_on(client, f"revoked {parsed.argument('id')} of {network}")
    if revoked is not None and revoked.delegated:
        _end_delegation(parsed, revoked, network)
    return output.DONE


def _end_delegation(parsed: Parsed, key: Key, network: str) -> None:
    """Its server admits nobody by it any more; that machines take nobody either is for a signature, had here if it can
    be."""
    output.note(f"{printable(key.id)} is an invite's: machines believe it until an admin signs its end")
    try:
        signed(parsed, SignRequest(act="end-invite", network=network, who=(key.id,)))
    except WarrenError as error:
        output.note(
            f"that is not signed here ({printable(error.text)}): on an admin's machine, "
            f"warren invite revoke {output.pasted(key.id)}, which ends whom it admitted too"
        )
    else:
        output.note("its end is signed; whom it admitted stays")


def _row(key: Key, now: float) -> tuple[str, ...]:
    admits = ("many" if key.reusable else "one") + (", ephemeral" if key.ephemeral else "")
    state = f"live for {show_duration(key.expires_at - now)}" if key.state == "live" else key.state
    return (key.id, admits, state, str(key.uses), ",".join(key.tags))
