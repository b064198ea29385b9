"""`POST /v1/down`: off, remembered; answers when the host is clean, and the process ends after that."""

import os

from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.protocol.local.down import DownResult

_BACK = ": after a restart this machine is on again, unless `warren down` is said again when the disk takes writes"


async def answer(scope: Scope, _request: Request, reply: Reply) -> None:
    """Take everything down."""
    off = await scope.down()
    warnings = () if off.forgotten is None else (f"off could not be remembered ({off.forgotten.text}){_BACK}",)
    await reply.result(DownResult(networks=off.networks, pid=os.getpid(), warnings=warnings))
