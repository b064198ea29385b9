"""A host with a relay that records all it carries and, where it is `hostile`, alters some of it (`recording_relay.py`).

The server is told of it by a file of relays, and told to run none of its own.
"""

import ast
import os
import sys
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.netlab.lab import Lab
from tests.netlab.switch import Switch

from warren.model.relays import relay_number
from warren.server.settings import Settings

NAME = "liar"
PORT = 3490


class Recording:
    """Its host, its file, and what it did."""

    def __init__(self, lab: Lab, outside: Switch, how: str, family: int, name: str = NAME) -> None:
        """`how` is `honest` or `hostile`."""
        private = X25519PrivateKey.from_private_bytes(os.urandom(32))
        host = lab.host(name, outside)
        address = str(host.ip if family == 4 else host.ip6)
        self.name = name
        self._file = lab.folder / f"{name}-carried"
        program = [sys.executable, "-m", "tests.netlab.recording_relay", address, str(PORT)]
        self.process = host.start([*program, private.private_bytes_raw().hex(), self._file, how])
        self.process.wait_for("ready")
        place = f"[{address}]:{PORT}" if family == 6 else f"{address}:{PORT}"
        key = private.public_key().public_bytes_raw()
        self.number = relay_number(key)
        self._entry = f'[[relay]]\nname = "{name}"\nkey = "{key.hex()}"\nudp = ["{place}"]\n'

    @staticmethod
    def flags(lab: Lab, *relays: "Recording", only: bool = True) -> tuple[str, ...]:
        """What a server is told, so that these are its relays, beside its own or as the only ones."""
        listed = lab.folder / "relays.toml"
        listed.write_text("\n".join(one._entry for one in relays))
        off = ("--relay-listen", "off") if only and "relay_listen" in Settings.__struct_fields__ else ()
        return ("--relays", str(listed), *off)

    def stop(self) -> dict[str, int]:
        """End it; how often it did what."""
        self.process.stop()
        did: dict[str, int] = ast.literal_eval(self.process.output().splitlines()[-1])
        return did

    def payloads(self) -> Iterator[bytes]:
        """All that was to be carried, as it came."""
        for line in self._file.read_text().split():
            yield bytes.fromhex(line)
