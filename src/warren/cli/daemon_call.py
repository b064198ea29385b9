"""One client of the daemon for a command line: its socket, and how long to wait for an answer."""

from warren.cli.grammar import Parsed, UsageError
from warren.cli.places import places
from warren.client.local import LocalClient
from warren.limits import CLIENT_TIMEOUT_MAX_S

DEFAULT_TIMEOUT_S = 30.0


def timeout_s(parsed: Parsed) -> float:
    """Return `--timeout` in seconds, at least a tenth; raises UsageError."""
    given = parsed.duration_s("timeout")
    if given is not None and given > CLIENT_TIMEOUT_MAX_S:
        raise UsageError(f"--timeout takes at most {CLIENT_TIMEOUT_MAX_S // 3600}h")
    return DEFAULT_TIMEOUT_S if given is None else max(given, 0.1)


def local_client(parsed: Parsed) -> LocalClient:
    """Return the client; raises WarrenError or UsageError for flags that cannot be."""
    return LocalClient(places(parsed).socket, timeout_s(parsed))
