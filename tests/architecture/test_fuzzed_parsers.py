"""Every function that reads what others say is run by a fuzz target, or stands here with the reason why not (rule 37).

Counted are functions, not modules: what a target imports says nothing of what it reaches. So every target's seeds are
taken once while the interpreter tells which functions of ours it enters.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

from tools.fuzz_python import PARSERS

ROOT = Path(__file__).resolve().parents[2]
WARREN = ROOT / "src" / "warren"
SOURCES = sorted(WARREN.rglob("*.py"))
TARGETS = sorted((ROOT / "tools" / "fuzzing").glob("*.py"))
NAMED = re.compile(r"_*(?:parse|decode|unpack|from_bytes|from_node|from_server|read|receive|from_text)(?:d?$|_)")
CALLS = re.compile(
    r"\b(?:json|msgpack|tomllib|cbor2)\.loads?$|^decode_json$|^msgspec\.convert$|\bparse_qsl$|^int\.from_bytes$"
    r"|\bunpack(?:_from)?$|\.next_event$|\bfromstring$|\bDecoder$|\.decode$"
    r"|b(?:64|32|16)decode$|\bfromhex$"
)

_OWN_ROWS = "columns that this server wrote"
_TAKEN = "documents that `authenticate` took before they were stored"
_OWN_ENGINE = "words of our own engine, in the same process"
_OWN_FILE = "a file or word of the user or operator who runs it"
_KERNEL = "bytes of the kernel; what is read of them: target of `netlink`"
_CHILD = "its own child or parent: a line that is no JSON ends the child (tests/server/test_front_process.py)"
_TYPED_HEX = "hex that the type of the body asks for, whose target is in `rest`"
_CAUGHT_HEX = "`bytes.fromhex`, and a refusal where it is none"
_STATE = "files: what is in them has targets, what happens to damaged ones tests/faults/test_state_files.py"

NOT_TRIED = {
    "cli/output.py": "text of this very process, to print it",
    "cli/parse.py": _OWN_FILE,
    "cli/policy.py": _OWN_FILE,
    "cli/secret.py": _OWN_FILE,
    "client/credentials.py": "the user's own file, 0600; a value of another type is refused with a code",
    "client/local.py:_listener": "a number of the kernel's",
    "client/process.py": "the last line of our own program, which the user started",
    "engine/events.py": _OWN_ENGINE,
    "engine/filter.py": _OWN_ENGINE,
    "engine/places.py": _OWN_ENGINE,
    "model/addresses.py:parse_listen": _OWN_FILE,
    "node/api/caller.py": "numbers of the kernel's",
    "node/api/up.py:_read": "`Request.decode`, whose targets are `body_*`",
    "node/control/connection.py:_receive": "a frame as the library gives it; its readers: `from_server`",
    "node/api/root.py": "hex that the type of the body asks for; the bodies have targets, `body_*`",
    "node/host/linux/host.py": _KERNEL,
    "node/host/linux/netlink.py:RouteSocket._answers": _KERNEL,
    "node/ledger.py:parse_genesis": "by `read_genesis`, target `genesis`",
    "node/paths/portmap/gateway.py": "datagrams as they are; their readers have targets, `gateway_talk` too",
    "node/roots.py": "ASCII, then `parse_root`",
    "node/standalone/running.py:_mtu_of": _KERNEL,
    "node/storage.py": _STATE,
    "protocol/control/session.py:Session._decode": "abstract",
    "relay/main.py": _OWN_FILE,
    "relay/serving.py": _OWN_ENGINE,
    "server/accounts/routes.py": _OWN_ROWS,
    "server/accounts/service.py:groups_of": _OWN_ROWS,
    "server/approvals/service.py": _OWN_ROWS,
    "server/audit/routes.py": _OWN_ROWS,
    "server/db/engine.py": _OWN_ROWS,
    "server/devices/routes.py:_shown": _OWN_ROWS,
    "server/devices/routes.py:renew_member": _TYPED_HEX,
    "server/devices/service.py:Devices._admit": _OWN_ROWS,
    "server/factors/routes.py:remove_passkey": _CAUGHT_HEX,
    "server/front.py": _CHILD,
    "server/invites/routes.py:_shown": _OWN_ROWS,
    "server/keys.py": _OWN_FILE,
    "server/networks/live.py:LiveNetwork.invite_of": _TAKEN,
    "server/networks/live.py:read_body": _TAKEN,
    "server/networks/routes.py:take_over": _CAUGHT_HEX,
    "server/providers/files.py": _OWN_FILE,
    "server/relays/files.py": _OWN_FILE,
    "server/repeats/service.py:Repeats._before": "answers that this server wrote and sealed",
    "server/sessions/connection.py:Connection._read": "a frame as the library gives it; its readers: `from_node`",
    "server/signon/browsers.py:read_form": "by `fields_of`",
    "server/signon/service.py:SignOn.ask": _TYPED_HEX,
    "server/web.py:_until_cut_off.<locals>.receive_whole": "hands on what the framework reads",
}
"""Functions (or all of a file) that no target enters; `store.py` of the server besides, whose rows it wrote itself."""


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a file by its qualified name."""

    def within(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for one in ast.iter_child_nodes(node):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + one.name, one
                yield from within(one, f"{prefix}{one.name}.<locals>.")
            else:
                yield from within(one, f"{prefix}{one.name}." if isinstance(one, ast.ClassDef) else prefix)

    return within(ast.parse(path.read_text()), "")


def calls(function: ast.AST) -> Iterator[ast.Call]:
    """What it calls itself, without the functions within it."""
    for one in ast.iter_child_nodes(function):
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(one, ast.Call):
                yield one
            yield from calls(one)


def reads(call: ast.Call, where: str) -> bool:
    """Whether a call takes apart what somebody else made."""
    name, words = ast.unparse(call.func), [ast.unparse(word) for word in call.args]
    is_text = name.endswith(".decode") and call.args and isinstance(call.args[0], ast.Constant)  # of bytes
    is_draw = any("os.urandom(" in word or "_rng(" in word for word in words)
    is_body = where.startswith("node/api/") and name == "request.decode"  # see below
    return bool(CALLS.search(name) and words) and not (is_text or is_draw or is_body)


def readers() -> Iterator[str]:
    for path in SOURCES:
        where = path.relative_to(WARREN).as_posix()
        if where.startswith("server/") and path.name == "store.py":
            continue
        for name, function in functions(path):
            if NAMED.match(function.name) or any(reads(call, where) for call in calls(function)):
                yield f"{where}:{name}"


def entered() -> set[str]:
    """The functions of ours that the seeds of all targets lead into."""
    found: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            found.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for parser in PARSERS:
            for seed in parser.seeds:
                parser.check(seed)
    finally:
        sys.setprofile(before)
    ours = [code for code in found if code.co_filename.startswith(f"{WARREN}/")]
    return {f"{Path(code.co_filename).relative_to(WARREN).as_posix()}:{code.co_qualname}" for code in ours}


def is_excused(reader: str) -> bool:
    return reader in NOT_TRIED or reader.partition(":")[0] in NOT_TRIED


def test_every_function_that_reads_what_others_say_is_run_by_a_target_or_has_a_reason() -> None:
    known, run = set(readers()), entered()
    assert len(known & run) > 120, "the profile or the pattern sees nothing any more"
    assert sorted(reader for reader in known - run if not is_excused(reader)) == []
    left = {reader for reader in known - run if is_excused(reader)}
    needed = {reason for reason in NOT_TRIED if any(reason in {one, one.partition(":")[0]} for one in left)}
    assert sorted(NOT_TRIED.keys() - needed) == [], "reasons about what is no reader, or is tried"


def test_every_body_of_a_local_call_has_a_target() -> None:
    sources = "\n".join(path.read_text() for path in (WARREN / "node" / "api").glob("*.py"))
    bodies = set(re.findall(r"request\.decode\((\w+)\)", sources))
    tried = set(re.findall(r"_body_of\((\w+)\)", (ROOT / "tools" / "fuzzing" / "local.py").read_text()))
    assert len(bodies) > 10
    assert sorted(bodies - tried) == []


def test_every_body_of_a_route_has_a_target() -> None:
    routes = "\n".join(path.read_text() for path in (ROOT / "src" / "warren" / "server").rglob("routes.py"))
    bodies = set(re.findall(r"JSONBody\[(\w+)\]", routes))
    tried = (ROOT / "tools" / "fuzzing" / "rest.py").read_text()
    assert len(bodies) > 10
    assert [body for body in sorted(bodies) if f".{body}" not in tried.partition("PARSERS = (")[2]] == []


def test_each_target_is_run_and_named_once() -> None:
    lists = [path for path in TARGETS if re.search(r"^PARSERS = \(", path.read_text(), re.MULTILINE)]
    runner = (ROOT / "tools" / "fuzz_python.py").read_text()
    assert [path.stem for path in lists if f"*{path.stem}.PARSERS" not in runner] == []
    names = [parser.name for parser in PARSERS]
    assert len(names) == len(set(names)) >= 100
