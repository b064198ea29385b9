"""`POST /v1/down`: off, remembered; answers when the host is clean, and the process ends after that."""

import os

from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.protocol.local.down import DownResult


async def answer(scope: Scope, _request: Request, reply: Reply) -> None:
    """Take everything down."""
    names = await scope.down()
    await reply.result(DownResult(networks=names, pid=os.getpid()))
