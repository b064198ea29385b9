"""A network's root key as a line: `wr.<network id>.<seed>`, for export, import and taking over.

Decides the form. Who has this line owns the network: it is a secret, kept offline by preference.
"""

import re

from warren.errors import Code, WarrenError
from warren.model.ids import NetworkId
from warren.model.keys import SigningKeyPair

_FORM = re.compile(r"wr\.([0-9a-f]{64})\.([0-9a-f]{64})", re.ASCII)


def format_root(network: NetworkId, key: SigningKeyPair) -> str:
    """The line that `parse_root` reads. It is a secret."""
    return f"wr.{network.hex()}.{key.private_bytes().reveal().hex()}"


def parse_root(text: str) -> tuple[NetworkId, SigningKeyPair]:
    """The network and its key in a line; WarrenError INVALID_KEY, which never repeats the text."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise WarrenError(Code.INVALID_KEY, "this is not a network's root key", "it looks like wr.….…; copy all of it")
    return NetworkId(bytes.fromhex(found[1])), SigningKeyPair(bytes.fromhex(found[2]))
