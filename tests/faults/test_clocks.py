"""F4 and F5: a wall clock that is an hour, ten years or half a century off, and a machine that was suspended.

Tunnels know no wall clock, what is valid goes by the newest date that was signed, and nothing is deleted or forgotten
because of a clock. The programs are the real ones; `clock.py` says how their clock is moved.
"""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults import figures
from tests.faults.clock import DAY_S, HOUR_S, YEAR_S, Clock
from tests.faults.invariants import Untouched
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server, stands_still
from tests.netlab.stream import unanswered
from tests.netlab.until import until
from tests.server.node import TestNode
from tests.server.running import RunningServer

from warren.protocol.rest.keys import Keys

REACHED_S = 2.0  # from the start of `warren up` under a wrong clock until the peer answers
AWAKE_S = 3.0  # from the end of a suspension until a packet passes (F5)
TOLD_S = 3.0  # from the start of a first `warren up` until it says what is wrong with the clock
LOST_PACKETS = 0
SUSPENDED_S = (1, 2 * 60, 8 * HOUR_S, 30 * DAY_S)
LIFE_DAYS = "7"  # of a membership: over within the last of them
KICKED_WITHIN_S = SUSPENDED_S[1]  # a third member is kicked in this sleep
NOTICED_S = 10  # a pause from here on is told as a sleep in the daemon's log


@dataclass(frozen=True, slots=True)
class Moment:
    """A way to be wrong."""

    name: str
    set: Callable[[Clock], None]
    is_far: bool = False  # so that a person is told


MOMENTS = (
    Moment("an hour ahead", lambda clock: clock.move(HOUR_S), is_far=True),
    Moment("an hour behind", lambda clock: clock.move(-HOUR_S), is_far=True),
    Moment("ten years ahead", lambda clock: clock.move(10 * YEAR_S), is_far=True),
    Moment("1970", lambda clock: clock.show_1970(), is_far=True),
    Moment("right", lambda clock: clock.move(0)),
)


FORGOTTEN = """
table inet forgotten {{}}
delete table inet forgotten
table inet forgotten {{
  counter asked {{}}
  chain in {{ type filter hook input priority 0; tcp dport {port} drop; }}
  chain out {{ type filter hook output priority 0; tcp sport {port} drop; \
    ip daddr {server} udp dport 3478 counter name asked; }}
}}
"""


class Pair:
    """A server, a machine `a` whose clock may be moved and a machine `b`; both are joined and have met."""

    def __init__(self, lab: Lab, clock: Clock, others: Clock | None = None, *, life_days: str = "") -> None:
        """`clock` is that of `a`, `others` that of the server and `b`; `life_days`: of the membership of `a`, for good
        where it is not said."""
        self.lan = lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        self.a, self.b = (Machine(lab.host(name, lan), lab.folder) for name in "ab")
        self.a.env = clock.env
        self.untouched = Untouched(self.a, self.b)
        if others is not None:
            self.server.env = self.b.env = others.env
        if life_days:
            self.server.flags = ("--machine-days", life_days)
        self.server.start()
        key = self.server.key("--reusable")
        self.a.up(self.server, self.server.key("--tag", "cam") if life_days else key)
        self.b.up(self.server, key)
        self.peer = self.b.status()["self"]["addresses"][0]
        self.reach()

    def session_port(self) -> str:
        """From which port of `a` its session goes out; empty where it has none."""
        words = ["ss", "-tnH", "state", "established", "dst", f"{self.server.host.ip}", "dport", "=", ":8443"]
        lines = self.a.host.run(words).stdout.splitlines()
        return lines[-1].split()[2].rpartition(":")[2] if lines else ""

    def forget(self, port: str) -> None:
        """As a router that dropped the mapping of a session while nobody used it: nothing of it passes any more. It
        counts from here on who asks for what `a` is seen as."""
        self.a.host.nft(FORGOTTEN.format(port=port, server=self.server.host.ip))

    def asked(self) -> int:
        """How many datagrams to the STUN port since then."""
        words = ["nft", "-j", "list", "counter", "inet", "forgotten", "asked"]
        (found,) = (one["counter"] for one in json.loads(self.a.host.run(words).stdout)["nftables"] if "counter" in one)
        return int(found["packets"])

    def wireguard_key(self) -> str:
        """That of `a`, as `b` knows it."""
        (peer,) = (one for one in self.b.look().peers if one.name == "a")
        return peer.wireguard_key

    def reach(self, within_s: float = 60.0) -> None:
        """Until a packet to `b` is answered."""
        self.a.host.run(
            ["sh", "-c", f"until ping -n -q -c 1 -W 0.2 {self.peer} >/dev/null; do :; done"], timeout_s=within_s
        )

    def answered(self) -> bool:
        """Whether one packet to `b` comes back at once."""
        return self.a.host.run(["ping", "-n", "-q", "-c", "1", "-W", "0.2", self.peer], check=False).returncode == 0


