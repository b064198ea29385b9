"""Reads the file of relays (`--relays`); what is in it is for `places`."""

from pathlib import Path

from warren.errors import Code, WarrenError
from warren.protocol.control.messages import RelayPlace
from warren.server.relays.places import parse_places


def read_places(name: str) -> tuple[RelayPlace, ...]:
    """The relays of the file with this name, none where there is no name. WarrenError INVALID_CONFIG."""
    if not name:
        return ()
    try:
        text = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "it is not UTF-8"
        raise WarrenError(Code.INVALID_CONFIG, f"{name} cannot be read: {reason}", "check --relays") from error
    return parse_places(text)
