"""What programs of root write to WireGuard's control socket."""

from tools.fuzzing.parser import Parser, require
from warren.wire.uapi import UapiError, parse_set

_KEY = bytes(range(32)).hex()
_INTERFACE = f"private_key={_KEY}\nlisten_port=51820\nfwmark=0x1f\nreplace_peers=true\n"
_PEER = (
    f"public_key={_KEY}\npreshared_key={_KEY}\nendpoint=[2001:db8::1]:51820\npersistent_keepalive_interval=25\n"
    "replace_allowed_ips=true\nallowed_ip=10.8.0.0/24\nallowed_ip=-fd00::/8\nprotocol_version=1\n"
)
_PEERS = f"public_key={_KEY}\nupdate_only=true\nendpoint=192.0.2.1:7\npublic_key={_KEY}\nremove=true\n"
_WORDS = (b"allowed_ip=", b"public_key=", b"endpoint=", b"\n", b"/0", b"/128", b"-", b"0x", b"true", _KEY.encode())


def check_set(data: bytes) -> bool:
    """It is understood, with every length and bound in order, or refused by a number of errno(3)."""
    try:
        change = parse_set(data.decode("latin-1").removesuffix("\n").split("\n"))
    except UapiError as error:
        require(error.errno > 0, f"refused with {error.errno}")
        return False
    require(change.listen_port is None or 0 <= change.listen_port <= 65535, "a port")
    require(change.private_key is None or len(change.private_key.reveal()) == 32, "a private key")
    require(all(len(peer.public_key) == 32 for peer in change.peers), "a public key")
    require(all(peer.keepalive_s is None or 0 <= peer.keepalive_s <= 65535 for peer in change.peers), "a keepalive")
    return True


PARSERS = (Parser("wireguard_set", tuple(text.encode() for text in (_INTERFACE, _PEER, _PEERS)), check_set, _WORDS),)
