"""The certificate of the public port: two files of the operator's, or a self-signed one in the data folder.

Decides when the self-signed one is made anew. Must not know TLS itself; the front does. Nodes trust a self-signed
certificate because the server's challenge names its digest and is signed with the key that their pin covers, so its
name and dates bind nobody and may change at any start.
"""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from warren.errors import Code, WarrenError
from warren.server.files import Folder
from warren.server.settings import Settings

_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files for the front, and the SHA-256 of the leaf certificate; all empty where the port is plain."""

    chain: str = ""
    private_key: str = ""
    sha256: bytes = b""


def prepare(settings: Settings, folder: Folder, now: float) -> Certificate:
    """The certificate that these settings mean; made where it is ours. Raises WarrenError INVALID_CONFIG.

    `now`: Unix seconds.
    """
    if settings.plain:
        return Certificate()
    if settings.tls != "auto":
        chain, _, private_key = settings.tls.partition(",")
        return Certificate(chain, private_key, digest_of(Path(chain)))
    from warren.server import selfsigned  # noqa: PLC0415  # 0.1 s of imports that other servers do not pay

    chain_file, key_file = folder.tls / "auto.crt", folder.tls / "auto.key"
    if not selfsigned.is_good(chain_file, key_file, settings.host, now):
        selfsigned.make(chain_file, key_file, settings.host, now)
    return Certificate(str(chain_file), str(key_file), digest_of(chain_file))


def digest_of(chain: Path) -> bytes:
    """SHA-256 of the first certificate of a PEM file. Raises WarrenError INVALID_CONFIG."""
    try:
        text = chain.read_text("ascii")
        first = text[text.index("-----BEGIN CERTIFICATE-----") : text.index(_END) + len(_END)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).digest()
    except (OSError, ValueError) as error:
        raise WarrenError(
            Code.INVALID_CONFIG, f"{chain} holds no readable certificate", "give PEM files: --tls CERT,KEY"
        ) from error
