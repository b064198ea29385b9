"""`make sbom`: the bill of materials in CycloneDX 1.5 (JSON): every package of both lock files, with version and hash.

Reads `Cargo.lock` and `requirements.lock` only, so it says what an installation by the locks gets, and says the same
for everybody: no date, no machine, names in order.
"""

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s\\;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def rust_components(lock: str) -> list[dict[str, Any]]:
    """Every crate of a Cargo.lock that is not ours."""
    return [
        _component("cargo", package["name"], package["version"], [package["checksum"]])
        for package in tomllib.loads(lock)["package"]
        if "source" in package
    ]


def python_components(lock: str) -> list[dict[str, Any]]:
    """Every package of a requirements lock; a hash for each of its files."""
    found: list[dict[str, Any]] = []
    hashes: list[str] = []
    for line in lock.splitlines():
        if pinned := _PINNED.match(line):
            hashes = []
            found.append(_component("pypi", pinned[1].lower(), pinned[2], hashes))
        for digest in _HASH.findall(line):
            found[-1]["hashes"].append(_hash(digest))
    return found


def bill(root: Path) -> dict[str, Any]:
    """The document for a checkout."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    parts = rust_components((root / "Cargo.lock").read_text("utf-8"))
    parts += python_components((root / "requirements.lock").read_text("utf-8"))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "warren", "version": version}},
        "components": sorted(parts, key=lambda one: one["purl"]),
    }


def _component(kind: str, name: str, version: str, digests: list[str]) -> dict[str, Any]:
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:{kind}/{name}@{version}",
        "hashes": [_hash(digest) for digest in digests],
    }


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def main() -> None:
    """Write it to a file, or to standard output."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path)
    text = json.dumps(bill(ROOT), indent=1) + "\n"
    out = parser.parse_args().out
    if out is None:
        sys.stdout.write(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
