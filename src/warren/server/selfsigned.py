"""The self-signed certificate: whether the one on disk is still good, and a new one.

Decides its content and life. Must not know who trusts it; `tls.py` says why its name and dates bind nobody.
"""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from warren.limits import CERTIFICATE_DAYS, CERTIFICATE_RENEW_DAYS
from warren.server import keys
from warren.server.files import write_private

_BEGUN_EARLIER = datetime.timedelta(days=1)  # a client whose clock is behind takes it too


def is_good(chain: Path, key: Path, host: str, now: float) -> bool:
    """Whether the files hold a certificate for this host with time left. `now`: Unix seconds."""
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


def make(chain: Path, key: Path, host: str, now: float) -> None:
    """Write a new key and certificate, the key first. Raises WarrenError STORE_UNAVAILABLE."""
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
