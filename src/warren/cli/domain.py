"""`warren network domain`: mail domains whose people come into a network by signing on."""

from warren.cli import output
from warren.cli.grammar import Parsed, UsageError
from warren.cli.server_call import acted_on, network_name, rest_client
from warren.model.names import printable
from warren.protocol.rest.domains import Domain, DomainProof, Domains, DomainsChange


def list_domains(parsed: Parsed) -> int:
    """Print them."""
    client = rest_client(parsed)
    return _show(parsed, client.get("networks", network_name(parsed, client), "domains", kind=Domains))


def prove(parsed: Parsed) -> int:
    """Begin the proof of a domain, or look for it in the DNS."""
    client = rest_client(parsed)
    network, domain = network_name(parsed, client), parsed.argument("domain")
    body = DomainProof(domain=domain, provider=parsed.text("provider") or "")
    found = client.put("networks", network, "domain-proof", body=body, kind=Domain)
    if parsed.is_on("json"):
        output.say_json(found)
    elif found.seen_at is not None and found.is_in_force:
        acted_on(client, f"{found.domain} is proved: its people come into {network}; leave the record where it is")
        _note_issuers(found)
    else:
        output.say(f'{printable(found.record)}. TXT "{printable(found.proof)}"')
        output.note(f"publish this record, then: warren network domain prove {output.pasted(found.domain)}")
        _note_issuers(found)
    return output.DONE


def give_up(parsed: Parsed) -> int:
    """Have nobody come by a domain any more."""
    client = rest_client(parsed)
    network, domain = network_name(parsed, client), parsed.argument("domain")
    client.delete("networks", network, "domains", domain, kind=Domains)
    acted_on(client, f"nobody comes into {network} by {domain} any more; who did stays")
    return output.DONE


def approve(parsed: Parsed) -> int:
    """Say whether an admin approves each person who comes by a mail domain."""
    wanted = parsed.argument("whom")
    if wanted not in {"each", "nobody"}:
        raise UsageError("warren network domain approve takes each or nobody")
    client = rest_client(parsed)
    network = network_name(parsed, client)
    body = DomainsChange(approve=wanted == "each")
    return _show(parsed, client.patch("networks", network, "domains", body=body, kind=Domains))


def _show(parsed: Parsed, found: Domains) -> int:
    if parsed.is_on("json"):
        output.say_json(found)
        return output.DONE
    output.table(("DOMAIN", "STATE"), [(one.domain, _state(one)) for one in found.domains])
    who = "waits until an admin lets them in: warren invite list" if found.approve else "is in at once"
    output.note(f"who comes by a mail domain {who}")
    return output.DONE


def _state(one: Domain) -> str:
    if one.vouched:
        return "vouched for by a provider"
    if one.is_in_force:
        return f"proved by DNS, for {' and '.join(one.issuers) or 'no provider'}"
    return f'not proved: {one.record} TXT "{one.proof}"'


def _note_issuers(one: Domain) -> None:
    if one.issuers:
        issuers = " and ".join(printable(issuer) for issuer in one.issuers)
        output.note(f"who comes by it: people with a verified mail address there, at {issuers}")
    else:
        again = f"warren network domain prove {output.pasted(one.domain)} --provider ID"
        output.note(f"you sign on by no provider, so nobody comes by it until you name one: {again}")
