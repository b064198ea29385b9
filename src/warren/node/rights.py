"""Whether this process may make tunnels, asked before anything else is begun.

Decides with the reason, so that a join is refused before a key is used up. Must not know the engine.
"""

import os

from warren.errors import WarrenError
from warren.node.dataplane.interface import no_rights
from warren.node.privileges import CAP_NET_ADMIN, held_capabilities

_TUN = "/dev/net/tun"


def check_tun_rights() -> None:
    """WarrenError NO_TUN_RIGHTS where the system would refuse a tunnel."""
    if CAP_NET_ADMIN not in held_capabilities():
        raise no_rights("this daemon may not change the network (it has no CAP_NET_ADMIN)")
    try:
        os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise _refused(error) from error


def _refused(error: OSError) -> WarrenError:
    return no_rights(f"{_TUN} cannot be opened: {error.strerror or error}")
