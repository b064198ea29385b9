"""`warren up` without a key: a person approves this machine in a browser, and a key of the machine's own admits it.

The machine makes the key (DESIGN.md, 'Keys and invites are one thing'): the server hears the public half, and answers
with the key's name and the pin of network and server once a person has approved. The secret half never leaves."""

import base64
import os

from warren.cli import output
from warren.cli.grammar import Parsed
from warren.cli.login import approved, asking
from warren.client.rest import RestClient
from warren.model.keys import KEY_BYTES, SigningKeyPair
from warren.model.names import printable


def key_by_sign_on(url: str, parsed: Parsed, network: str | None = None) -> str:
    """The whole line of a single-use key that a person approved, for the network that the flags or `network` name.
    Raises WarrenError."""
    seed = os.urandom(KEY_BYTES)
    named = network or parsed.text("network") or ""
    ask = asking(join=SigningKeyPair(seed).public, network=named, hostname=parsed.text("hostname") or "")
    polled = approved(RestClient(url), ask, parsed)
    if not parsed.is_on("json"):
        output.note(printable(f"{polled.name} approved: joining {polled.network}"))
    return f"wk.{polled.key_id}.{base64.urlsafe_b64encode(seed).decode().rstrip('=')}.{polled.pin}"
