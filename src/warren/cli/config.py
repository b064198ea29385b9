"""`warren config show`: the daemon's settings and, on demand, where each comes from."""

from warren.cli import output
from warren.cli.daemon_call import local_client
from warren.cli.grammar import Parsed
from warren.protocol.local.config import Config
from warren.protocol.local.rights import CONFIG


def show(parsed: Parsed) -> int:
    """Print every setting; exit code 0 where the daemon answers."""
    config = local_client(parsed).get(CONFIG, Config)
    if parsed.is_on("json"):
        output.say_json(config)
    elif parsed.is_on("origin"):
        rows = [(one.name, one.value, one.origin, one.variable) for one in config.settings]
        output.table(("SETTING", "VALUE", "ORIGIN", "VARIABLE"), rows)
    else:
        output.table(("SETTING", "VALUE"), [(one.name, one.value) for one in config.settings])
    return output.DONE
