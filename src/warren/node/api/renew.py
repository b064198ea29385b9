"""`POST /v1/renew`: sign with a person's key that this machine is theirs still.

Decides what is signed: this machine's identity in this network, with the secret half of a key that is used up by it
(`trust.admission_key.renewal_challenge`). Must not reach the server: who asked does.
"""

from warren.model.ids import show_identity, show_network_id
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.protocol.local.renew import RenewRequest, RenewResult
from warren.trust import admission_key


async def answer(scope: Scope, request: Request, reply: Reply) -> None:
    """Sign it."""
    body = request.decode(RenewRequest)
    network = scope.roster.find(body.network)
    key = admission_key.parse(body.auth_key)
    challenge = admission_key.renewal_challenge(key.id)
    signature = admission_key.sign_join(key.seed, network.me, network.id, challenge)
    await reply.result(
        RenewResult(
            server=network.parts.membership.server,
            network_id=show_network_id(network.id),
            identity=show_identity(network.me),
            name=network.map.me.fqdn if network.map is not None else network.parts.membership.hostname,
            key_id=key.id,
            signature=signature.hex(),
        )
    )
