"""Golden bytes: what was signed once is read for ever, and a program that is not ours agrees on every byte."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tools.golden_trust

from warren.model.ids import NetworkId
from warren.trust.authenticate import Authentic, authenticate

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "trust"


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_every_document_of_the_vectors_is_read(tmp_path: Path) -> None:
    network = NetworkId(bytes.fromhex(vectors("derived")["network"]))
    for vector in vectors("documents"):
        document = authenticate(network, bytes.fromhex(vector["raw"]))
        assert isinstance(document, Authentic), vector["name"]
        assert (document.kind, document.signer.hex(), document.subject.hex(), document.digest.hex()) == (
            vector["kind"], vector["signer"], vector["subject"], vector["digest"],
        )  # fmt: skip


def test_the_program_makes_exactly_these_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.golden_trust, "FOLDER", tmp_path)
    tools.golden_trust.main()
    for name in ("documents", "derived"):
        assert (tmp_path / f"{name}.json").read_text() == (FOLDER / f"{name}.json").read_text()


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("go") is None, reason="the second opinion is a Go program")
def test_a_program_of_another_language_agrees_on_every_byte() -> None:
    ran = subprocess.run(
        ["go", "run", "check.go"], cwd=FOLDER, env=os.environ | {"GO111MODULE": "off"}, capture_output=True, text=True,
        timeout=110, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"{len(vectors('documents'))} documents" in ran.stdout
