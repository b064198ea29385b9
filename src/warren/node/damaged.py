"""Networks that are on disk and cannot be started: why, until when that is told, and how a person is rid of one.

Decides that a folder which is gone, was joined anew or runs is no trouble any more, and that a damaged one is put aside
as a whole (`NAME.aside`, the newest of each network), never deleted: a person may know how to mend it. Must not know
why a network could not be started, nor the API.
"""

import shutil
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.limits import TROUBLE_SHOWN_S
from warren.log import Log
from warren.node.health import Health
from warren.node.storage import Damage, put_in_place

log = Log("roster")

ASIDE = ".aside"  # ends the name of a folder that was damaged and given up
NETWORK_ID_MIN_DIGITS = 6  # fewer are more likely a name that was mistyped
_SHOWN_DIGITS = 10


class Damaged:
    """Those of one daemon, by the names of their folders."""

    def __init__(self, folder: Path, health: Health) -> None:
        """`folder`: where the networks' folders are."""
        self._folder = folder
        self._health = health
        self._refusals: dict[str, WarrenError] = {}

    def note(self, name: str, error: WarrenError, now: float) -> None:
        """It cannot be started. `now`: Unix seconds."""
        self._refusals[name] = error
        way_out = f"bring it back from a backup, or put it aside and join anew: warren leave {name[:_SHOWN_DIGITS]}"
        fix = way_out if error.code is Code.STATE_DAMAGED else error.fix
        self._health.set(f"folder/{name}", error.code, error.text, now, fix)

    def note_file(self, name: str, damage: Damage, now: float) -> None:
        """A file in its folder was damaged: told for a while, since nothing says when somebody has seen it."""
        how = "the generation before is used" if damage.recovered else "there is no generation before it"
        kept = f", kept as {damage.kept_as}" if damage.kept_as else ""
        text = f"{name}/{damage.name} was damaged ({damage.reason}){kept}: {how}"
        log.warning("a state file was damaged", file=damage.name, reason=damage.reason, kept=damage.kept_as)
        key = f"damage/{name}/{damage.name}"
        self._health.set(key, Code.STATE_DAMAGED, text, now, until=now + TROUBLE_SHOWN_S)

    def forget(self, name: str) -> None:
        """It runs, and all that counts in it can be read."""
        self._refusals.pop(name, None)
        self._health.clear(f"folder/{name}")

    def forget_all(self, name: str) -> None:
        """What is there was made anew, or nothing is: no word of the files from before."""
        self.forget(name)
        self._health.clear_all(f"damage/{name}/")

    def look(self) -> None:
        """Forget those whose folder a person deleted."""
        for name in [name for name in self._refusals if not (self._folder / name).is_dir()]:
            self.forget_all(name)

    def refusal(self) -> WarrenError | None:
        """Why one of them could not be started, if there is one."""
        self.look()
        return next(iter(self._refusals.values()), None)

    def none_runs(self) -> WarrenError:
        """What to say to who means the only network where none runs."""
        self.look()
        name = next(iter(self._refusals), None)
        if name is None:
            return WarrenError(Code.NETWORK_UNKNOWN, "this machine is in no network")
        short = name[:_SHOWN_DIGITS]
        return WarrenError(
            Code.NETWORK_UNKNOWN,
            f"the network {short} cannot be started: {self._refusals[name].text}",
            f"`warren leave {short}` puts it aside",
        )

    def find(self, text: str | None) -> str | None:
        """The one whose id begins so; None where that means none, or several."""
        self.look()
        if text is None or len(text) < NETWORK_ID_MIN_DIGITS:
            return None
        start = text.lower()
        found = [name for name in self._refusals if name.startswith(start) or start.startswith(name)]
        return found[0] if len(found) == 1 else None

    def put_aside(self, name: str) -> Path:
        """Give it up: what is left of it lies in the folder that is returned. WarrenError STORE_UNAVAILABLE where the
        disk refuses, or where only the moment is at fault and not its files."""
        refusal = self._refusals[name]
        if refusal.code is Code.STORE_UNAVAILABLE:
            raise refusal
        folder = self._folder / name
        aside = folder.with_suffix(ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        put_in_place(folder, aside)
        self.forget_all(name)
        log.info("a damaged network was put aside", folder=aside.name)
        return aside
