"""The field on which a server lies: two machines that joined an honest server, then a hostile one in its place, and an
intruder who tries to get a packet in. What the hostile server has of the honest one (keys, documents) a test chooses.
"""

import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import msgspec
from tests.faults.figures import times
from tests.faults.intruder import LINK
from tests.faults.invariants import Untouched
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.process import Process
from tests.netlab.until import until

from warren.client.local import LocalClient
from warren.limits import TROUBLES_REMEMBERED_MAX
from warren.model.addresses import member_ipv6
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair, SigningKeyPair
from warren.protocol.local.rights import STATUS
from warren.protocol.local.status import Status
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import Body, Genesis, Kind, Membership, NodeRecord, Policy, Settings
from warren.trust.signing import sign

PORT = 8443
READY_S = 20.0
TOLD_S = 30.0
RUNS = times(1, 100)  # of each claim
PASSING = "192.0.2.77/32"  # an address that comes and goes


@dataclass(frozen=True, slots=True)
class Truth:
    """What the honest server had: its keys, and every document in its database."""

    network: NetworkId
    genesis: bytes
    server: SigningKeyPair
    registrar: SigningKeyPair
    root: SigningKeyPair
    documents: tuple[Authentic, ...]

    @classmethod
    def of(cls, data: Path, root: SigningKeyPair | None = None) -> "Truth":
        """Read a server's data folder; `root`: where it is not there any more."""
        with sqlite3.connect(f"file:{data / 'warren.db'}?mode=ro", uri=True) as database:
            network, genesis = database.execute("SELECT id, genesis FROM networks").fetchone()
            raw = [row[0] for row in database.execute("SELECT raw FROM documents")]
        database.close()
        documents = [authenticate(NetworkId(network), one) for one in raw]
        if root is None:
            (file,) = (data / "keys").glob("root-*.key")
            root = SigningKeyPair(file.read_bytes())
        return cls(
            network=NetworkId(network),
            genesis=genesis,
            server=SigningKeyPair((data / "keys" / "server.key").read_bytes()),
            registrar=SigningKeyPair((data / "keys" / "registrar.key").read_bytes()),
            root=root,
            documents=tuple(one for one in documents if isinstance(one, Authentic)),
        )

    def find(self, kind: Kind, subject: bytes = b"") -> Authentic:
        """The document in force."""
        return next(one for one in self.documents if (one.kind, one.subject) == (kind, subject))

    def raw(self, *, without: Iterable[Kind] = ()) -> tuple[bytes, ...]:
        """The honest map."""
        return tuple(one.raw for one in self.documents if one.kind not in set(without))


@dataclass(frozen=True, slots=True)
class Stranger:
    """An identity that the honest server never admitted; its record is its own and good, `path` its path key."""

    key: SigningKeyPair
    membership: Membership
    record: bytes
    path: ExchangeKeyPair


