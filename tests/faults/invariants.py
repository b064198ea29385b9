"""What holds after every fault, numbered as in the project's list of faults: INVARIANTS says each once. Those of
AFTER_EACH are looked at after each case here (`watched`, by conftest.py); SHOWN names the cases that look at the
others, each where it can be seen. test_invariants.py holds that every number is in exactly one of the two.

Looks at files, logs and processes from outside, so that no program has to be asked whether it is well.
"""

import base64
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults import holding
from tests.faults.holding import Held, Key
from tests.netlab.machines import Machine
from tests.netlab.until import until

BROKEN = re.compile(r'Traceback \(most recent|"level": ?"(error|critical)"|\bpanicked at\b|\bERROR\b')
PRIVATE_FOLDERS = ("state", "keys", "networks")
OPEN_BY_NATURE = {"lock"}  # who may not read the folder does not see it; it holds a pid
SPARE_THREADS = 8  # of asyncio's pool in this process, which grows to its size once

INVARIANTS = {
    1: "no packet that the newest policy forbids",
    2: "no plaintext for a mesh address on a physical link",
    3: "private keys once, 0600, and in no log",
    4: "every document in use verifies and is the newest seen",
    5: "maps converge within 10 s",
    6: "visibility is symmetric where policy is",
    7: "the host is the plan, and after down what it was",
    8: "nothing leaks: no descriptor, thread, process or link",
    9: "no traceback and no ERROR in a log",
    10: "every failure has a code and a next step",
}

SHOWN = {
    1: (
        "tests/model/test_seeds.py::test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids",
        "tests/faults/test_lying_server.py::test_an_older_policy_does_not_come_back",
        "tests/netlab/test_packet_filter.py::test_a_flow_is_cut_within_two_seconds_of_the_policy",
    ),
    2: (
        "tests/netlab/test_capture.py::test_when_the_daemon_is_killed_nothing_for_the_mesh_goes_out_in_the_clear",
        "tests/unit/node/test_reconcile.py::test_blackholes_come_first_and_peers_last_with_addresses_before_routes",
        "tests/unit/node/test_reconcile.py::test_without_its_blackhole_a_network_gets_no_link_while_others_come_up",
    ),
    4: (
        "tests/model/test_seeds.py::test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids",
        "tests/faults/test_lying_server.py::test_an_older_document_of_any_kind_does_not_come_back",
        "tests/faults/test_lying_server.py::test_an_old_removal_does_not_end_a_member_that_was_admitted_again",
        "tests/faults/test_lying_server.py::test_another_genesis_changes_nothing",
    ),
    5: ("tests/model/test_seeds.py::test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids",),
    6: ("tests/model/test_seeds.py::test_maps_converge_to_the_reference_and_no_gate_opens_that_it_forbids",),
    7: (
        "tests/faults/test_daemon_killed.py::test_a_daemon_killed_at_any_moment_heals_and_goes_without_a_trace",
        "tests/faults/test_daemon_killed.py::test_a_down_after_a_kill_leaves_no_trace_and_stays_off",
    ),
    10: (
        "tests/unit/cli/test_outcomes.py::test_down_after_a_daemon_that_was_killed_says_how_to_undo_what_it_left",
        "tests/faults/test_clocks.py::test_a_new_machine_whose_clock_is_a_year_ahead_is_told_and_spends_no_key",
    ),
}
"""Invariant -> the cases that look at it, where nothing is looked at after every case."""


def broken_lines(folder: Path, allowed: Collection[str] = ()) -> list[str]:
    """Lines of logs beneath `folder` that tell of a bug; those with one of `allowed` in them are expected."""
    found = []
    for log in sorted(folder.rglob("*.log")):
        if log.is_file():
            lines = log.read_text(errors="replace").splitlines()
            bad = [line for line in lines if BROKEN.search(line) and not any(text in line for text in allowed)]
            found += [f"{log.name}: {line[:2000]}" for line in bad]
    return found


def open_files(folder: Path) -> list[str]:
    """Files and folders of state, keys and databases that others than their owner may read."""
    found = []
    for path in _private(folder):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            found.append(f"{path.relative_to(folder)}: {stat.S_IMODE(mode):o}")
    return found


