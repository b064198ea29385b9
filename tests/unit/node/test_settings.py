"""Settings of the daemon: precedence, origins, mistakes."""

from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.node.settings import load


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('state = "/file"\nsocket = "/file.sock"\nlog-level = "debug"\n')
    loaded = load(["--state", "/flag"], {"WARREN_SOCKET": "/env.sock"}, is_root=True, system_file=file)
    assert (str(loaded.settings.state), str(loaded.settings.socket)) == ("/flag", "/env.sock")
    assert loaded.settings.log_level == "debug"
    assert loaded.origins == {
        "state": "flag", "socket": "environment", "proxy": "default", "log_level": f"file {file}", "stay": "default",
        "offloads": "default", "workers": "default",
    }  # fmt: skip
    assert loaded.settings.stay
    assert not load(["--stay", "no"], {}, is_root=True, system_file=file).settings.stay
    with pytest.raises(WarrenError, match="yes or no"):
        load(["--stay", "perhaps"], {}, is_root=True, system_file=file)
    assert [load(["--workers", text], {}, is_root=False).settings.workers for text in ("auto", "1", "4")] == [0, 1, 4]
    with pytest.raises(WarrenError, match="auto, 1, 2, 4"):
        load(["--workers", "3"], {}, is_root=False)


def test_the_proxy_of_the_environment_is_the_default_and_none_means_none(tmp_path: Path) -> None:
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "corp.example"}
    proxy = load([], environment, is_root=True, system_file=tmp_path / "none").settings.proxy
    assert proxy.of("vpn.example.org") == "http://proxy.example:3128"
    assert proxy.of("git.corp.example") == ""
    assert load(["--proxy", "none"], environment, is_root=True).settings.proxy.of("vpn.example.org") == ""
    with pytest.raises(WarrenError) as refused:
        load(["--proxy", "socks5://proxy.example:1080"], {}, is_root=True)
    assert refused.value.code is Code.INVALID_CONFIG


def test_the_socket_is_in_a_state_folder_that_was_named(tmp_path: Path) -> None:
    loaded = load([f"--state={tmp_path}"], {}, is_root=True, system_file=tmp_path / "none")
    assert loaded.settings.socket == tmp_path / "warren.sock"


def test_who_is_not_root_has_folders_of_their_own() -> None:
    loaded = load([], {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/5"}, is_root=False)
    assert str(loaded.settings.state) == "/home/u/.local/state/warren"
    assert str(loaded.settings.socket) == "/run/user/5/warren/warren.sock"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--stat", "x"], Code.INVALID_ARGUMENT),
        (["--state"], Code.INVALID_ARGUMENT),
        (["x"], Code.INVALID_ARGUMENT),
        (["--log-level", "loud"], Code.INVALID_CONFIG),
    ],
)
def test_a_mistake_on_the_command_line_is_refused(argv: list[str], code: Code) -> None:
    with pytest.raises(WarrenError) as refused:
        load(argv, {}, is_root=False)
    assert refused.value.code is code


@pytest.mark.parametrize("content", ["stat = 'x'", "state = 5", "not toml"])
def test_a_mistake_in_the_file_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(content)
    with pytest.raises(WarrenError) as refused:
        load([], {}, is_root=True, system_file=file)
    assert refused.value.code is Code.INVALID_CONFIG
    assert str(file) in refused.value.text


def test_a_misspelled_key_gets_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("sockt = 'x'")
    with pytest.raises(WarrenError) as refused:
        load([], {}, is_root=True, system_file=file)
    assert "socket" in refused.value.fix


def test_a_file_nested_deeper_than_python_reads_is_refused(tmp_path: Path) -> None:
    # found by fuzzing: RecursionError came out
    file = tmp_path / "node.toml"
    file.write_text("x = " + "[" * 5000)
    with pytest.raises(WarrenError) as caught:
        load((), {}, is_root=True, system_file=file)
    assert caught.value.code is Code.INVALID_CONFIG
