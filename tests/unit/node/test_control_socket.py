"""The control socket's name: taken over from who is gone, left to who is there, also where they hang."""

import contextlib
import socket
from pathlib import Path

import pytest

from warren.errors import Code, WarrenError
from warren.node import control_socket


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
