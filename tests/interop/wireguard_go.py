"""A stock wireguard-go: built once into the user's cache, started on a host of the lab, configured over its socket.

The version is pinned here, and only here. No `wg` program is needed.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

from tests.interop import uapi
from tests.netlab.host import Host
from tests.netlab.tun import need_tun
from tests.netlab.until import until

from warren.model.keys import ExchangeKeyPair

MODULE = "golang.zx2c4.com/wireguard"
VERSION = "v0.0.0-20260522210424-ecfc5a8d5446"
BUILD_S = 300.0


def build() -> Path:
    """The program, built if this machine has not got it yet; RuntimeError with Go's words if it cannot be built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warren"
    program = cache / f"wireguard-go-{VERSION}" / "wireguard"
    program.parent.mkdir(parents=True, exist_ok=True)
    with (program.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=program.parent) as folder:
                _install(Path(folder))
                (Path(folder) / "wireguard").rename(program)
    return program


def _install(folder: Path) -> None:
    try:
        done = subprocess.run(
            ["go", "install", f"{MODULE}@{VERSION}"],
            env={**os.environ, "GOBIN": str(folder), "GOFLAGS": ""},
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
    except FileNotFoundError:
        raise RuntimeError("Go is not installed") from None
    if done.returncode != 0:
        raise RuntimeError(f"go install {MODULE}: {done.stderr}")


@dataclass(frozen=True, slots=True)
class WireguardGo:
    """A running device on a host."""

    host: Host
    link: str

    @classmethod
    def start(cls, program: Path, host: Host, link: str, private_key: bytes, port: int) -> "WireguardGo":
        """Start it with a key and a port, and wait until it can be configured; `link` is unique in the lab."""
        need_tun()
        # WG_SUDO: gotatun, which benchmarks start here too, asks otherwise who logged in, and ends where nobody did
        host.start([program, "-f", link], env={**os.environ, "LOG_LEVEL": "error", "WG_SUDO": "1"})
        device = cls(host, link)
        until(lambda: host.run(["test", "-S", device._socket()], check=False).returncode == 0, "the device's socket")
        device._set(f"private_key={private_key.hex()}", f"listen_port={port}")
        return device

    def set_peer(
        self, public_key: bytes, allowed: str, *, preshared_key: bytes = bytes(32),
        endpoint: tuple[IPv4Address | IPv6Address, int] | None = None,
    ) -> None:  # fmt: skip
        """Add the one peer of a test; all zeros are no preshared key."""
        lines = [f"public_key={public_key.hex()}", f"preshared_key={preshared_key.hex()}"]
        lines += [f"allowed_ip={prefix}" for prefix in allowed.split(",")]
        if endpoint is not None:
            address, port = endpoint
            shown = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
            lines.append(f"endpoint={shown}")
        self._set(*lines)

    def up(self, address: IPv4Interface | IPv6Interface) -> None:
        """Give the link its address and raise it."""
        nodad = " nodad" if address.version == 6 else ""
        self.host.ip_batch(f"addr add {address} dev {self.link}{nodad}", f"link set {self.link} up")

    def last_handshake_s(self) -> float:
        """Of the one peer, in Unix seconds; 0: never."""
        values = dict(line.split("=", 1) for line in self._ask("get=1\n").splitlines())
        return int(values["last_handshake_time_sec"]) + int(values["last_handshake_time_nsec"]) / 1e9

    def public_key_of_device(self) -> bytes:
        """Its own."""
        values = dict(line.split("=", 1) for line in self._ask("get=1\n").splitlines())
        return ExchangeKeyPair(bytes.fromhex(values["private_key"])).public

    def _set(self, *lines: str) -> None:
        answer = self._ask("\n".join(["set=1", *lines]) + "\n")
        if answer != "errno=0":
            raise RuntimeError(f"wireguard-go refused {lines}: {answer}")

    def _ask(self, request: str) -> str:
        return self.host.run([sys.executable, "-I", "-S", str(uapi.__file__), self._socket()], stdin=request).stdout

    def _socket(self) -> str:
        return f"/run/wireguard/{self.link}.sock"