class HostilePlace:
    """The hostile server's process and its control socket."""

    def __init__(self, server: Server, truth: Truth, key: SigningKeyPair | None = None) -> None:
        """In the place of `server`; it proves `key`, by default the honest server's."""
        control = server.host.folder / "hostile.sock"
        control.unlink(missing_ok=True)
        private = (key or truth.server).private_bytes().reveal().hex()
        network, genesis = truth.network.hex(), truth.genesis.hex()
        self.process: Process = server.host.start(
            [sys.executable, "-m", "tests.faults.hostile_server", str(PORT), str(control), private, network, genesis]
        )
        self.process.wait_for("listening", READY_S)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120.0)
        self._socket.connect(str(control))
        self._lines = self._socket.makefile("rb")

    def do(self, what: str, **words: Any) -> Any:
        """Give one order and return what it answers."""
        self._socket.sendall(json.dumps({"do": what, **words}).encode() + b"\n")
        return json.loads(self._lines.readline())

    def know(self, memberships: dict[Identity, bytes], greeting: Iterable[bytes]) -> None:
        """Who may resume, and what they are told first."""
        shown = {one.hex(): raw.hex() for one, raw in memberships.items()}
        self.do("know", memberships=shown, greeting=[raw.hex() for raw in greeting])

    def tell(self, documents: Iterable[bytes], *, full: bool = False, to: Identity | None = None) -> None:
        """Send a map update, to both machines unless `to` says to whom."""
        words = {"documents": [raw.hex() for raw in documents], "full": full, "to": None if to is None else to.hex()}
        assert self.do("map", **words) == (2 if to is None else 1)

    def know_both(self, field: "Field", greeting: Iterable[bytes]) -> None:
        """Greet the two machines with these documents."""
        both = map(field.identity, (field.a, field.b))
        self.know({one: field.truth.find(Kind.MEMBERSHIP, one).raw for one in both}, greeting)

    def bury(self, field: "Field") -> None:
        """Tell `a` as many other lies as its status remembers: of those before it speaks no more, so that a reason that
        is the same each time is one of a lie that comes after this."""
        strangers = [field.stranger() for _ in range(TROUBLES_REMEMBERED_MAX)]
        self.tell([one.record for one in strangers], to=field.identity(field.a))
        shown = [one.key.public.hex()[:10] for one in strangers]
        for about in (shown[0], shown[-1]):
            field.until_said(field.a, "E_NOT_A_MEMBER", f"refused a record of {about}")
        refused = [text for code, text in field.health(field.a) if ": refused a " in text]
        assert len(refused) == len(shown), refused

    def frames(self, frames: Sequence[bytes], *, times: int = 1, text: bool = False, to: Identity | None = None) -> int:
        """Send WebSocket messages as they are."""
        shown = [frame.hex() for frame in frames]
        sent: int = self.do("frames", frames=shown, times=times, text=text, to=None if to is None else to.hex())
        return sent

    def signals(self, how: str, stranger: bytes = b"") -> list[tuple[bytes, bytes, bytes]]:
        """What it does with signals from here on (`hostile_server.do_signals`); returns those that it carried."""
        told = self.do("signals", how=how, stranger=stranger.hex())
        return [(bytes.fromhex(sender), bytes.fromhex(to), bytes.fromhex(sealed)) for sender, to, sealed in told]

    def sessions(self) -> set[str]:
        """The identities that are here, in hex."""
        return set(self.do("seen")["sessions"])

    def close(self) -> None:
        """Kill it."""
        self._lines.close()
        self._socket.close()
        self.process.kill()


