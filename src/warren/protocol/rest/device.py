"""`/api/v1/device`: a program without a browser asks a person to approve it elsewhere (after RFC 8628).

POST `/device` begins; the person opens `url`, signs on, types `code` and sees who asks. POST `/device/poll` with the
secret says what became of it; once approved it gives an API token, once. Nobody has to be signed on to ask.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DeviceState = Literal["pending", "approved", "denied", "expired"]


class DeviceAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the program says of its machine; shown to the person as its word."""

    hostname: Annotated[str, Meta(max_length=255)] = ""
    system: Annotated[str, Meta(max_length=255)] = ""


class DeviceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` stays with the program, `code` goes to the person; poll every `interval_s` for `expires_s`."""

    secret: str
    code: str
    url: str
    interval_s: int
    expires_s: int


class DevicePoll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The secret of `DeviceAsked`."""

    secret: Annotated[str, Meta(max_length=80)]


class DevicePolled(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is there where `state` is `approved`, and only this once. It never has the scope `admin`."""

    state: DeviceState
    token: str = ""
    name: str = ""
