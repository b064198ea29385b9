"""Starts providers of `provider.mjs`, ends them by their own pid. Their packages are pinned by package-lock.json and
installed by npm into the user's cache, once for each version of that file.
"""

import hashlib
import json
import os
import select
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_S = 240.0
START_S = 60.0
Claims = Mapping[str, object]


def installed() -> Path:
    """The folder with the packages. Two test runs may install at once: each into its own folder, the first is kept."""
    lock = (HERE / "package-lock.json").read_bytes()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warren"
    folder = caches / f"provider-{hashlib.sha256(lock).hexdigest()[:16]}"
    if (folder / "node_modules").is_dir():
        return folder
    fresh = caches / f"{folder.name}.{os.getpid()}"
    fresh.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, fresh / name)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(npm, cwd=fresh, check=True, timeout=INSTALL_S)
    try:
        fresh.rename(folder)
    except OSError:  # somebody else's is there
        shutil.rmtree(fresh)
    return folder


@dataclass(slots=True)
class RunningProvider:
    """One provider. `people`: claims by login; `server_url` is the Warren server that it signs people on to.

    `userinfo`: claims beside the subject are told by its userinfo endpoint only.
    """

    port: int
    server_url: str
    id: str
    people: Mapping[str, Claims]
    userinfo: bool = False
    secret: str = "of the client"
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def issuer(self) -> str:
        """As it calls itself."""
        return f"http://127.0.0.1:{self.port}"

    def toml(self, secret_file: Path, **fields: object) -> str:
        """Its entry in the file of providers, the secret written beside; `fields`: what else is said of it."""
        secret_file.write_text(self.secret)
        entry = {
            "id": self.id,
            "name": self.id.capitalize(),
            "issuer": self.issuer,
            "client_id": "warren",
            "client_secret": f"file:{secret_file}",
            "private": True,
            **fields,
        }
        return "[[provider]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in entry.items())

    def words(self) -> list[str]:
        """The command that runs it, from the folder of its packages."""
        wanted = {
            "port": self.port,
            "client": {
                "id": "warren",
                "secret": self.secret,
                "redirect": f"{self.server_url}/sign-on/back/{self.id}",
            },
            "people": dict(self.people),
            "userinfo": self.userinfo,
        }
        # `-e` finds packages from the working folder
        return ["node", "--input-type=module", "-e", (HERE / "provider.mjs").read_text(), json.dumps(wanted)]

    def start(self) -> "RunningProvider":
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            self.words(),
            cwd=installed(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DEBUG": ""},
        )
        stdout, said, deadline = self._process.stdout, b"", time.monotonic() + START_S
        assert stdout is not None
        while b"ready" not in said:
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(stdout.fileno(), 4096) if readable else b""
            assert more, "the provider did not start"
            said += more
        return self

    def rotate_keys(self) -> None:
        """Other keys from now on."""
        request = urllib.request.Request(f"{self.issuer}/test/rotate", method="POST")  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
