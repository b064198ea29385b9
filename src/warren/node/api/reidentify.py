"""`POST /v1/reidentify`: another identity in one network, and the old one forgotten without a word to the server.

Decides what the request means. The old identity is not told to leave: the machine that this one is a copy of goes on
with it. Where the key does not admit the new one, everything stays as it was.
"""

import asyncio
import socket

from warren.errors import Code, WarrenError
from warren.limits import UP_TIMEOUT_MAX_S
from warren.model.names import parse_host_label, suggest_host_label
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.api.up import in_force, result_of
from warren.node.control.joining import Entry
from warren.node.rights import check_tun_rights
from warren.protocol.local.reidentify import ReidentifyRequest, ReidentifyResult
from warren.trust.admission_key import parse as parse_key


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Become another machine."""
    body = request.decode(ReidentifyRequest)
    if not 0 < body.timeout_s <= UP_TIMEOUT_MAX_S:
        raise WarrenError(Code.INVALID_ARGUMENT, f"a timeout is more than 0 and at most {UP_TIMEOUT_MAX_S:g} s")
    key = parse_key(body.auth_key) if body.auth_key is not None else None
    hostname = body.hostname if body.hostname is not None else suggest_host_label(socket.gethostname()) or ""
    if body.hostname is not None:
        hostname = parse_host_label(body.hostname)
    network = scope.roster.find(body.network)
    name, before = network.name, network.parts.membership
    if key is None:
        await scope.roster.leave(network, tell=False)
        await reply.result(ReidentifyResult(network=name))
        return
    check_tun_rights()
    entry = Entry(hostname, before.tags, before.ephemeral, before.ipv4)
    try:
        async with asyncio.timeout(body.timeout_s):
            joined = await scope.roster.reidentify(network, key, entry)
    except TimeoutError as error:
        raise WarrenError(Code.TIMEOUT, f"{before.server} did not admit this node in time") from error
    await in_force(joined, body.timeout_s)
    await reply.result(ReidentifyResult(network=name, joined=result_of(joined, joined=True)))
