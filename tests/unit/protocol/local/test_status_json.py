"""The fields of `warren status --json` are a contract with scripts: those of CLI.md, only ever added to."""

import msgspec

from warren.protocol.local.status import Health, Network, Path, Peer, Self, ServerState, Status

ME = Self(name="a", fqdn="a.n", addresses=("100.64.0.1",), identity="ab", online=True)
WHOLE = Status(
    version="0.1.0",
    me=ME,
    networks=(
        Network(
            name="n", id="cd", me=ME, server=ServerState(url="https://s", state="connected"), locked=False, root="owner"
        ),
    ),
    peers=(
        Peer(
            name="b",
            network="n",
            fqdn="b.n",
            addresses=("100.64.0.2",),
            user="",
            tags=("web",),
            identity="ef",
            wireguard_key="01",
            path=Path(kind="direct", endpoint="192.0.2.1:1", latency_ms=1.5, since=1.0),
            last_handshake=None,
            rx_bytes=1,
            tx_bytes=2,
            online=True,
        ),
    ),
    health=(Health(code="E_X", text="t", since=1.0, fix="f"),),
)
NAMED = {
    "": {"version", "self", "networks", "peers", "health"},
    "self": {"name", "fqdn", "addresses", "identity", "online"},
    "networks": {"name", "id", "self", "server", "locked", "root"},
    "networks.server": {"url", "state"},
    "peers": {
        *("name", "network", "fqdn", "addresses", "user", "tags", "identity", "wireguard_key", "path"),
        *("last_handshake", "rx_bytes", "tx_bytes", "online", "offers"),
    },
    "peers.path": {"kind", "endpoint", "relay", "latency_ms", "since"},
    "health": {"code", "text", "since", "fix"},
}


def at(path: str) -> dict[str, object]:
    found = msgspec.json.decode(msgspec.json.encode(WHOLE))
    for step in filter(None, path.split(".")):
        found = found[step]
        found = found[0] if isinstance(found, list) else found
    assert isinstance(found, dict)
    return found


def test_every_field_of_the_contract_is_there_even_where_it_says_nothing() -> None:
    assert {path: named - set(at(path)) for path, named in NAMED.items()} == {path: set() for path in NAMED}


def test_a_status_reads_back_and_fields_of_a_newer_daemon_are_ignored() -> None:
    raw = msgspec.json.encode(WHOLE)
    assert msgspec.json.decode(raw, type=Status) == WHOLE
    newer = raw.replace(b'{"version"', b'{"weather":"fine","version"', 1)
    assert msgspec.json.decode(newer, type=Status) == WHOLE
