"""The Rust side of `make fuzz`: builds the one libFuzzer program of `engine/fuzz`, runs a target, keeps its corpus.

libFuzzer comes as C++ inside the crate `libfuzzer-sys`, so a C++ compiler is needed; stable rustc does the rest (see
`engine/fuzz/rustc`). Corpora in the tree are one file a target, an input a line in hexadecimal, so that a change can be
reviewed; they are unpacked into the cache for a run, where they grow. `pack` brings what is worth keeping back.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CRATE = ROOT / "engine" / "fuzz"
CORPUS = CRATE / "corpus"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warren"
CORPUS_MAX_BYTES = (
    7 * 1024
)  # a target's packed inputs, before they double as hexadecimal: 18 of them stay below 300 KiB
# Long enough for every branch, short enough for many executions.
INPUT_MAX_BYTES = {"datagram": 1600, "head": 1024, "front_settings": 1024, "probe": 512}
INPUT_MAX_ELSE_BYTES = 256
INPUT_MAX_S = 120  # by the wall: beside other work an input that takes microseconds may wait for half a minute
TARGET_MAX_S = 6 * 3600.0


class MissingError(Exception):
    """Something that this machine lacks; the text says what and how to get it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one target did. `findings` are sentences, each with the input in hexadecimal."""

    target: str
    executions: int
    seconds: float
    findings: tuple[str, ...]


def build() -> Path:
    """The program, built anew where sources changed; MissingError says what the machine lacks."""
    for program, package in (
        ("cargo", "Rust (rustup)"),
        (os.environ.get("CXX", "c++"), "a C++ compiler: apt install g++"),
    ):
        if shutil.which(program) is None:
            raise MissingError(f"`make fuzz` needs {package}; '{program}' is not here")
    folder = Path(subprocess.check_output([ROOT / "tools" / "target", "fuzzing"], text=True).strip())
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder), "RUSTC_WRAPPER": str(CRATE / "rustc")}
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(CRATE / "Cargo.toml")]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise MissingError("the fuzz program was not built; what cargo said stands above")
    return folder / "release" / "warren-fuzz"


def targets() -> list[str]:
    """Every target that has a corpus."""
    return sorted(path.stem for path in CORPUS.glob("*.hex"))


def run(program: Path, target: str, executions: int) -> Outcome:
    """Run one target; it ends at the first finding."""
    grown = _unpacked(target)
    with tempfile.TemporaryDirectory(prefix="warren-fuzz-") as found:
        began = time.monotonic()
        arguments = [
            f"-runs={executions}",
            f"-max_len={INPUT_MAX_BYTES.get(target, INPUT_MAX_ELSE_BYTES)}",
            f"-artifact_prefix={found}/",
            f"-timeout={INPUT_MAX_S}",
        ]
        text = _call(program, target, [*arguments, "-rss_limit_mb=1024", "-print_final_stats=1", str(grown)])
        seconds = time.monotonic() - began
        count = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
        reason = re.search(r"panicked at .*\n.*|ERROR: libFuzzer: .*", text)
        findings = [
            f"{target}: {reason[0] if reason else path.name.split('-')[0]}: {path.read_bytes().hex()}"
            for path in sorted(Path(found).iterdir())
        ]
    if count is None and not findings:
        findings = [f"{target}: the program ended early: {text[-2000:]}"]
    return Outcome(target, int(count[1]) if count else 0, seconds, tuple(findings))


def pack(program: Path, target: str) -> int:
    """Bring the smallest inputs that reach everything back into the tree; their bytes. Lines with a note stay."""
    noted = [line for line in _lines(target) if "#" in line]
    with tempfile.TemporaryDirectory(prefix="warren-fuzz-") as folder:
        _call(
            program,
            target,
            [
                "-set_cover_merge=1",
                f"-max_len={INPUT_MAX_BYTES.get(target, INPUT_MAX_ELSE_BYTES)}",
                folder,
                str(_unpacked(target)),
            ],
        )
        inputs = sorted((path.read_bytes() for path in Path(folder).iterdir()), key=lambda data: (len(data), data))
    kept: list[str] = []
    total = 0
    for data in inputs:
        total += len(data)
        if data and total <= CORPUS_MAX_BYTES:
            kept.append(data.hex())
    (CORPUS / f"{target}.hex").write_text("\n".join([*noted, *kept]) + "\n")
    return total


def _unpacked(target: str) -> Path:
    folder = CACHE / "fuzz" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(_lines(target)):
        (folder / f"kept-{number}").write_bytes(bytes.fromhex(line.partition("#")[0]))
    return folder


def _lines(target: str) -> list[str]:
    path = CORPUS / f"{target}.hex"
    return [line for line in path.read_text().splitlines() if line.partition("#")[0].strip()] if path.exists() else []


def _call(program: Path, target: str, arguments: list[str]) -> str:
    done = subprocess.run(
        [str(program), *arguments],
        env=os.environ | {"WARREN_FUZZ_TARGET": target},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=TARGET_MAX_S,
    )
    return done.stdout.decode("utf-8", "replace")
