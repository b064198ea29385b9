"""`warren whoami`: this machine in its networks, and what the caller may do."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.protocol.local.rights import WHOAMI
from warren.protocol.local.whoami import Whoami


def whoami(parsed: Parsed) -> int:
    """Print who this machine is; exit code 0 where the daemon answers."""
    shown = local_client(parsed).get(WHOAMI, Whoami)
    if parsed.is_on("json"):
        output.say_json(shown)
        return output.DONE
    rows = [
        (one.network, one.fqdn, " ".join(one.addresses), one.identity[:10], one.user or ",".join(one.tags), one.server)
        for one in shown.networks
        if parsed.text("network") in {None, one.network, one.network_id}
    ]
    if rows:
        output.table(("NETWORK", "NAME", "ADDRESSES", "IDENTITY", "USER OR TAGS", "SERVER"), rows)
    else:
        output.say("in no network: join one with  warren up --server URL --auth-key KEY")
    operator = f"; operator: {shown.operator}" if shown.operator else ""
    output.say(f"you may use this daemon as {shown.right}{operator}")
    return output.DONE
