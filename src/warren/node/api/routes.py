"""Method and path to the noun that answers: beside `protocol.local.rights.NEEDED` the only list of what there is."""

from collections.abc import Awaitable, Callable

from warren.node.api import (
    config,
    down,
    host,
    leave,
    netcheck,
    ping,
    recovery,
    reidentify,
    rekey,
    renew,
    root,
    sign,
    status,
    up,
    whoami,
    why,
)
from warren.node.api.http import Handler, Reply, Request, Routes
from warren.node.api.scope import Scope
from warren.protocol.local import rights

Answer = Callable[[Scope, Request, Reply], Awaitable[None]]


def routes(scope: Scope) -> Routes:
    """The handlers, bound to one daemon."""

    def bound(answer: Answer) -> Handler:
        async def handler(request: Request, reply: Reply) -> None:
            await answer(scope, request, reply)

        return handler

    return {
        ("GET", rights.STATUS): bound(status.answer),
        ("GET", rights.WHOAMI): bound(whoami.answer),
        ("GET", rights.CONFIG): bound(config.answer),
        ("GET", rights.HOST_PLAN): bound(host.answer),
        ("POST", rights.PING): bound(ping.answer),
        ("POST", rights.NETCHECK): bound(netcheck.answer),
        ("POST", rights.WHY): bound(why.answer),
        ("POST", rights.UP): bound(up.answer),
        ("POST", rights.DOWN): bound(down.answer),
        ("POST", rights.LEAVE): bound(leave.answer),
        ("POST", rights.REIDENTIFY): bound(reidentify.answer),
        ("POST", rights.REKEY): bound(rekey.answer),
        ("POST", rights.RENEW): bound(renew.answer),
        ("POST", rights.SIGN): bound(sign.answer),
        ("POST", rights.WAITING): bound(sign.show_waiting),
        ("POST", rights.DENY): bound(sign.deny),
        ("POST", rights.RECOVERY): bound(recovery.answer),
        ("POST", rights.FOUND): bound(root.found_network),
        ("POST", rights.ROOT_IMPORT): bound(root.import_root),
        ("POST", rights.ROOT_EXPORT): bound(root.export_root),
    }
