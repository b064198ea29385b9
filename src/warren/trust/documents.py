"""What can be signed: the body of each kind of document, its grammar, and which subject it speaks about.

Decides the fields and their form. Must not know who may sign what (`authority`, `members`, `verify`) nor keys. A body
is a canonical msgpack map (`warren.canonical`); a field at its default is left out, so nil never appears. Integers are
0..2^63-1; times are Unix seconds. For each (kind, subject) documents are ordered by (epoch, counter).
"""

import re
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network, NetmaskValueError, ip_network
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

import msgspec

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.keys import is_low_order
from warren.model.names import is_host_label, parse_dns_suffix

INTEGER_MAX = 2**63 - 1
FIRST_EPOCH = 0
PLAIN_ROLE = "member"
ADMIN_ROLE = "admin"
REMOVED_MEMBER = b"m"
REMOVED_DELEGATE = b"d"
_NUL = "\0"  # what no database takes as text, and names nobody
_URL = re.compile(r"https?://[!-~]{1,512}", re.ASCII)

Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]
Key: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
OptionalKey: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=32)]  # 32 or none; `check` tells the rest
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.DOCUMENT_TEXT_MAX_CHARS)]
Texts: TypeAlias = Annotated[tuple[Text, ...], msgspec.Meta(max_length=limits.DOCUMENT_LIST_MAX)]


class Kind(StrEnum):
    """The kinds of documents; the name stands in the signed domain, so `session`, `join` and `pin` stay unused."""

    GENESIS = "genesis"
    SETTINGS = "settings"
    DELEGATION = "delegation"
    MEMBERSHIP = "membership"
    RECORD = "record"
    POLICY = "policy"
    REMOVAL = "removal"
    HEAD = "head"
    RECOVERY = "recovery"
    ROOT_CHANGE = "root-change"


class Right(StrEnum):
    """What a delegation may allow. `readmit` undoes removals: for keys of human admins, never for a registrar."""

    ADMIT = "admit"
    READMIT = "readmit"
    REMOVE = "remove"
    POLICY = "policy"
    SETTINGS = "settings"
    ROUTES = "routes"
    ATTEST = "attest"
    DELEGATE = "delegate"


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every body has in common: nothing but the way it is encoded."""


class _Ordered(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """A body that replaces older ones about the same subject.

    `under` is the epoch of the delegation that the signer uses (0 for root): when that delegation is removed and later
    given anew with a higher epoch, what was signed under the old one stays void.
    """

    epoch: Natural = FIRST_EPOCH
    counter: Natural
    date: Natural
    under: Natural = FIRST_EPOCH


class Genesis(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """The beginning of a network; SHA-256 of this body is the network's id. Signed by `root`."""

    version: Natural
    root: Key
    random: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]


