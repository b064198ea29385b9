"""What people and files say in text: policies, endpoints, names, places of servers, settings."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.model import names
from warren.model.addresses import parse_endpoint
from warren.model.ids import parse_identity, parse_network_id, show_identity
from warren.node import settings as node_settings
from warren.node.control.place import parse_server
from warren.policy import language
from warren.server import settings as server_settings

T = TypeVar("T")

_MEMORY = os.memfd_create("settings.toml")
_FILE = Path(f"/proc/self/fd/{_MEMORY}")


def _refused(read: Callable[[str], T], text: str, *codes: Code) -> T | None:
    """What `read` makes of the text, or None where it refuses with one of these codes, in one printable line."""
    try:
        return read(text)
    except WarrenError as error:
        require(error.code in codes, f"refused with {error.code}")
        require(error.text == names.printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
        return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def check_policy(data: bytes) -> bool:
    """A text is a policy, or its first fatal problem says line and reason; both words agree."""
    problems = language.check(data)
    for problem in problems:
        require(problem.line >= 1 and problem.column >= 1 and problem.text, "a problem without a place")
        require(problem.text == names.printable(problem.text), f"a problem that a terminal obeys: {problem.text!r}")
    try:
        policy = language.parse(data)
    except WarrenError as error:
        require(error.code is Code.INVALID_CONFIG and not language.is_readable(data), "two words")
        return False
    require(language.is_readable(data), "two words")
    for rule in policy.rules:
        says = rule.members or (rule.sources and rule.destinations)
        require(rule.unknown or says, "a rule that says nothing may match")
        require(all(0 <= first <= last < 65536 for first, last in rule.ports), f"ports {rule.ports}")
    return True


def check_endpoint(data: bytes) -> bool:
    """One endpoint, one spelling that reads back."""
    endpoint = _refused(parse_endpoint, _text(data), Code.INVALID_ARGUMENT)
    require(endpoint is None or parse_endpoint(str(endpoint)) == endpoint, "it reads back differently")
    return endpoint is not None


def check_names(data: bytes) -> bool:
    """Labels, names, tags, suffixes, identities: what is taken is what stands in documents, and is printable."""
    text = _text(data)
    label = _refused(names.parse_host_label, text, Code.INVALID_HOSTNAME)
    require(label is None or (names.is_host_label(label) and names.parse_host_label(label) == label), "no fixed point")
    found: list[str | None] = [
        label,
        _refused(names.parse_network_name, text, Code.INVALID_ARGUMENT),
        _refused(names.parse_tag, text, Code.INVALID_ARGUMENT),
        _refused(names.parse_dns_suffix, text, Code.INVALID_ARGUMENT),
        names.suggest_host_label(text),
    ]
    for name in found:
        require(name is None or (name.isascii() and name.isprintable() and len(name) <= 253), f"a name like {name!r}")
    identity = _refused(parse_identity, text, Code.INVALID_ARGUMENT)
    require(identity is None or show_identity(identity) == text.lower(), "an identity reads back differently")
    _refused(parse_network_id, text, Code.INVALID_ARGUMENT)
    shown = names.printable(text)
    require(shown.isprintable() or " " in shown or not shown.isascii(), f"not printable: {shown!r}")
    require(
        "\x1b" not in shown and "\n" not in shown and names.printable(shown) == shown, f"a terminal obeys {shown!r}"
    )
    return any(name is not None for name in found)


def check_server_place(data: bytes) -> bool:
    """A server's URL has one spelling."""
    place = _refused(parse_server, _text(data), Code.INVALID_ARGUMENT)
    if place is None:
        return False
    require(parse_server(place.url) == place, f"{place} reads back as {parse_server(place.url)}")
    require(0 < place.port < 65536 and place.websocket_url.startswith("ws"), "no place to go to")
    require(isinstance(place.is_loopback, bool), "loopback or not")
    return True


def check_server_settings(data: bytes) -> bool:
    """A settings file gives complete settings, or is refused with a sentence."""
    _write(data)
    loaded = _settings(lambda: server_settings.load({}, {}, _FILE))
    if loaded is None:
        return False
    found = loaded.settings
    require(found.host and isinstance(found.plain, bool) and isinstance(found.on_loopback, bool), "no host")
    require(found.base_url.startswith(("http://", "https://")), "another spelling of the scheme")
    require(parse_server(found.base_url).host == found.host, "no node finds this server")
    server_settings.split_listen(found.listen)
    return True


def check_node_settings(data: bytes) -> bool:
    """The same of the daemon's."""
    _write(data)
    loaded = _settings(lambda: node_settings.load((), {}, is_root=True, system_file=_FILE))
    require(loaded is None or loaded.settings.log_level in node_settings.LOG_LEVELS, "an unknown level")
    return loaded is not None


def _write(data: bytes) -> None:
    os.ftruncate(_MEMORY, 0)
    os.pwrite(_MEMORY, data, 0)


def _settings(load: Callable[[], T]) -> T | None:
    try:
        return load()
    except WarrenError as error:
        require(error.code in {Code.INVALID_CONFIG, Code.INVALID_ARGUMENT}, f"refused with {error.code}")
        return None


_POLICIES = (
    language.DEFAULT_TEXT,
    b'{"version": 1, "rules": [{"members": "none"}, {"who": 1}, {}, 7]}',
    b'{"version":1,"rules":[{"from":["*","tag:ops","user:a"],"to":["host:db"],"protocols":["tcp","17"],"ports":["22","80-90"]}]}',
    b'{"version":1,"rules":[],"x":[1.5,-2,true,null,"\\u00e9\\n"]}',
)
_SERVER = (
    b'data = "/var/lib/x"\nurl = "https://vpn.example.org:8443"\nlisten = "[::1]:8443"\n'
    b'tls = "a,b"\nlog-level = "info"\n'
)
_NODE = b'state = "/var/lib/x"\nsocket = "/run/x.sock"\nlog_level = "debug"\n'
_DEEP = b"[" * 5000

PARSERS = (
    Parser("policy", _POLICIES, check_policy, (b'"members"', b'"rules"', b'"reach-each-other"', b"[[[[", b"\\", _DEEP)),
    Parser(
        "endpoint", (b"192.0.2.1:51820", b"[2001:db8::1]:51820", b"[::ffff:1.2.3.4]:1"), check_endpoint, (b"%1", b"::")
    ),
    Parser(
        "names",
        (b"laptop", b"My-Mac.local", b"a.b.example", b"0123456789abcdef" * 4, "ü\u202e\u200b".encode()),
        check_names,
        (b".", b"-", b"K", "\u212a".encode(), b"\xff"),
    ),
    Parser(
        "server_place",
        (b"https://vpn.example.org", b"http://192.0.2.1:8443", b"https://[2001:db8::1]:1", b"vpn.example.org:80"),
        check_server_place,
        (b"@", b"#", b"?", b"//", b"[", b"]", b"%25", b"\\", b"\t", b":0", b":65536", "\uff0f".encode()),
    ),
    Parser("server_settings", (_SERVER,), check_server_settings, (b"[a.b]", b"=", b"'", b'"""', b"1e9", b"[::")),
    Parser("node_settings", (_NODE,), check_node_settings, (b"[a.b]", b"=", b"'", b'"""', b"1e9")),
)
