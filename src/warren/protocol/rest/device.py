"""`/api/v1/device`: a program without a browser asks a person to approve it elsewhere (after RFC 8628).

POST `/device` begins; the person opens `url`, signs on, types `code` and sees who asks. POST `/device/poll` with the
secret says what became of it; once approved it gives an API token; or, to a machine that asked to join, the name and
pin of a single-use pre-auth key whose public half the machine sent: the secret half never leaves it. That is made once;
the same secret is given the same answer for some seconds more, since answers get lost. Nobody has to be signed on to
ask.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from warren.limits import DEVICE_WAIT_MAX_S

DeviceState = Literal["pending", "approved", "denied", "expired"]


class DeviceAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the program says of its machine; shown to the person as its word.

    `join`: the Ed25519 public half, in hex, of the key to join with; `network`: which one it wishes, by name.
    """

    hostname: Annotated[str, Meta(max_length=255)] = ""
    system: Annotated[str, Meta(max_length=255)] = ""
    join: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    network: Annotated[str, Meta(max_length=63)] = ""


class DeviceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` stays with the program, `code` goes to the person; poll every `interval_s` for `expires_s`."""

    secret: str
    code: str
    url: str
    interval_s: int
    expires_s: int


class DevicePoll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The secret of `DeviceAsked`. `wait_s`: how long the answer may wait for a decision."""

    secret: Annotated[str, Meta(max_length=80)]
    wait_s: Annotated[int, Meta(ge=0, le=DEVICE_WAIT_MAX_S)] = 0


class DevicePolled(msgspec.Struct, frozen=True, kw_only=True):
    """`token`, or `key_id` and `pin` with the `network`'s name, where `state` is `approved`. A
    token never has the scope `admin`."""

    state: DeviceState
    token: str = ""
    name: str = ""
    key_id: str = ""
    pin: str = ""
    network: str = ""
