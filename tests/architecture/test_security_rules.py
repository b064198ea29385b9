"""The security rules that can be seen in the source, and that the table of rules and tests is true."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "internals" / "security-rules.md"
NAMED = {1, 2, 7, *range(9, 29), 30, 31, *range(33, 42), 43}
SOURCES = sorted((ROOT / "src" / "warren").rglob("*.py"))
LISTENERS = {
    "start_server", "create_server", "start_unix_server", "create_unix_server", "bind", "create_datagram_endpoint",
    "unix_serve", "serve_forever",
}  # fmt: skip
MAY_LISTEN = {
    "node/api/http.py": {"start_unix_server", "bind"},
    "node/control_socket.py": {"start_unix_server", "bind"},  # what `wg` speaks to, its user's alone
    "relay/serving.py": {"start_server"},  # /metrics, where the operator asks for it
    "relay/sockets.py": {"bind"},
    "server/front_listen.py": {"bind"},
    "server/serving.py": {"bind", "create_server"},
    "node/host/linux/netlink.py": {"bind"},
    "node/host/linux/watch.py": {"bind"},
    "node/paths/portmap/gateway.py": {"bind"},  # hears the default gateway alone
}


def rows() -> Iterator[tuple[str, str, list[str]]]:
    """Number of a rule (or F and that of a fault), what it says, its tests."""
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if re.fullmatch(r"F?[0-9]+", cells[0]):
            yield cells[0], cells[1], re.findall(r"`([^`]+::[^`]+)`", cells[2])


def test_the_table_names_every_rule_once() -> None:
    numbers = [number for number, _, _ in rows()]
    assert sorted(int(number) for number in numbers if number.isdigit()) == sorted(NAMED)
    assert {number for number in numbers if not number.isdigit()} == {"F27", "F28", "F30", "F31"}


@pytest.mark.parametrize(("number", "tests"), [pytest.param(n, t, id=n) for n, _, t in rows()])
def test_each_rule_has_tests_and_they_exist(number: str, tests: list[str]) -> None:
    assert tests, f"rule {number} has no test"
    for test in tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text()
        assert re.search(rf"\b(def|fn) {re.escape(name)}\b", text), test


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            yield function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", ""), node


def inside(path: Path) -> str:
    return path.relative_to(ROOT / "src" / "warren").as_posix()


def test_only_these_places_listen_and_the_daemon_only_on_a_unix_socket() -> None:
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for name, _ in calls(path):
            if name in LISTENERS:
                found.setdefault(inside(path), set()).add(name)
    assert {path: names for path, names in found.items() if not names <= MAY_LISTEN.get(path, set())} == {}


COMPARES = {
    "model/keys.py": {"__eq__"},  # whatever is a Secret
    "protocol/peer/probe.py": {"decode_probe"},  # tags of probes
    "server/accounts/service.py": {"caller"},  # API tokens
    "server/factors/totp.py": {"matching_step"},
    "server/providers/rules.py": {"check_id_token"},  # its nonce
    "server/providers/service.py": {"finish"},  # the state of a sign-on
    "server/repeats/service.py": {"_before"},  # what was asked under a word
    "server/signon/service.py": {"is_own_form", "_browser"},  # the word of a form; a mark
    "trust/admission_key.py": {"is_pinned"},
}
"""The functions that compare what somebody sent with a secret or with what was made of one."""


def constant_time(path: Path) -> set[str]:
    """The functions of a file that call `hmac.compare_digest`, by the innermost name."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in ast.walk(node)
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "hmac.compare_digest"
    }


def test_these_functions_compare_in_constant_time() -> None:
    """Rule 16, by name: one that takes `==` instead is missing here, a new one is added to the list."""
    found = {inside(path): names for path in SOURCES if (names := constant_time(path))}
    assert found == COMPARES


def test_no_secret_is_compared_with_an_operator() -> None:
    """`==` ends at the first byte that differs; `hmac.compare_digest` does not (rule 16)."""
    found = [
        f"{inside(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Call) and ast.unparse(part.func).endswith(".reveal") for part in ast.walk(node))
    ]
    assert found == []


def test_python_encrypts_in_three_places_and_there_a_key_meets_one_message() -> None:
    """Rule 23: the nonce of sealing is constant because its key has an ephemeral part, that of an app's secret and of
    an answer that is kept because their keys have 32 fresh bytes of their row; nobody else uses an AEAD."""
    users = [inside(path) for path in SOURCES if "ciphers" in path.read_text()]
    assert users == ["server/factors/totp.py", "server/repeats/rules.py", "trust/sealing.py"]
    assert "salt=salt, info=" in (ROOT / "src/warren/server/repeats/rules.py").read_text()
    repeats = (ROOT / "src/warren/server/repeats/service.py").read_text()
    assert "salt = os.urandom(rules.SALT_BYTES)\n        sealed = rules.wrap(" in repeats
    assert repeats.count("rules.wrap(") == 1
    assert "salt=salt, info=" in (ROOT / "src/warren/server/factors/totp.py").read_text()
    service = (ROOT / "src/warren/server/factors/service.py").read_text()
    assert "salt, now = os.urandom(totp.SECRET_BYTES), os.urandom(totp.SALT_BYTES)" in service
    assert service.count("totp.wrap(") == 1
    text = (ROOT / "src/warren/trust/sealing.py").read_text()
    assert "ephemeral.exchange(receiver_path)" in text
    callers = [
        path for path in SOURCES if inside(path) != "node/paths/signals.py" and re.search(r"\bseal\(", path.read_text())
    ]
    assert {inside(path) for path in callers} <= {"trust/sealing.py", "node/paths/telling.py"}
    assert "os.urandom(32)" in (ROOT / "src/warren/node/paths/telling.py").read_text()


