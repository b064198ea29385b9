"""What comes from outside: each package by its hash and from one registry, and a bill that names them (rule 41)."""

import re
import tomllib
from pathlib import Path

import pytest
from tools import sbom

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads((ROOT / "deny.toml").read_text())
LOCK = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
OURS = {"warren-proto", "warren-io", "warren-python"}


def test_every_crate_is_ours_or_of_the_registry_with_its_hash() -> None:
    assert {one["name"] for one in LOCK if "source" not in one} == OURS
    others = [one for one in LOCK if "source" in one]
    assert {one["source"].partition("+")[0] for one in others} == {"registry"}
    assert [one["name"] for one in others if not re.fullmatch("[0-9a-f]{64}", one["checksum"])] == []


@pytest.mark.parametrize("crate", ["proto", "io"])
def test_the_fuzz_programs_lock_knows_what_our_crates_need(crate: str) -> None:
    """It stands beside the workspace; a dependency that it lacks ends `make fuzz` before it began."""
    needed = tomllib.loads((ROOT / "engine" / crate / "Cargo.toml").read_text())["dependencies"]
    locked = tomllib.loads((ROOT / "engine" / "fuzz" / "Cargo.lock").read_text())["package"]
    (entry,) = (one for one in locked if one["name"] == f"warren-{crate}")
    always = {name for name, told in needed.items() if not (isinstance(told, dict) and told.get("optional"))}
    assert always - set(entry["dependencies"]) == set()


def test_no_crate_is_there_that_the_rules_ban() -> None:
    banned = {one["crate"] for one in RULES["bans"]["deny"]}
    assert banned
    assert banned & {one["name"] for one in LOCK} == set()


def test_the_bill_of_materials_names_every_package_of_both_locks_with_its_hash() -> None:
    bill = sbom.bill(ROOT)
    purls = [one["purl"] for one in bill["components"]]
    assert len(purls) == len(set(purls))
    pinned = re.findall(r"^[A-Za-z0-9][\w.-]*==", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert len(purls) == len(pinned) + sum("source" in one for one in LOCK)
    assert [one["purl"] for one in bill["components"] if not one["hashes"]] == []
    assert any(purl.startswith("pkg:cargo/ring@") for purl in purls)
    assert any(purl.startswith("pkg:pypi/cryptography@") for purl in purls)
    assert bill == sbom.bill(ROOT), "the same for everybody"
