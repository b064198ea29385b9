"""The certificate of the public port: two files of the operator's, or a self-signed one in the data folder.

Decides when the self-signed one is made anew. Must not know TLS itself; the front does. Nodes trust a self-signed
certificate because the server's challenge names its digest and is signed with the key that their pin covers, so its
name and dates bind nobody and may change at any start.
"""

import datetime
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from warren.errors import Code, WarrenError
from warren.limits import CERTIFICATE_DAYS, CERTIFICATE_RENEW_DAYS
from warren.server import keys
from warren.server.files import Folder, write_private
from warren.server.settings import Settings

_END = "-----END CERTIFICATE-----"
_BEGUN_EARLIER = datetime.timedelta(days=1)  # a client whose clock is behind takes it too


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
    chain_file, key_file = folder.tls / "auto.crt", folder.tls / "auto.key"
    if not _is_good(chain_file, key_file, settings.host, now):
        _make(chain_file, key_file, settings.host, now)
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


def _is_good(chain: Path, key: Path, host: str, now: float) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    except (OSError, ValueError):
        return False
    left = certificate.not_valid_after_utc.timestamp() - now
    return (
        key.is_file()
        and left > CERTIFICATE_RENEW_DAYS * 86400
        and _name(host) in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )


def _make(chain: Path, key: Path, host: str, now: float) -> None:
    private = keys.generate_tls()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Warren server")])
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - _BEGUN_EARLIER)
        .not_valid_after(today + datetime.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    write_private(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(chain, certificate.public_bytes(Encoding.PEM))


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