def opens_websockets(text: str) -> set[str]:
    """What a file may call to open or serve a WebSocket: names of the library, and its own classes made of them."""
    tree = ast.parse(text)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "websockets"
        for alias in node.names
        if alias.name in {"connect", "serve", "unix_connect", "unix_serve"}
    }
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for one in classes:  # in the order of the file: a class of a class too
        if any(ast.unparse(base).rpartition(".")[2] in names for base in one.bases):
            names.add(one.name)
    return names


def test_no_websocket_compresses() -> None:
    """Rule 38: whoever opens one and uvicorn's Config each say so; what the node really asks for: unit/node/control."""
    places: set[str] = set()
    for path in SOURCES:
        names = opens_websockets(path.read_text())
        for name, node in calls(path):
            words = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in names:
                assert words.get("compression") == "None", inside(path)
                assert "max_size" in words, inside(path)
                places.add(inside(path))
            if name == "Config" and "uvicorn" in ast.unparse(node.func):
                assert words.get("ws_per_message_deflate") == "False", inside(path)
                places.add(inside(path))
    assert places == {"node/control/connection.py", "server/serving.py"}


def test_rust_on_the_wire_may_not_unwrap_and_every_crate_obeys() -> None:
    lints = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["lints"]["clippy"]
    assert (lints["unwrap_used"], lints["expect_used"]) == ("deny", "deny")
    for crate in ("proto", "io", "python"):
        assert tomllib.loads((ROOT / "engine" / crate / "Cargo.toml").read_text())["lints"] == {"workspace": True}
    assert "forbid(unsafe_code)" in (ROOT / "engine/proto/src/lib.rs").read_text()
    assert "clippy" in (ROOT / "tools/check").read_text()
    assert "-D warnings" in (ROOT / "tools/check").read_text()


PARSE_IN_IO = (
    "carriage/authority", "carriage/stream", "carriage/upgrade", "carriage/url", "carriage/websocket", "front/body",
    "front/budget", "front/control", "front/gate", "front/head", "front/headers", "front/hosts", "front/problem",
    "front/registry", "front/source", "relay/stream", "turn/stream", "values",
)  # fmt: skip
"""Files of `engine/io` that count in what others send."""


def test_rust_that_parses_may_not_index_nor_overflow() -> None:
    proto, io = ((ROOT / "engine" / crate / "src" / "lib.rs").read_text() for crate in ("proto", "io"))
    assert "#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]" in proto
    assert "#![cfg_attr(not(test), deny(clippy::indexing_slicing))]" in io
    lint = "#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]"
    files = {name: (ROOT / "engine/io/src" / f"{name}.rs").read_text() for name in PARSE_IN_IO}
    assert [name for name, text in files.items() if lint not in text] == []
    allowed = [name for name, text in files.items() if re.search(r"allow\(\s*clippy::arithmetic_side_effects", text)]
    assert allowed == ["carriage/upgrade"], "base64 of a key of ours"


def test_only_bytes_and_integers_cross_to_rust() -> None:
    tree = ast.parse((ROOT / "src/warren/engine/_native.pyi").read_text())
    annotations = [
        node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation
    ]
    annotations += [node.returns for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]
    names = {name.id for one in annotations for name in ast.walk(one) if isinstance(name, ast.Name)}
    assert names - {"bytes", "int", "list", "tuple", "dict", "Tunnel", "Final"} == set()


def test_every_package_is_pinned_with_hashes_and_installed_by_them() -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.IGNORECASE)
    packages = [block for block in blocks if re.match(r"[A-Za-z0-9][\w.-]*==", block)]
    assert len(packages) > 30
    assert [block.splitlines()[0] for block in packages if "--hash=sha256:" not in block] == []
    assert (ROOT / "Makefile").read_text().count("--require-hashes") >= 2
    checksums = (ROOT / "Cargo.lock").read_text()
    outside = re.findall(
        r'\[\[package\]\]\n(?:(?!\n\n).)*?source = "registry[^\n]*\n([^\n]*)', checksums, flags=re.DOTALL
    )
    assert outside
    assert all(line.startswith("checksum = ") for line in outside)
