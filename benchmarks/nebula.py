"""Nebula between two hosts: an authority, a certificate for each, and a configuration that lets everything through.

Its own protocol and cipher (AES-256-GCM), in its own MTU of 1,300. `nebula-cert` lies beside the program.
"""

import json
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from tests.netlab.host import Host
from tests.netlab.until import until

PORT = 4242
LINK = "nebula%d"
CERTIFY_S = 20.0
_ALL = [{"port": "any", "proto": "any", "host": "any"}]


def start(program: Path, folder: Path, ends: Sequence[tuple[Host, IPv4Interface]]) -> None:
    """Start it at each end, which knows where the others are, and wait until its address is there."""
    folder.mkdir()
    _certify(program, folder, "ca", "-name", "benchmark", "-out-crt", "ca.crt", "-out-key", "ca.key")
    for number, (host, address) in enumerate(ends):
        name = f"end{number}"
        _certify(program, folder, "sign", "-name", name, "-networks", str(address))
        others = {str(there.ip): [f"{other.ip}:{PORT}"] for other, there in ends if other is not host}
        file = folder / f"{name}.json"
        file.write_text(json.dumps(_configuration(folder, name, str(host.ip), LINK % number, others)))
        host.start([program, "-config", file])
        shown = ["ip", "-4", "address", "show", "dev", LINK % number, "to", str(address.ip)]
        until(lambda host=host, shown=shown: host.run(shown, check=False).stdout, "Nebula's address")  # type: ignore[misc]


def _configuration(folder: Path, name: str, own: str, link: str, others: dict[str, list[str]]) -> dict[str, object]:
    """As JSON, which is YAML too."""
    return {
        "pki": {"ca": str(folder / "ca.crt"), "cert": str(folder / f"{name}.crt"), "key": str(folder / f"{name}.key")},
        "static_host_map": others,
        "lighthouse": {"am_lighthouse": False, "hosts": []},
        "listen": {"host": own, "port": PORT},
        "tun": {"dev": link, "mtu": 1300},
        "logging": {"level": "error"},
        "firewall": {"outbound": _ALL, "inbound": _ALL},
    }


def _certify(program: Path, folder: Path, *words: str) -> None:
    subprocess.run([program.with_name("nebula-cert"), *words], cwd=folder, check=True, timeout=CERTIFY_S)
