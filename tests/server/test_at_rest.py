"""SECURITY.md rule 16: of whatever opens something the server keeps a digest or what only its key reads, in no spelling
the secret itself, and it is in no log."""

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.server.running import RunningServer
from tests.server.test_accounts import PASSWORD
from tests.server.test_factors import with_app
from tests.server.test_sign_on import ask, poll


def spellings(secret: str) -> set[bytes]:
    """A secret as a column or a file may have it: its text, the bytes that the text spells, and these in hex."""
    bare = secret.replace("-", "").encode()
    found = {secret.encode(), bare}
    readers: tuple[tuple[Callable[[bytes], bytes], bytes], ...] = (
        (base64.urlsafe_b64decode, secret.encode() + b"=" * (-len(secret) % 4)),
        (base64.b32decode, bare.upper() + b"=" * (-len(bare) % 8)),
        (binascii.unhexlify, secret.encode()),
    )
    for read, text in readers:
        with suppress(ValueError):
            found.add(read(text))
    return found | {one.hex().encode() for one in found}


def test_a_secret_is_looked_for_in_each_spelling() -> None:
    drawn = b"\xfb\xff a secret of any kind"
    for text in (base64.urlsafe_b64encode(drawn).rstrip(b"=").decode(), base64.b32encode(drawn).decode(), drawn.hex()):
        assert {drawn, drawn.hex().encode(), text.encode()} <= spellings(text)


def test_nothing_that_opens_something_is_at_rest_or_in_the_log(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        (link,) = (line.strip().rpartition("/first/")[2] for line in server.printed if "/first/" in line)
        browser, person, app, codes = with_app(server)
        waiting, asked = ask(server), ask(server)
        form = browser.get("/device").hidden("csrf")
        assert browser.post("/device/decide", {"csrf": form, "code": asked.code, "answer": "approve"}).status == 200
        secrets = {
            "a password": PASSWORD,
            "a token": person.token.split(".")[2],
            "the token of a program that was approved": poll(server, asked).token.split(".")[2],
            "what a program polls with": waiting.secret,
            "what a program polled with": asked.secret,
            "a session": browser.cookies["warren"],
            "a form": form,
            "the first link": link,
            "an app": app.secret,
            **{f"recovery code {number}": code for number, code in enumerate(codes)},
            "a pre-auth key": server.create_key().split(".")[2],
        }
        files = {path: path.read_bytes() for path in (*server.data.rglob("*"), server.log) if path.is_file()}
        found = [
            f"{what} in {path.name}"
            for what, secret in secrets.items()
            for path, content in files.items()
            for spelled in spellings(secret)
            if spelled in content
        ]
        assert found == []
        assert any(person.name.encode() in content for content in files.values()), "the search finds what is there"
    finally:
        server.stop()
