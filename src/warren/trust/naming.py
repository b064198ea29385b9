"""What each member is called and which IPv4 address it has, where two were given the same.

Decides: the first seen stays (remembered in the floors' claims, else by seniority), a second one gets a suffix of its
identity and goes without the address, and health says so. Must not know DNS. The same inputs and floors give every node
the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from warren.model.ids import Identity
from warren.model.names import LABEL_MAX_CHARS
from warren.trust.documents import Settings
from warren.trust.ledger import Ledger
from warren.trust.members import Admitted

_NAMELESS = "node"


@dataclass(frozen=True, slots=True)
class Given:
    """What a member goes by here: `hostname` as shown, `ipv4` if it has that address to itself."""

    hostname: str
    ipv4: IPv4Address | None


def give_names(members: Mapping[Identity, Admitted], settings: Settings, ledger: Ledger) -> dict[Identity, Given]:
    """Names and IPv4 addresses of all members; `members` come in the order of seniority."""
    floors = ledger.floors
    prefix = IPv4Network(settings.prefix4)
    hostnames = {identity: admitted.membership.hostname for identity, admitted in members.items()}
    parsed = {identity: _usable(admitted.membership.ipv4, prefix, ledger) for identity, admitted in members.items()}
    addresses = {
        identity: members[identity].membership.ipv4 for identity, address in parsed.items() if address is not None
    }
    hostname_holders = _holders(hostnames, {identity: claim.hostname for identity, claim in floors.claims.items()})
    address_holders = _holders(addresses, {identity: claim.ipv4 for identity, claim in floors.claims.items()})
    taken = set(hostname_holders)
    given: dict[Identity, Given] = {}
    for identity in members:
        name = hostnames[identity]
        owns = bool(name) and hostname_holders[name] == identity
        shown = name if owns else _with_suffix(name or _NAMELESS, identity, taken)
        taken.add(shown)
        if name and not owns:
            ledger.note("hostname-taken", f"two members were given the name {name}; one is called {shown}")
        address = parsed[identity]
        if address is not None and address_holders[addresses[identity]] != identity:
            ledger.note("ipv4-taken", f"two members were given {address}; {shown} goes without")
            address = None
        given[identity] = Given(shown, address)
    return given


def _holders(wanted: Mapping[Identity, str], remembered: Mapping[Identity, str]) -> dict[str, Identity]:
    """Who has each value: the one that had it before, else the first in `wanted`."""
    holders: dict[str, Identity] = {}
    for identity, value in wanted.items():
        if value and (value not in holders or remembered.get(identity) == value):
            holders[value] = identity
    return holders


def _usable(address: str, prefix: IPv4Network, ledger: Ledger) -> IPv4Address | None:
    if not address:
        return None
    parsed = IPv4Address(address)
    if parsed in prefix and parsed not in (prefix.network_address, prefix.broadcast_address):
        return parsed
    ledger.note("ipv4-outside", f"the address {address} of a member is not one of {prefix}")
    return None


def _with_suffix(name: str, identity: Identity, taken: set[str]) -> str:
    """The name and enough of the identity to differ from every other; two identities differ in the end."""
    for digits in range(4, 2 * len(identity) + 1, 2):
        suffix = identity.hex()[:digits]
        # the whole identity is longer than a label: then it stands alone, cut to one
        shown = f"{name[: max(LABEL_MAX_CHARS - 1 - digits, 0)].rstrip('-')}-{suffix}".lstrip("-")[:LABEL_MAX_CHARS]
        if shown not in taken:
            return shown
    return identity.hex()[:LABEL_MAX_CHARS]
