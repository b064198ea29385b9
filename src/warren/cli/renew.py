"""`warren up --renew`: a person renews this machine's membership, weeks before it ends or after.

Decides which network is meant, and where the key comes from: `--auth-key`, else a person approves in a browser. The
daemon signs with it that this machine is theirs; the server's map brings the later end, as it brings everything."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.cli.moments import show_moment
from warren.cli.secret import read_secret
from warren.cli.sign_on import key_by_sign_on
from warren.client.credentials import is_protected
from warren.client.rest import RestClient
from warren.errors import Code, WarrenError
from warren.model.names import printable
from warren.protocol.local.renew import RenewRequest, RenewResult
from warren.protocol.local.rights import RENEW, WHOAMI
from warren.protocol.local.whoami import Whoami, WhoamiNetwork
from warren.protocol.rest.members import Renewal, Renewed


def renew(parsed: Parsed) -> int:
    """Renew; exit code 0 where the server has it."""
    daemon = local_client(parsed)
    one = _meant(daemon.get(WHOAMI, Whoami).networks, parsed)
    given = parsed.text("auth-key")
    if given is None and not is_protected(one.server):
        raise WarrenError(
            Code.FORBIDDEN, f"{one.server} is without TLS: nobody signs on there", "renew with --auth-key KEY"
        )
    key = read_secret(given, "auth key") if given is not None else key_by_sign_on(one.server, parsed, one.network)
    signed = daemon.post(RENEW, RenewRequest(auth_key=key, network=one.network_id), RenewResult)
    body = Renewal(key_id=signed.key_id, signature=signed.signature)
    path = ("networks", signed.network_id, "members", signed.identity, "renew")
    done = RestClient(signed.server).post(*path, body=body, kind=Renewed)
    if parsed.is_on("json"):
        output.say_json(done)
        return output.DONE
    until = show_moment(done.expires_at, "%Y-%m-%d")
    output.say(printable(f"{signed.name} is renewed until {until}"))
    return output.DONE


def _meant(networks: tuple[WhoamiNetwork, ...], parsed: Parsed) -> WhoamiNetwork:
    named = parsed.text("network")
    found = [one for one in networks if named in {None, one.network, one.network_id}]
    if named is None and len(found) > 1:
        found = [one for one in found if one.expires is not None]
    if len(found) != 1:
        raise WarrenError(
            Code.NETWORK_UNKNOWN, "which of this machine's networks is meant?", "--network NAME; see warren whoami"
        )
    return found[0]