def shown_keys(folder: Path) -> list[str]:
    """Logs beneath `folder` in which a private key of a key file beneath it stands, and of which file."""
    forms = {form: file for file in _key_files(folder) for key in _keys(file) for form in _forms(key)}
    return [
        f"{log.relative_to(folder)} has a key of {file.relative_to(folder)}"
        for log in sorted(folder.rglob("*.log"))
        if log.is_file()
        for text in [log.read_bytes()]
        for file in sorted({file for form, file in forms.items() if form in text})
    ]


def _key_files(folder: Path) -> Iterator[Path]:
    for name in ("keys.json", "keys.json.*", "*.key"):
        yield from (path for path in folder.rglob(name) if path.is_file())


def _keys(file: Path) -> Iterator[bytes]:
    """The private keys in a file: in hex in a machine's, raw in a server's, in lines of base64 for TLS."""
    content = file.read_bytes()
    yield from map(bytes.fromhex, re.findall(r"[0-9a-f]{64}", content.decode(errors="replace")))
    if content.startswith(b"-----BEGIN"):
        yield from (base64.b64decode(line) for line in content.splitlines()[1:-1] if len(line) > 40)
    elif len(content) == 32:
        yield content


def _forms(key: bytes) -> Iterator[bytes]:
    """A key as a log may have it; base64 without its last characters, which depend on what follows."""
    yield key
    yield key.hex().encode()
    yield repr(key)[2:-1].encode()
    yield base64.b64encode(key)[:-4]
    yield base64.urlsafe_b64encode(key)[:-4]


def _private(folder: Path) -> Iterator[Path]:
    for inner in folder.rglob("*"):
        if inner.name in PRIVATE_FOLDERS and inner.is_dir():
            yield inner
            yield from inner.rglob("*")


def children() -> set[int]:
    """Processes that this one started and that have not been waited for."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends while it is looked at
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def links() -> set[str]:
    """Network links of this process's own namespace, where no case may leave any."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


class Untouched:
    """I7 of machines: their hosts as they are before the first `up`, and what differs after `down`."""

    def __init__(self, *machines: Machine) -> None:
        self._before = {machine: machine.host.snapshot() for machine in machines}

    def left(self) -> list[str]:
        """Takes every machine down."""
        found = []
        for machine, before in self._before.items():
            machine.run("down")
            until(lambda one=machine: one.daemon_pid() is None, "no daemon is left")  # type: ignore[misc]
            found += [f"{machine.name}: {one}" for one in before.difference(machine.host.snapshot())]
        return found


# --- after each case ---


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a case, the folder of its own, and the log lines that it provokes."""

    folder: Path
    allowed: Collection[str]
    held: Held
    programs: Mapping[Key, Held]
    children: frozenset[int]
    links: frozenset[str]

    @classmethod
    def now(cls, folder: Path, allowed: Collection[str]) -> "Before":
        """As it is."""
        running = holding.programs(folder.parent)  # a field's too, whose folder is beside the case's own
        return cls(folder, allowed, Held.by(), running, frozenset(children()), frozenset(links()))


def _left(before: Before) -> list[str]:
    with suppress(TimeoutError):
        until(lambda: not Held.by().more_than(before.held, SPARE_THREADS), "all is let go", holding.SETTLE_S)
    processes = [f"process {pid}" for pid in sorted(children() - before.children)]
    own = Held.by().more_than(before.held, SPARE_THREADS)
    return own + holding.leaks(before.folder.parent, before.programs) + processes + sorted(links() - before.links)


AFTER_EACH: dict[int, Callable[[Before], list[str]]] = {
    3: lambda before: open_files(before.folder) + shown_keys(before.folder),
    8: _left,
    9: lambda before: broken_lines(before.folder, before.allowed),
}
"""Invariant -> what is wrong with it after a case."""


@contextmanager
def watched(folder: Path, allowed: Collection[str]) -> Iterator[frozenset[int]]:
    """The block is a case: AssertionError at its end where one of AFTER_EACH does not hold. Yields their numbers."""
    before = Before.now(folder, allowed)
    yield frozenset(AFTER_EACH)
    wrong = [f"I{number} {INVARIANTS[number]}: {one}" for number, look in AFTER_EACH.items() for one in look(before)]
    if wrong:
        raise AssertionError("\n".join(wrong))
