"""`warren daemon install`: the systemd unit, so that the daemon starts with the machine.

Decides where the unit goes and that it runs this very program. The unit's text lies beside this module, so that an
installed wheel has it."""

import shlex
import sys
from pathlib import Path

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.client.process import UNIT, enable_unit
from warren.errors import Code, WarrenError

UNIT_FILE = Path("/etc/systemd/system") / UNIT
_HOMES = frozenset({"home", "root"})  # the folders at the top that ProtectHome= hides


def install(parsed: Parsed) -> int:
    """Write the unit and, where systemd runs, enable it; needs root."""
    try:
        UNIT_FILE.parent.mkdir(parents=True, exist_ok=True)
        UNIT_FILE.write_text(unit_text(sys.executable), encoding="utf-8")
        UNIT_FILE.chmod(0o644)
    except OSError as error:
        raise WarrenError(
            Code.FORBIDDEN, f"{UNIT_FILE} cannot be written: {error.strerror}", "run it as root"
        ) from error
    is_enabled = enable_unit()
    if parsed.is_on("json"):
        output.say_json({"unit": str(UNIT_FILE), "enabled": is_enabled})
        return output.DONE
    output.say(f"wrote {UNIT_FILE}")
    output.note(
        "`warren up` uses it from here on" if is_enabled else "systemd does not run here; the unit is not enabled"
    )
    return output.DONE


def unit_text(python: str) -> str:
    """Return the unit, starting the daemon by this interpreter; one in a home folder must stay readable for it."""
    text = Path(__file__).with_name(UNIT).read_text(encoding="utf-8")
    text = text.replace("ExecStart=/usr/bin/warren daemon", f"ExecStart={shlex.quote(python)} -I -m warren daemon")
    needed = (Path(python), Path(python).resolve(), Path(__file__).resolve())
    if any(not _HOMES.isdisjoint(path.parts[1:2]) for path in needed):
        text = text.replace("ProtectHome=yes", "ProtectHome=read-only")
    return text
