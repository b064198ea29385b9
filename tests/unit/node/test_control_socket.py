"""The control socket's name: taken over from who is gone, left to who is there, also where they hang."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.node import control_socket
from warren.wire.uapi import DeviceState


def test_a_program_that_hangs_with_a_full_queue_is_there_and_nobody_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / "wg0.sock"
    with contextlib.ExitStack() as stack:
        hanging = stack.enter_context(socket.socket(socket.AF_UNIX))
        hanging.bind(str(path))
        hanging.listen(0)
        waiting = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(9)]
        for one in waiting:
            one.settimeout(0.0)
            with contextlib.suppress(BlockingIOError):
                one.connect(str(path))
        with pytest.raises(WarrenError) as caught:
            control_socket._bind(path)
        assert caught.value.code is Code.CONFLICT
    with control_socket._bind(path) as listening:
        assert listening.getsockname() == str(path), "who is gone is replaced"


def test_sockets_of_links_that_nobody_answers_for_go_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "FOLDER", tmp_path)
    for name in ("warren0", "warren1", "wg0"):
        control_socket._bind(tmp_path / f"{name}.sock").close()
    (tmp_path / "warren2.sock").write_text("no socket")
    with control_socket._bind(tmp_path / "warren12.sock") as living:
        living.listen()
        control_socket.clear("warren")
        left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["warren12.sock", "warren2.sock", "wg0.sock"]
    monkeypatch.setattr(control_socket, "FOLDER", tmp_path / "none")
    control_socket.clear("warren")


def test_the_end_says_nothing_of_who_is_still_connected(caplog: pytest.LogCaptureFixture) -> None:
    state = DeviceState(private_key=None, listen_port=0, mark=0, peers=())

    async def run(client: socket.socket) -> None:
        async with control_socket.serve("wg0", lambda: state, None) as path:
            client.connect(str(path))
            client.settimeout(0.0)
            client.send(b"get=1\n\n")
            assert await asyncio.get_running_loop().sock_recv(client, 99)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(client, 99) == b""

    with socket.socket(socket.AF_UNIX) as client:
        asyncio.run(run(client))
    assert caplog.records == []