class Flow:
    """Packets to `b`, fifty a second until `lost` is asked."""

    def __init__(self, pair: Pair) -> None:
        self._ping = pair.a.host.start(["ping", "-n", "-i", "0.02", pair.peer])

    def goes_on(self) -> None:
        """Wait for as many answers as half a second has."""
        self._ping.wait_for("bytes from", times=self._ping.output().count("bytes from") + 25)

    def lost(self) -> int:
        """End it; how many had no answer though a later one had."""
        self._ping.stop()
        return unanswered(self._ping.output())


@pytest.fixture
def pair(lab: Lab, clock: Clock) -> Iterator[Pair]:
    pair = Pair(lab, clock)
    yield pair
    assert pair.untouched.left() == []


@pytest.mark.netlab
def test_a_clock_that_jumps_disturbs_no_packet(pair: Pair, clock: Clock) -> None:
    flow, key = Flow(pair), pair.wireguard_key()
    for moment in MOMENTS:
        moment.set(clock)
        flow.goes_on()
    figures.note("F4: packets lost while a machine's clock jumped five times", flow.lost(), LOST_PACKETS, "packets")
    assert pair.a.daemon_pid() is not None
    assert len(pair.a.status()["peers"]) == 1
    until(lambda: pair.a.status()["health"] == [], "all is well again, now that the clock is right")
    assert pair.wireguard_key() == key, "a clock is no reason to rotate a key"


@pytest.mark.netlab
def test_a_machine_that_starts_with_a_wrong_clock_reaches_its_peers_and_says_so(pair: Pair, clock: Clock) -> None:
    identity, key = pair.a.status()["self"]["identity"], pair.wireguard_key()
    for moment in MOMENTS:
        pair.a.run("down")
        moment.set(clock)
        with figures.within(REACHED_S, f"F4: `warren up` with a clock that says {moment.name}"):
            pair.a.run("up")
            pair.reach()
        assert pair.a.status()["self"]["identity"] == identity
        until(
            lambda far=moment.is_far: speaks_of_the_clock(pair.a) == far,  # type: ignore[misc]
            f"with a clock that says {moment.name} it {'speaks' if moment.is_far else 'does not speak'} of the clock",
        )
    until(lambda: pair.a.status()["health"] == [], "nothing is wrong any more")
    assert pair.wireguard_key() == key, "a clock is no reason to rotate a key"


@pytest.mark.netlab
def test_a_new_machine_whose_clock_is_a_year_ahead_is_told_and_spends_no_key(lab: Lab, clock: Clock) -> None:
    """Found by hand: it waited half a minute and was told to join anew with another key, and its own was used up."""
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    machine = Machine(lab.host("a", lan), lab.folder)
    machine.env = clock.env
    words = ("up", "--server", server.url, "--auth-key", server.key(), "--hostname", "a")
    clock.move(YEAR_S)
    with figures.within(TOLD_S, "F4: a new machine is told that its clock is a year ahead"):
        refused = machine.run(*words, check=False)
    assert refused.returncode == 1
    assert "E_CLOCK: this machine's clock is 365 days ahead of its server" in refused.stderr
    assert "set the clock" in refused.stderr
    clock.move(DAY_S)
    machine.run(*words)  # the same single-use key; a day ahead is no reason
    assert machine.status()["self"]["name"] == "a"
    for moved_s, said in ((DAY_S, "24 hours ahead of its server"), (YEAR_S, "365 days ahead of its server"),
                          (-YEAR_S, "365 days behind what was signed")):  # fmt: skip
        machine.run("down")
        clock.move(moved_s)
        machine.run("up")
        until(lambda said=said: said in health(machine), f"status says {said}")  # type: ignore[misc]


def speaks_of_the_clock(machine: Machine) -> bool:
    """Whether its status says that something is wrong with the clock."""
    return any("clock" in entry["text"] + entry["fix"] for entry in machine.status()["health"])


def health(machine: Machine) -> str:
    """All that its status says is wrong."""
    return "; ".join(entry["text"] for entry in machine.status()["health"])


