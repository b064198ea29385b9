"""F18: state files empty, cut, flipped, swapped, of another owner, no file at all; and a disk that is full.

A daemon that finds such a file starts or refuses with a code, explains, keeps the file, uses the generation before, and
is never another machine than it was.
"""

import os
import random  # noqa: TID251 - only its type; every case gets a seeded one
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server

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

    def damage(self, *, both: bool) -> Path:
        """A fresh copy with one file damaged (`both`: its generation before as well); returns which."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.good, self.work)
        name = self.rng.choice(self.files)
        self._damage_one(self.work / name)
        other = self.work / (f"{name}.prev" if name.suffix != ".prev" else name.with_suffix(""))
        if both and other.exists():
            self._damage_one(other)
        return name

    def _damage_one(self, path: Path) -> None:
        kind = self.rng.randrange(12)
        data = path.read_bytes()
        if kind < 6:
            path.write_bytes(self.rng.choice(BYTES)(data, self.rng))
        elif kind == 6 and not path.name.startswith("keys"):  # a good frame around damaged content: a program's bug
            content = storage._unframe(path.name.removesuffix(".prev"), data)
            path.write_bytes(storage._frame(path.name.removesuffix(".prev"), flip(content, self.rng)))
        elif kind == 7:
            path.write_bytes((self.good / self.rng.choice(self.files)).read_bytes())
        else:
            path.unlink()
            if kind == 9:
                path.symlink_to(self.good / self.rng.choice(self.files))
            elif kind == 10:
                path.mkdir(mode=0o700)
            elif kind == 11:
                path.write_bytes(data)
                os.chown(path, NOBODY, NOBODY)


def look(folder: Path) -> tuple[set[bytes], list[WarrenError], list[Damage]]:
    """Load as the daemon does at its start; the identities that came up, what was refused, what was damaged."""
    damages: list[Damage] = []
    networks: list[Network] = []
    refused: list[WarrenError] = []

    async def stop(network: Network) -> None:
        raise AssertionError("nothing is stopped by loading")

    store = Store(folder, damages.append)
    wanted_file.load(store)
    Journal(store, "an epoch")
    roster = Roster(
        folder, Health(), lambda: None, Life(lambda one, _: networks.append(one), stop, lambda work: work.close())
    )
    roster.load()
    if (refusal := roster.refusal()) is not None:
        refused.append(refusal)
    for network in networks:
        network.tunnel_spec()
    return {network.me for network in networks}, refused, damages


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


@pytest.mark.timeout(3600)
async def test_no_damage_of_the_state_makes_another_machine(
    joined: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut in between
    rng, count = figures.new_rng("state files"), figures.times(300, 10_000)
    folder = Folder(joined.state, tmp_path / "damaged", rng)
    (identity,), _, _ = look(joined.state)
    kept = refused_count = 0
    for number in range(count):
        name = folder.damage(both=number % 3 == 0)
        found, refused, _ = look(folder.work)
        assert found <= {identity}, name
        assert found or refused, f"neither started nor explained: {name}"
        assert all(one.code is Code.STATE_DAMAGED and one.text for one in refused), (name, refused)
        again, _, _ = look(folder.work)  # a second start is not cleverer than the first
        assert again == found, name
        kept += bool(found)
        refused_count += not found
    figures.tell(
        f"F18: {count} damaged folders: {kept} started as the same machine, {refused_count} refused with a code"
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
        name = folder.damage(both=number % 2 == 0)
        with slowest.measure():
            done = joined.run("up", "--timeout", "5s", check=False)
        assert "Traceback" not in done.stdout + done.stderr
        shown = joined.run("status", "--json", check=False)
        if done.returncode == 0:
            assert joined.status()["self"]["identity"] == identity, name
            up += 1
        else:
            assert "E_STATE_DAMAGED" in done.stderr, (name, done.stderr, shown.stdout)
        joined.run("down", check=False)
    figures.tell(f"F18: {up} of {len(slowest.all)} damaged folders came up by the generation before")
    slowest.close()


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
    assert joined.status()["health"] == []
    joined.run("down")
