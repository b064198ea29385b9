"""Other people's tunnels in user space, built from their public packages into the user's cache, each pinned here.

What cannot be built or fetched is left out, and the run says so: PERFORMANCE.md's figures stand in for it.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.interop import wireguard_go

BUILD_S = 900.0
_FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warren" / "rivals"


@dataclass(frozen=True, slots=True)
class Rival:
    """`install` writes `program` into the folder that FOLDER stands for."""

    name: str
    install: tuple[str, ...]
    program: str


TAILSCALE = Rival(
    "tailscale's",
    ("go", "install", "github.com/tailscale/wireguard-go@v0.0.0-20260928213032-417aef361226"),
    "bin/wireguard-go",
)
GOTATUN = Rival("gotatun", ("cargo", "install", "--locked", "--root", "FOLDER", "gotatun-cli@0.10.2"), "bin/gotatun")

# 1.11 and 1.12 have offloads, and want a fork of a library that the registry does not give out.
NEBULA = Rival(
    "nebula 1.10",
    (
        "go",
        "install",
        "github.com/slackhq/nebula/cmd/nebula-cert@v1.10.3",
        "github.com/slackhq/nebula/cmd/nebula@v1.10.3",
    ),
    "bin/nebula",
)
ALL = (TAILSCALE, GOTATUN, NEBULA)
LEFT_OUT = "tailscaled: it carries nothing before a coordination server took it in; its engine runs here instead"
"""Whom no run has, and why."""
NEWER_NEBULA_SPEED, NEWER_NEBULA_CPU = 1.73, 0.49
"""Of wireguard-go's in one TCP flow: a Nebula with offloads, as measured elsewhere (PERFORMANCE.md)."""


def build(rival: Rival) -> Path:
    """The program, from the cache or built now (minutes); RuntimeError with the reason where it cannot be."""
    folder = _FOLDER / rival.install[-1].replace("/", "_")
    program = folder / rival.program
    if program.exists():
        return program
    if not shutil.which(rival.install[0]):
        raise RuntimeError(f"{rival.install[0]} is not installed")
    words = [str(folder) if word == "FOLDER" else word for word in rival.install]
    env = {**os.environ, "GOBIN": str(folder / "bin"), "GOFLAGS": ""}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=BUILD_S, check=False)
    if done.returncode != 0 or not program.exists():
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it installed nothing")
    return program


def stock() -> Path:
    """wireguard-go, as the interop tests pin it."""
    return wireguard_go.build()