@pytest.mark.netlab
def test_a_machine_that_was_suspended_is_back_soon(lab: Lab, clock: Clock, clock_library: Path, tmp_path: Path) -> None:
    """F5: the daemon stands still; server and peer live on by all their clocks, so sessions are too old. What a router
    knew of the session is gone too, and its machine hears of no end: it has to look by itself, and to ask anew as what
    it is seen. Within the last one its membership ends: it is renewed before the first packet passes."""
    others, total_s = Clock(clock_library, tmp_path / "others"), 0
    pair = Pair(lab, clock, others, life_days=LIFE_DAYS)
    third = Machine(lab.host("c", pair.lan), lab.folder)
    third.env = others.env
    third.up(pair.server, pair.server.key())
    until(lambda: peers(pair.a) == {"b", "c"}, "they know each other")
    pid = pair.a.daemon_pid()
    assert pid is not None
    for suspended_s in SUSPENDED_S:
        total_s += suspended_s
        port = until(pair.session_port, "it has a session")
        os.kill(pid, signal.SIGSTOP)
        until(lambda: stands_still(pid), "it stands still")
        is_long = suspended_s >= NOTICED_S
        if is_long:
            pair.forget(port)  # before its server gives up and says so
        others.live(total_s)
        until(lambda: not pair.answered(), "nothing passes")
        if suspended_s == KICKED_WITHIN_S:
            words = ["member", "kick", "c", "--server", str(pair.server.data), "--yes"]
            pair.server.host.run([WARREN, *words], env={**os.environ, **others.env})
        clock.sleep(total_s)
        os.kill(pid, signal.SIGCONT)
        with figures.within(AWAKE_S, f"F5: first packet after {suspended_s} s of suspension"):
            pair.reach()
        if is_long:
            with figures.within(AWAKE_S, f"F5: another session and a look from outside, after {suspended_s} s"):
                until(lambda port=port: pair.session_port() not in {"", port}, "its session is another")  # type: ignore[misc]
                until(pair.asked, "it asks anew as what it is seen")
        until(lambda: pair.a.status()["networks"][0]["server"]["state"] == "connected", "its session is there", 60.0)
        known = {"b"} if suspended_s >= KICKED_WITHIN_S else {"b", "c"}
        with figures.within(AWAKE_S, f"F5: the newest map once the session stands, after {suspended_s} s"):
            until(lambda known=known: peers(pair.a) == known, f"its peers are {known}")  # type: ignore[misc]
        if is_long:
            until(lambda known=total_s - NOTICED_S: slept_s(pair.a) >= known, "it has noticed")  # type: ignore[misc]
    pair.a.host.run(["nft", "delete", "table", "inet", "forgotten"])
    assert pair.untouched.left() == []


def peers(machine: Machine) -> set[str]:
    """The names of a machine's peers."""
    return {peer.name for peer in machine.look().peers}


def slept_s(machine: Machine) -> int:
    """What its log tells of sleeps, in sum: two within one look at the clocks (a second) are told as one."""
    return sum(map(int, re.findall(r"slept for (\d+) s", (machine.state / "daemon.log").read_text())))


def newest_head(node: TestNode) -> int:
    """Of when the newest head is that a node was shown, Unix seconds."""
    return max(one.head.date for one in node.view().heads.values())


async def test_a_server_with_a_wrong_clock_admits_and_forgets_nobody(server: RunningServer, clock: Clock) -> None:
    server.env = clock.env
    server.start()
    reusable = server.create_key(reusable=True)
    async with TestNode(server.node_url) as first:
        assert await first.join(reusable, "first") is None
        moments = MOMENTS if figures.FULL else MOMENTS[2:]
        for number, moment in enumerate(moments):
            moment.set(clock)
            server.restart()
            await first.disconnect()
            assert await first.resume() is None, moment.name
            async with TestNode(server.node_url) as node:
                assert await node.join(server.create_key(), f"late{number}") is None, moment.name
                await first.until(lambda name=f"late{number}": name in first.peers(), f"news: {moment.name}")  # type: ignore[misc]
                await node.until(lambda: "first" in node.peers(), f"who was there: {moment.name}")
        assert len(server.members()) == 1 + len(moments)
        assert len(server.rest.get("networks", "default", "keys", kind=Keys).keys) == 1 + len(moments)
        assert first.view().health == (), first.view().health


async def test_a_servers_clock_that_jumps_removes_no_ephemeral_machine_that_is_away(
    server: RunningServer, clock: Clock
) -> None:
    server.env = clock.env
    server.start()
    key = server.create_key(reusable=True, ephemeral=True)
    async with TestNode(server.node_url) as away, TestNode(server.node_url) as here:
        assert await away.join(key, "away") is None
        assert await here.join(key, "here") is None
        await away.disconnect()
        clock.move(10 * YEAR_S)
        server.restart()
        await here.disconnect()
        assert await here.resume() is None
        await here.until(lambda: newest_head(here) > time.time() + 9 * YEAR_S, "the server has made its first round")
        assert server.members().keys() == {"away", "here"}
        assert await away.resume() is None
