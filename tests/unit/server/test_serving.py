"""What is left of a request that was refused."""

import gc
import weakref

import h11
import pytest

from warren.server.serving import RequestParser


def _is_kept(parser: h11.Connection) -> bool:
    """Whether what was sent outlives its refusal."""

    class Frame:
        """Dies with the frame that had it."""

    def taken() -> weakref.ref[Frame]:
        frame = Frame()
        parser.receive_data(b"\x16\x03\x01\r\n\r\n")
        try:
            parser.next_event()
        except h11.RemoteProtocolError:
            pass
        else:
            pytest.fail("it is no request")
        return weakref.ref(frame)

    gc.disable()
    try:
        return taken()() is not None
    finally:
        gc.enable()


def test_a_refused_request_is_no_garbage() -> None:
    assert _is_kept(h11.Connection(h11.SERVER)), "else h11 mended it, and ours is not needed"
    assert not _is_kept(RequestParser(h11.SERVER))


def test_a_good_request_is_read_and_a_bad_one_refused_again() -> None:
    parser = RequestParser(h11.SERVER)
    parser.receive_data(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
    event = parser.next_event()
    assert isinstance(event, h11.Request)
    assert event.target == b"/health"
    parser = RequestParser(h11.SERVER)
    for _ in range(2):
        parser.receive_data(b"no request\r\n\r\n")
        with pytest.raises(h11.RemoteProtocolError):
            parser.next_event()