class ServerPlace(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """A server of the network: where it is and the Ed25519 key that it proves."""

    url: Text
    key: Key


class Settings(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for the whole network. `cut_after_days`: 0 = known peers stay when heads are stale (default)."""

    version: Natural
    name: Text
    prefix4: Text
    prefix6: Text
    suffix: Text
    servers: Annotated[tuple[ServerPlace, ...], msgspec.Meta(max_length=limits.SETTINGS_SERVERS_MAX)] = ()
    stale_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 7
    cut_after_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 0


class AdmissionLimits(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """Within which limits a delegation admits; what is left out is not limited.

    `tags`: only these. `hostname`: a label in which `*` stands for any run of characters. `ipv4`: only from this
    prefix. `count`: at most so many members at a time.
    """

    tags: Annotated[tuple[Text, ...], msgspec.Meta(max_length=limits.DOCUMENT_LIST_MAX)] | None = None
    hostname: Text = ""
    ipv4: Text = ""
    count: Natural | None = None


class Delegation(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """The key `delegate` may do `rights` until `not_after` (left out: until removed), within `limits`."""

    delegate: Key
    rights: Texts
    not_after: Natural | None = None
    limits: AdmissionLimits = AdmissionLimits()


class HeadMark(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """How far an authority was: a fresh node's first floor for its head."""

    authority: Key
    epoch: Natural = FIRST_EPOCH
    counter: Natural


class Membership(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """`identity` is a member until `expires` (left out: until removed).

    `epoch` rises only when a removal is undone. `joined` is when this identity was first admitted and stays the same
    in renewals; where two members claim one name or address, the earlier one keeps it (0 = `date`). `ephemeral`: it is
    renewed while its machine is here, and ends soon after that went. `invite`: the key of the invite that let it in,
    where another key signed for it since; revoking the invite ends it all the same.
    """

    identity: Key
    user: Text = ""
    groups: Texts = ()
    role: Text = PLAIN_ROLE
    tags: Texts = ()
    hostname: Text = ""
    ipv4: Text = ""
    expires: Natural | None = None
    joined: Natural = 0
    heads: Annotated[tuple[HeadMark, ...], msgspec.Meta(max_length=limits.DOCUMENT_LIST_MAX)] = ()
    ephemeral: bool = False
    invite: OptionalKey = b""


class Service(_Body, frozen=True, kw_only=True, omit_defaults=True):
    """A port that the node offers."""

    name: Text
    protocol: Literal["tcp", "udp"]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


class NodeRecord(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """What a node says of itself, signed by its identity; `epoch` is that of its membership.

    `next_wireguard` is used from `next_from` on. `previous_path` is good for 7 days after the change.
    """

    identity: Key
    wireguard: Key
    path: Key
    next_wireguard: OptionalKey = b""
    next_from: Natural = 0
    previous_path: OptionalKey = b""
    capabilities: Texts = ()
    routes: Texts = ()
    services: Annotated[tuple[Service, ...], msgspec.Meta(max_length=limits.DOCUMENT_LIST_MAX)] = ()


class Policy(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """The access policy: `text` is what `warren.policy.parse` reads, `replaces` the digest of the document before."""

    text: Annotated[bytes, msgspec.Meta(max_length=limits.DOCUMENT_MAX_BYTES)]
    replaces: OptionalKey = b""


class Removal(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """The membership of `subject`, or the delegation to it, ends: everything up to and with `epoch`.

    `generation`: how often the root had been changed when it was signed; so who resigns after a change of the root is
    told from who resigned before and could have no word in it."""

    of: Literal["membership", "delegation"]
    subject: Key
    generation: Natural = 0


class Head(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """How far `authority` is: `digest` covers what it has in force. Another signer (right `attest`) only re-dates."""

    authority: Key
    digest: Key


class Recovery(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """Which admins may give the network another root, and how many of them together; none at all where it is empty.

    Signed by the root alone: an admin may sign settings, and could make itself the quorum if this stood there.
    """

    keys: Annotated[tuple[Key, ...], msgspec.Meta(max_length=limits.RECOVERY_KEYS_MAX)] = ()
    quorum: Natural = 0


class RootChange(_Ordered, frozen=True, kw_only=True, omit_defaults=True):
    """The root `old` gives way to `root`, as the `generation`-th change: signed by `old`, or a vote of a recovery key.

    `kept`: the digests of all that former roots signed and that stays; whatever else they signed, before or after, is
    void. So no clock has to tell what a stolen root signed when.
    """

    generation: Annotated[int, msgspec.Meta(ge=1, le=limits.ROOT_CHANGES_MAX)]
    old: Key
    root: Key
    kept: Annotated[tuple[Key, ...], msgspec.Meta(max_length=limits.ROOT_KEPT_MAX)] = ()


Body: TypeAlias = (
    Genesis | Settings | Delegation | Membership | NodeRecord | Policy | Removal | Head | Recovery | RootChange
)
OrderedBody: TypeAlias = (
    Settings | Delegation | Membership | NodeRecord | Policy | Removal | Head | Recovery | RootChange
)

BODY_TYPES: dict[Kind, type[Body]] = {
    Kind.GENESIS: Genesis,
    Kind.SETTINGS: Settings,
    Kind.DELEGATION: Delegation,
    Kind.MEMBERSHIP: Membership,
    Kind.RECORD: NodeRecord,
    Kind.POLICY: Policy,
    Kind.REMOVAL: Removal,
    Kind.HEAD: Head,
    Kind.RECOVERY: Recovery,
    Kind.ROOT_CHANGE: RootChange,
}


def subject_of(body: Body, signer: bytes) -> bytes:  # noqa: PLR0911 - one return a row of the table
    """About whom a document speaks; with its kind the key of its order, its floor and its place in a map.

    A member, a record: the identity. A delegation: delegate, then signer. A removal: `m` or `d`, the key, then signer.
    A head: the authority (then the signer, where it only re-dates). A recovery: the signer; a change of the root: its
    generation, then the signer. Else empty. Where the signer is part of it, each signer has a slot of its own, so that
    what a weaker one says never pushes out what a stronger one said.
    """
    match body:
        case Membership() | NodeRecord():
            return body.identity
        case Delegation():
            return body.delegate + signer
        case Removal():
            return (REMOVED_MEMBER if body.of == "membership" else REMOVED_DELEGATE) + body.subject + signer
        case Head():
            return body.authority if body.authority == signer else body.authority + signer
        case Recovery():
            return signer
        case RootChange():
            return body.generation.to_bytes(8, "big") + signer
        case Genesis() | Settings() | Policy():
            return b""


def check(body: Body) -> None:
    """The grammar that field types cannot say; WarrenError MALFORMED with the field's name."""
    match body:
        case Settings():
            _check_settings(body)
        case Delegation():
            _check_limits(body.limits)
        case Membership():
            _require(body.hostname == "" or is_host_label(body.hostname), "hostname")
            _require(body.ipv4 == "" or _is_ipv4(body.ipv4), "ipv4")
            _require(all(is_host_label(tag) for tag in body.tags) and _is_set(body.tags), "tags")
            _require(_is_set(body.groups), "groups")
            _require(len(body.invite) in {0, 32}, "invite")
            _require(_NUL not in body.user, "user")
            _require(not any(_NUL in group for group in body.groups), "groups")
            _require(_NUL not in body.role, "role")
        case NodeRecord():
            _require(len(body.next_wireguard) in {0, 32} and body.next_wireguard != body.wireguard, "next_wireguard")
            _require(len(body.previous_path) in {0, 32}, "previous_path")
            for name in ("wireguard", "path", "next_wireguard", "previous_path"):
                key: bytes = getattr(body, name)
                _require(not key or not is_low_order(key), name)
            _require(all(_network(route) is not None for route in body.routes) and _is_set(body.routes), "routes")
        case Policy():
            _require(len(body.replaces) in {0, 32}, "replaces")
        case Genesis():
            _require(body.version == 1, "version")
        case Recovery():
            _require(_is_rising(body.keys), "keys")
            _require((body.quorum > 0) == bool(body.keys) and body.quorum <= len(body.keys), "quorum")
        case RootChange():
            _require(body.root != body.old, "root")
            _require(_is_rising(body.kept), "kept")
        case Removal() | Head():
            pass


def _check_settings(body: Settings) -> None:
    prefix4, prefix6 = _network(body.prefix4), _network(body.prefix6)
    _require(body.version == 1, "version")
    _require(is_host_label(body.name), "name")
    _require(all(_URL.fullmatch(server.url) for server in body.servers), "servers")
    _require(isinstance(prefix4, IPv4Network) and 8 <= prefix4.prefixlen <= 30, "prefix4")
    _require(isinstance(prefix6, IPv6Network) and prefix6.prefixlen == 64, "prefix6")
    try:
        _require(parse_dns_suffix(body.suffix) == body.suffix, "suffix")
    except WarrenError as error:
        raise _malformed("suffix") from error


def _check_limits(admission: AdmissionLimits) -> None:
    if admission.ipv4:
        _require(isinstance(_network(admission.ipv4), IPv4Network), "limits.ipv4")
    _require(re.fullmatch(r"[a-z0-9*-]{0,63}", admission.hostname, re.ASCII) is not None, "limits.hostname")


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """The prefix if the text is its one spelling (no host bits, no netmask, shortest IPv6 form)."""
    try:
        network = ip_network(text)
    except (ValueError, AddressValueError, NetmaskValueError):
        return None
    return network if str(network) == text else None


def _is_ipv4(text: str) -> bool:
    try:
        return str(IPv4Address(text)) == text
    except AddressValueError:
        return False


def _is_set(values: tuple[str, ...]) -> bool:
    return len(set(values)) == len(values)


def _is_rising(values: tuple[bytes, ...]) -> bool:
    return all(before < after for before, after in pairwise(values))


def _require(condition: object, field: str) -> None:
    if not condition:
        raise _malformed(field)


def _malformed(field: str) -> WarrenError:
    return WarrenError(Code.MALFORMED, f"the field '{field}' of the document is not well-formed")