class Field:
    """Machines `a` (the victim) and `b` (its honest peer), joined; the server's place; the intruder's host."""

    def __init__(self, lab: Lab, *, locked: bool = False) -> None:
        """`locked`: `a` has the root key, and locked the network with it; `before` is what the server had till then."""
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder, PORT)
        self.a = Machine(lab.host("a", lan), lab.folder)
        self.b = Machine(lab.host("b", lan), lab.folder)
        self.intruders = lab.host("intruder", lan)
        self.untouched = Untouched(self.a, self.b)
        self.server.start()
        key = self.server.key("--reusable")
        self.a.up(self.server, key)
        self.b.up(self.server, key)
        self.b.run("ping", "a", "-c", "1", "--timeout", "10s")
        self.before = Truth.of(self.server.data)
        if locked:
            self.a.run("network", "take-over", "--server", str(self.server.data), "--yes")
            self.a.run("network", "lock", "--yes")
            until(lambda: self.is_locked(self.a) and self.is_locked(self.b), "both know that it is locked")
        process = self.server.process
        assert process is not None
        process.stop()
        self.truth = Truth.of(self.server.data, self.before.root)
        self.hostile: HostilePlace | None = None
        self.intruder = ExchangeKeyPair(os.urandom(32))
        self._intruding: Process | None = None
        bodies = [one.body for one in self.truth.documents if not isinstance(one.body, Genesis)]
        self._counter = max(body.counter for body in bodies) + 1000
        self._log_read = 0
        self._intrude()

    # --- who is who ---

    def identity(self, machine: Machine) -> Identity:
        """Of a machine."""
        return self._keys(machine)[0].public

    def signing(self, machine: Machine) -> SigningKeyPair:
        """A machine's identity key: for documents that the machine itself once signed."""
        return self._keys(machine)[0]

    def record(self, machine: Machine) -> NodeRecord:
        """A machine's record as the honest server had it."""
        body = self.truth.find(Kind.RECORD, self.identity(machine)).body
        assert isinstance(body, NodeRecord)
        return body

    def membership(self, machine: Machine) -> Membership:
        """A machine's membership."""
        body = self.truth.find(Kind.MEMBERSHIP, self.identity(machine)).body
        assert isinstance(body, Membership)
        return body

    def settings(self) -> Settings:
        """The network's."""
        body = self.truth.find(Kind.SETTINGS).body
        assert isinstance(body, Settings)
        return body

    def policy(self, text: bytes | None = None) -> bytes:
        """A newer policy by the root; without a text the honest server's."""
        body = self.truth.find(Kind.POLICY).body
        assert isinstance(body, Policy)
        newer = msgspec.structs.replace(body, counter=self.count(), text=body.text if text is None else text)
        return self.sign(Kind.POLICY, newer, self.truth.root)

    def count(self) -> int:
        """A counter above every one before, as the next document's."""
        self._counter += 1
        return self._counter

    @property
    def counted(self) -> int:
        """The newest document's counter."""
        return self._counter

    def stranger(self, name: str = "evil") -> "Stranger":
        """Somebody new with the intruder's WireGuard key, and an address that nobody has."""
        key = SigningKeyPair(os.urandom(32))
        address = IPv4Network(self.settings().prefix4)[10_000 + self.count() % 50_000]
        membership = Membership(
            counter=self.count(), date=now(), identity=key.public, hostname=name, ipv4=str(address), joined=now()
        )
        path = ExchangeKeyPair(os.urandom(32))
        record = NodeRecord(
            counter=1, date=now(), identity=key.public, wireguard=self.intruder.public, path=path.public
        )
        return Stranger(key, membership, self.sign(Kind.RECORD, record, key), path)

    def sign(self, kind: Kind, body: Body, by: SigningKeyPair) -> bytes:
        """Any document of the network, by anybody."""
        return sign(kind, self.truth.network, body, by)

    def refused(self, machine: Machine, reason: str) -> int:
        """How many probes or signals a machine's status says that it refused for this reason."""
        return self._status(machine).networks[0].refused[reason]

    def path_key(self, machine: Machine) -> ExchangeKeyPair:
        """By which a machine opens what is sealed for it."""
        return ExchangeKeyPair(bytes.fromhex(self._keys(machine)[1]["path"]))

    def forget_places(self, machine: Machine) -> None:
        """Restart a machine's daemon without the addresses of peers that it had kept."""
        self._restart(machine, "networks/*/endpoints.json*")

    def _keys(self, machine: Machine) -> tuple[SigningKeyPair, dict[str, str]]:
        (file,) = machine.state.glob("networks/*/keys.json")
        found: dict[str, str] = json.loads(file.read_bytes())["content"]
        return SigningKeyPair(bytes.fromhex(found["identity"])), found

    # --- the lie ---

    def lie(self, key: SigningKeyPair | None = None) -> HostilePlace:
        """Start the hostile server (again), honest so far; with the server's own key both machines come back to it."""
        self.silence()
        self.hostile = HostilePlace(self.server, self.truth, key)
        self.hostile.know_both(self, self.truth.raw())
        if key is None:
            self.wait_for_both()
        return self.hostile

    def wait_for_both(self) -> None:
        """Wait until both machines have a session; who was treated badly would come back ever more slowly."""
        hostile = self.hostile
        assert hostile is not None
        here = hostile.sessions()
        away = [one for one in (self.a, self.b) if self.identity(one).hex() not in here]
        for machine in away:
            # its host changes, so it looks for its server at once
            machine.host.ip_batch(f"addr add {PASSING} dev eth0", f"addr del {PASSING} dev eth0")
        wanted = {self.identity(one).hex() for one in away}
        until(lambda: hostile.sessions() >= wanted, "both are back", 75.0)

    def silence(self) -> None:
        """No server at all."""
        if self.hostile is not None:
            self.hostile.close()
            self.hostile = None

    # --- what is so ---

    def health(self, machine: Machine) -> list[tuple[str, str]]:
        """(code, text) of everything that `warren status` says is wrong; asked as it asks, without a process each."""
        return [(entry.code, entry.text) for entry in self._status(machine).health]

    def until_said(self, machine: Machine, code: str, text: str, within_s: float = TOLD_S) -> str:
        """Wait until `warren status` names it; returns the whole sentence."""

        def said() -> str:
            return next((told for found, told in self.health(machine) if found == code and text in told), "")

        try:
            return until(said, f"status says {code} ... {text}", within_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it says {self.health(machine)}") from None

    def is_locked(self, machine: Machine) -> bool:
        """Whether a machine takes the network for locked."""
        return self._status(machine).networks[0].locked

    def peers(self, machine: Machine) -> list[str]:
        """The names of a machine's peers."""
        return [peer.name for peer in self._status(machine).peers]

    @staticmethod
    def _status(machine: Machine) -> Status:
        return LocalClient(machine.socket).get(STATUS, Status)

    def until_peer(self, name: str) -> None:
        """Wait until both machines have a peer of this name."""
        until(lambda: all(name in self.peers(one) for one in (self.a, self.b)), f"{name} is a peer of both")

    def until_gone(self, name: str) -> None:
        """Wait until neither has."""
        until(lambda: not any(name in self.peers(one) for one in (self.a, self.b)), f"{name} is a peer of neither")

    def reaches(self) -> bool:
        """Whether `b` still reaches `a`, as it may."""
        done = self.b.run("ping", "a", "-c", "1", "--timeout", "3s", check=False)
        return "pong from a" in done.stdout

    def reaches_now(self) -> bool:
        """The same by one plain ping that does not wait."""
        target = self.membership(self.a).ipv4
        return "1 received" in self.b.host.run(["ping", "-c", "1", "-W", "0.5", target], check=False).stdout

    def said(self, code: str) -> bool:
        """Whether either machine's status has this code."""
        return any(found == code for machine in (self.a, self.b) for found, _ in self.health(machine))

    def newest(self, machine: Machine) -> dict[bytes, Kind]:
        """The documents that a machine has on disk, with their kinds."""
        (file,) = machine.state.glob("networks/*/documents.bin")
        content = file.read_bytes().split(b"\n", 1)[1]
        found = [authenticate(self.truth.network, raw) for raw in msgspec.msgpack.decode(content)["raw"]]
        return {one.raw: one.kind for one in found if isinstance(one, Authentic)}

    def has_been_away(self, machine: Machine, code: str) -> bool:
        """Whether the last session of a machine ended by this code, as its log tells; each is told once."""
        text = (machine.state / "daemon.log").read_text()
        ends = text[self._log_read :].count(f'"state": "away", "code": "{code}"')
        if ends:
            self._log_read = len(text)
        return ends > 0

    def forget_documents(self, machine: Machine) -> None:
        """Restart a machine's daemon without the documents that it had kept (its floors stay)."""
        self._restart(machine, "networks/*/documents.bin*")

    @staticmethod
    def _restart(machine: Machine, forgotten: str) -> None:
        pid = machine.daemon_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: machine.daemon_pid() is None, "the killed daemon is gone")
        for file in machine.state.glob(forgotten):
            file.unlink()
        machine.run("up", check=False)

    # --- the attempt ---

    def attempt(self, who: Identity, ipv4: str) -> int:
        """The intruder sends from a member's addresses; returns how many packets `a` let in meanwhile."""
        return self.attempt_from(ipv4, self.inner(who))

    def attempt_from(self, source4: str, source6: str) -> int:
        """The same from any addresses."""
        host = self.intruders
        host.run(["ip", "address", "flush", "dev", LINK])
        host.ip_batch(f"address add {source4}/32 dev {LINK}", f"address add {source6}/128 dev {LINK} nodad")
        before, script = self.arrived(), ""
        for target in self._own_addresses():
            family, prefix = ("-6", 128) if ":" in target else ("-4", 32)
            script += f"ip {family} route replace {target}/{prefix} dev {LINK}; ping -c 3 -i 0.1 -W 0.3 -q {target} & "
        host.run(["sh", "-c", f"{script} wait"], check=False)
        return self.arrived() - before

    def _own_addresses(self) -> tuple[str, ...]:
        me = self._status(self.a).me
        assert me is not None
        return tuple(me.addresses)

    def arrived(self) -> int:
        """Packets that `a`'s tunnel gave to its host so far."""
        words = ["ip", "-s", "-j", "link", "show", "dev", "warren0"]
        counted: int = json.loads(self.a.host.run(words).stdout)[0]["stats64"]["rx"]["packets"]
        return counted

    def port(self) -> int:
        """The UDP port of `a`'s tunnel."""
        (endpoints,) = self.a.state.glob("networks/*/endpoints.json")
        return int(json.loads(endpoints.read_bytes())["content"]["port"])

    def inner(self, identity: Identity) -> str:
        """The IPv6 address that a member with this identity has."""
        return str(member_ipv6(self.truth.network, identity, IPv6Network(self.settings().prefix6)))

    def _intrude(self) -> None:
        if self._intruding is not None and self._intruding.running:
            return
        place = f"{self.a.host.ip}:{self.port()}"
        victim = self.record(self.a).wireguard.hex()
        own = self.intruder.private_bytes().reveal().hex()
        self._intruding = self.intruders.start([sys.executable, "-m", "tests.faults.intruder", own, victim, place])
        self._intruding.wait_for("up", READY_S)
        self.intruders.ip_batch(f"link set {LINK} up")


def memory_kib(pid: int) -> int:
    """What a process holds in memory right now (RSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no memory")


def now() -> int:
    """For dates of documents."""
    return int(time.time())
