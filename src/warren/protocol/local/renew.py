"""`POST /v1/renew`: what renews this machine's membership, signed with a key of its person.

The daemon answers with what the server takes (`protocol.rest.members`); whoever asked brings it there. The key is a
secret and is never logged."""

import msgspec


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`network`: None where there is only one, or one alone whose membership ends; `auth_key`: the whole line."""

    auth_key: str
    network: str | None = None


class RenewResult(msgspec.Struct, frozen=True, kw_only=True):
    """For the server at `server`: ids and signature in hex."""

    server: str
    network_id: str
    identity: str
    name: str
    key_id: str
    signature: str
