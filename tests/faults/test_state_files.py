"""F18: state files empty, cut, flipped, swapped, of another owner, no file at all; and a disk that is full.

A daemon that finds such a file starts or refuses with a code, explains, keeps the file, uses the generation before, and
is never another machine than it was.
"""

import errno
import os
import random  # noqa: TID251 - only its type; every case gets a seeded one
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until

from warren.errors import Code, WarrenError
from warren.failpoints import SWITCH, VARIABLE
from warren.node import storage
from warren.node import wanted as wanted_file
from warren.node.health import Health
from warren.node.journal import Journal
from warren.node.network import Network
from warren.node.roster import Life, Roster
from warren.node.storage import Damage, Store

pytestmark = pytest.mark.netlab

START_S = 2.0  # from `warren up` on a damaged folder until it is up or has said why not
NOBODY = 65_534
BAD = b"no file of ours"


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) or 1)]


def flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) or 1)
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :] if data else b"?"


def blank(data: bytes, rng: random.Random) -> bytes:
    """As file systems leave it after a power cut: the length is right, a block is zeros."""
    start = rng.randrange(len(data) or 1)
    end = min(len(data), start + 512)
    return data[:start] + bytes(end - start) + data[end:]


def grow(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.randint(1, 64))


def noise(data: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(len(data))


def empty(data: bytes, rng: random.Random) -> bytes:
    return b""


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (cut, flip, blank, grow, noise, empty)


@dataclass(frozen=True, slots=True)
class Done:
    """One file that was damaged. `content`: what it has now (None: nothing that could be kept as it is)."""

    path: Path
    is_certain: bool  # no reading of it can be right; else it may have become another good file
    content: bytes | None

    @property
    def name(self) -> str:
        """As a Store knows it, whichever of the generations it is."""
        return self.path.name.removesuffix(".prev")

    @property
    def is_newest(self) -> bool:
        """Whether it is the generation that is read first."""
        return self.path.suffix != ".prev"

    def is_kept(self) -> bool:
        """Whether its bytes stand beside it under a name that says they are bad."""
        return any(one.read_bytes() == self.content for one in self.path.parent.glob(f"{self.path.name}.bad-*"))


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a start: the identities that came up, what was refused, what was damaged, what status would say."""

    identities: set[bytes]
    refused: list[WarrenError]
    said: list[str]

    def names(self, done: Done, words: str) -> bool:
        """Whether the damage of this file is explained with these words."""
        return any(words in text and f"{done.name} was damaged" in text for text in self.said)


RECOVERED, NOTHING_LEFT = "the generation before is used", "there is no generation before it"


class Folder:
    """A good state folder, and copies of it that are damaged."""

    def __init__(self, good: Path, work: Path, rng: random.Random) -> None:
        self.good = good
        self.work = work
        self.rng = rng
        self.files = sorted(
            path.relative_to(good)
            for path in good.rglob("*")
            if path.is_file() and path.suffix not in {".log", ".lock"}
        )

    def damage(self, *, both: bool) -> list[Done]:
        """A fresh copy with one file damaged (`both`: its generation before as well); what was damaged."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.good, self.work)
        name = self.rng.choice(self.files)
        done = [self._damage_one(self.work / name)]
        other = self.work / (f"{name}.prev" if name.suffix != ".prev" else name.with_suffix(""))
        if both and other.exists():
            done.append(self._damage_one(other))
        return done

    def has_previous(self, done: Done) -> bool:
        """Whether there was a generation before this one."""
        return (self.good / done.path.relative_to(self.work).with_name(f"{done.name}.prev")).exists()

    def _damage_one(self, path: Path) -> Done:
        kind = self.rng.randrange(12)
        data = path.read_bytes()
        if kind < 6:
            path.write_bytes(self.rng.choice(BYTES)(data, self.rng))
            return Done(path, path.read_bytes() != data, path.read_bytes())
        if kind == 6 and not path.name.startswith("keys"):  # a good frame around damaged content: a program's bug
            content = storage._unframe(path.name.removesuffix(".prev"), data)
            path.write_bytes(storage._frame(path.name.removesuffix(".prev"), flip(content, self.rng)))
            return Done(path, is_certain=False, content=None)
        if kind == 7:
            path.write_bytes((self.good / self.rng.choice(self.files)).read_bytes())
            return Done(path, is_certain=False, content=None)
        path.unlink()
        if kind == 9:
            path.symlink_to(self.good / self.rng.choice(self.files))
        elif kind == 10:
            path.mkdir(mode=0o700)
        elif kind == 11:
            path.write_bytes(data)
            os.chown(path, NOBODY, NOBODY)
        return Done(path, is_certain=True, content=None)


async def look(folder: Path) -> Found:
    """Load as the daemon does at its start."""
    damages: list[Damage] = []
    networks: list[Network] = []
    refused: list[WarrenError] = []

    async def stop(network: Network) -> None:
        raise AssertionError("nothing is stopped by loading")

    health = Health()
    store = Store(folder, damages.append)
    wanted_file.load(store)
    Journal(store, "an epoch")
    roster = Roster(
        folder, health, lambda: None, Life(lambda one, _: networks.append(one), stop, lambda work: work.close())
    )
    await roster.load()
    if (refusal := roster.refusal()) is not None:
        refused.append(refusal)
    for network in networks:
        network.tunnel_spec()
    said = [entry.text for entry in health.entries() if entry.code == Code.STATE_DAMAGED]
    said += [f"{one.name} was damaged: {RECOVERED if one.recovered else NOTHING_LEFT}" for one in damages]
    return Found({network.me for network in networks}, refused, said)


@pytest.fixture
def joined(lab: Lab) -> Machine:
    """A machine that is in a network, has been up twice and is down."""
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    machine = Machine(lab.host("a", lan), lab.folder)
    machine.up(server, server.key())
    machine.run("down")
    machine.run("up")
    machine.run("down")
    return machine


def run_once(machine: Machine) -> dict[str, Any]:
    """Up and down again; what status said meanwhile."""
    machine.run("up")
    status = machine.status()
    machine.run("down")
    return status


def check_recovery(folder: Folder, done: Done, found: Found, identity: bytes) -> bool:
    """What has to be where one generation alone cannot be right; whether the one before it was used."""
    if not done.is_newest:
        assert found.identities == {identity}, f"the newest generation was good: {done}"
        return False
    if folder.has_previous(done):
        assert found.identities == {identity}, f"the generation before is not used: {done}"
        assert found.names(done, RECOVERED), (done, found)
    elif done.content is not None:
        assert found.names(done, NOTHING_LEFT), (done, found)
    assert done.content is None or done.is_kept(), done
    return folder.has_previous(done)


@pytest.mark.timeout(3600)
async def test_no_damage_of_the_state_makes_another_machine(
    joined: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut in between
    rng, count = figures.new_rng("state files"), figures.times(300, 10_000)
    folder = Folder(joined.state, tmp_path / "damaged", rng)
    (identity,) = (await look(joined.state)).identities
    kept = refused_count = recovered = 0
    for number in range(count):
        done = folder.damage(both=number % 3 == 0)
        found = await look(folder.work)
        assert found.identities <= {identity}, done
        assert found.identities or found.refused, f"neither started nor explained: {done}"
        assert all(one.code is Code.STATE_DAMAGED and one.text for one in found.refused), (done, found)
        if len(done) == 1 and done[0].is_certain:
            recovered += check_recovery(folder, done[0], found, identity)
        again = await look(folder.work)  # a second start is not cleverer than the first
        assert again.identities == found.identities, done
        kept += bool(found.identities)
        refused_count += not found.identities
    assert recovered
    figures.tell(
        f"F18: {count} damaged folders: {kept} started as the same machine ({recovered} by the generation before),"
        f" {refused_count} refused with a code"
    )


@pytest.mark.timeout(3600)
def test_a_daemon_on_a_damaged_folder_starts_and_explains(joined: Machine, tmp_path: Path) -> None:
    rng = figures.new_rng("damaged daemon")
    joined.run("up")
    identity = joined.status()["self"]["identity"]
    joined.run("down")
    saved = tmp_path / "saved"
    shutil.copytree(joined.state, saved)
    folder = Folder(saved, joined.state, rng)
    slowest = figures.Slowest("F18: `warren up` on a damaged folder", START_S)
    up = 0
    for number in range(figures.times(4, 60)):
        done_to = folder.damage(both=number % 2 == 0)
        with slowest.measure():
            done = joined.run("up", "--timeout", "5s", check=False)
        assert "Traceback" not in done.stdout + done.stderr
        shown = joined.run("status", "--json", check=False)
        if done.returncode == 0:
            assert joined.status()["self"]["identity"] == identity, done_to
            up += 1
        else:
            assert "E_STATE_DAMAGED" in done.stderr, (done_to, done.stderr, shown.stdout)
        joined.run("down", check=False)
    figures.tell(f"F18: {up} of {len(slowest.all)} damaged folders came up by the generation before")
    slowest.close()


def refuse_read_only(machine: Machine) -> None:
    """On a disk that lets nobody write `up` says so and changes nothing."""
    before = {path: path.read_bytes() for path in machine.state.rglob("*") if path.is_file()}
    state = str(machine.state)
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'  # in a namespace of its own
    words: list[str | Path] = ["sh", "-c", script, state, WARREN, "up", "--state", state, "--socket", machine.socket]
    done = machine.host.run([*words, "--timeout", "5s"], check=False)
    assert done.returncode
    assert done.stderr.startswith("warren: E_")
    assert os.strerror(errno.EROFS) in done.stderr
    assert {path: path.read_bytes() for path in machine.state.rglob("*") if path.is_file()} == before


def test_read_only_it_stays_as_it_is_and_then_the_generation_before_is_used_and_status_says_so(joined: Machine) -> None:
    refuse_read_only(joined)
    for path in joined.state.rglob("*.json*"):
        path.chmod(0o400)  # files that are read-only by their mode alone hinder nobody
    identity = run_once(joined)["self"]["identity"]
    own, shared = (min(joined.state.glob(f"{where}*.prev")).with_suffix("") for where in ("", "networks/*/"))
    for path in (own, shared):
        path.write_bytes(BAD)
    status = run_once(joined)
    assert status["self"]["identity"] == identity
    for path in (own, shared):
        entry = next(one for one in status["health"] if f"{path.name} was damaged" in one["text"])
        assert entry["code"] == Code.STATE_DAMAGED
        assert RECOVERED in entry["text"]
        (kept,) = path.parent.glob(f"{path.name}.bad-*")
        assert kept.name in entry["text"]
        assert kept.read_bytes() == BAD


def test_a_full_disk_is_said_so_and_cuts_no_file(joined: Machine) -> None:
    """F3, as far as files of the state go."""
    good = {path: path.read_bytes() for path in joined.state.rglob("*.json*") if path.is_file()}
    for count in range(1, figures.times(3, 6)):
        joined.env = {SWITCH: "yes", VARIABLE: f"storage.written:full@{count}"}
        done = joined.run("up", "--timeout", "5s", check=False)
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert "E_STORE_UNAVAILABLE" in done.stderr
        joined.run("down", check=False)
        joined.env = {}
    for path in good:
        assert path.stat().st_size > 0
    joined.run("up")
    until(lambda: joined.status()["health"] == [], "nothing is wrong")
    joined.run("down")
