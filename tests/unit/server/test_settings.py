"""Which source wins, and what is refused with which words."""

from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.server.settings import Settings, load, split_listen

NO_FILE = Path("/nonexistent/server.toml")


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text('url = "http://file"\nlisten = ":1"\nlog-level = "error"\n')
    loaded = load(
        {"data": str(tmp_path), "url": "http://flag"}, {"WARREN_URL": "http://env", "WARREN_LISTEN": ":2"}, NO_FILE
    )
    assert loaded.settings.url == "http://flag"
    assert loaded.settings.listen == ":2"
    assert loaded.settings.log_level == "error"
    assert loaded.settings.tls == "auto"
    assert loaded.origins == {
        "data": "flag",
        "url": "flag",
        "listen": "environment",
        "log_level": str(tmp_path / "server.toml"),
        "tls": "default",
        "metrics_listen": "default",
        "relay_announce": "default",
        "relays": "default",
        "relay_listen": "default",
        "relay_limits": "default",
        "database_url": "default",
        "turn_secret": "default",
        "turn_realm": "default",
        "turn_address": "default",
        "turn_ports": "default",
        "turn_allow": "default",
        "stun_answer": "default",
        "providers": "default",
        "second_factor": "default",
        "second_factor_hours": "default",
        "machine_days": "default",
    }


def test_the_systems_file_is_read_where_the_folder_has_none(tmp_path: Path) -> None:
    system = tmp_path / "system.toml"
    system.write_text(f'data = "{tmp_path}"\nurl = "https://vpn.example.org"\n')
    assert load({}, {}, system).settings.url == "https://vpn.example.org"


def test_a_misspelled_key_of_a_file_is_refused_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text('urll = "http://x"\n')
    with pytest.raises(WarrenError) as refused:
        load({"data": str(tmp_path), "url": "http://x"}, {}, NO_FILE)
    assert refused.value.code is Code.INVALID_CONFIG
    assert "'url'" in refused.value.fix


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text("= nothing")
    with pytest.raises(WarrenError) as refused:
        load({"data": str(tmp_path), "url": "http://x"}, {}, NO_FILE)
    assert refused.value.code is Code.INVALID_CONFIG


def test_without_folder_or_url_nothing_starts() -> None:
    with pytest.raises(WarrenError) as refused:
        load({}, {}, NO_FILE)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert "--data and --url" in refused.value.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://x"),
        ("url", "vpn.example.org"),
        ("url", "https://user@x"),
        ("url", "https://x/path"),
        ("url", "http://"),
        ("url", "http://x:99999"),
        ("url", "http://x:port"),
        ("url", "http://x:0"),
        ("url", "http://\u00e9.example"),
        ("url", "http://\udcff"),
        ("url", "http://" + 400 * "x"),
        ("listen", "8443"),
        ("listen", ":99999"),
        ("listen", ":x"),
        ("tls", "only-one-file"),
        ("metrics_listen", "nine"),
        ("log_level", "chatty"),
    ],
)
def test_a_value_that_cannot_work_is_refused(field: str, value: str) -> None:
    with pytest.raises(WarrenError) as refused:
        load({"data": "d", "url": "http://x", field: value}, {}, NO_FILE)
    assert refused.value.code is Code.INVALID_CONFIG


@pytest.mark.parametrize(
    ("url", "plain", "host", "on_loopback"),
    [
        ("http://127.0.0.1:8443", True, "127.0.0.1", True),
        ("http://localhost:1/", True, "localhost", True),
        ("https://VPN.example.org", False, "vpn.example.org", False),
        ("http://[::1]:8443", True, "::1", True),
        ("http://192.0.2.1", True, "192.0.2.1", False),
    ],
)
def test_a_url_tells_what_the_front_and_the_warning_need(url: str, plain: bool, host: str, on_loopback: bool) -> None:  # noqa: FBT001
    settings = Settings(data=Path("d"), url=url)
    assert (settings.plain, settings.host, settings.on_loopback) == (plain, host, on_loopback)
    assert not settings.base_url.endswith("/")


def test_a_listen_address_is_split() -> None:
    assert split_listen(":8443") == ("", 8443)
    assert split_listen("[::1]:0") == ("::1", 0)
    assert split_listen("192.0.2.1:443") == ("192.0.2.1", 443)


def test_a_file_nested_deeper_than_python_reads_is_refused(tmp_path: Path) -> None:
    # found by fuzzing: RecursionError came out
    file = tmp_path / "server.toml"
    file.write_text("x = " + "[" * 5000)
    with pytest.raises(WarrenError) as caught:
        load({}, {}, file)
    assert caught.value.code is Code.INVALID_CONFIG


@pytest.mark.parametrize(
    "url", ["https://a:0", "https://a:99999", "https://a:x", "https://\u00fc.example.org", "https://a b", "https://a%B"]
)
def test_a_url_that_no_node_could_connect_to_is_refused(url: str) -> None:
    # found by fuzzing
    with pytest.raises(WarrenError) as caught:
        load({"data": "/x", "url": url}, {}, Path("/nowhere"))
    assert caught.value.code is Code.INVALID_CONFIG


def test_a_url_has_one_spelling() -> None:
    # found by fuzzing: HTTPS:// went into the network's settings as it was typed
    loaded = load({"data": "/x", "url": "HTTPS://VPN.Example.org:8443/"}, {}, Path("/nowhere"))
    assert loaded.settings.base_url == "https://vpn.example.org:8443"
