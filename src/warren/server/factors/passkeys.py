"""Passkeys (Web Authentication, level 2): what a browser is asked, and whether its answer counts. Pure.

Decides what an answer has to be: for this server's host and origin, over a challenge of ours, by a key that verified
its person where it stands for both factors. No attestation is asked for: which device somebody uses is theirs to
choose. Must not know the database. py_webauthn is loaded at the first use (170 ms).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from warren.errors import Code, WarrenError
from warren.limits import PASSKEY_ANSWER_MAX_CHARS
from warren.server.factors.store import PasskeyRow

CHALLENGE_BYTES = 32
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error, RecursionError)
"""What reading a browser's bytes may end with, in the library too: it looks into lists and keys without asking."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which server a passkey is for: the host of its URL, and the URL itself."""

    host: str
    origin: str

    @property
    def takes_passkeys(self) -> bool:
        """Browsers make passkeys for names over TLS, and for localhost; never for addresses."""
        is_name = any(char.isalpha() for char in self.host) and ":" not in self.host
        return is_name and (self.origin.startswith("https://") or self.host == "localhost")


def ask_to_make(place: Place, *, challenge: bytes, user: str, name: str, known: Iterable[PasskeyRow]) -> str:
    """What the browser is asked to make a passkey from, as JSON."""
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415
    from webauthn.helpers.structs import (  # noqa: PLC0415
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=place.host,
        rp_name="Warren",
        user_name=name,
        user_id=user.encode(),
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
    )
    return options_to_json(options)


def ask_to_use(place: Place, *, challenge: bytes, known: Iterable[PasskeyRow], alone: bool) -> str:
    """What the browser is asked to sign with a passkey, as JSON; `alone`: it stands for both factors."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement  # noqa: PLC0415

    options = generate_authentication_options(
        rp_id=place.host,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
        user_verification=UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(options)


def made(place: Place, answer: str, *, challenge: bytes) -> tuple[bytes, bytes, int]:
    """The id, public key and counter of a new passkey. WarrenError FORBIDDEN where the answer does not count."""
    from webauthn import verify_registration_response  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        found = verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=place.host, expected_origin=place.origin
        )
    except (WebAuthnException, *_UNREADABLE) as error:
        raise refused() from error
    return found.credential_id, found.credential_public_key, found.sign_count


def used(place: Place, answer: str, row: PasskeyRow, *, challenge: bytes, alone: bool) -> int:
    """The new counter of a passkey that signed. WarrenError FORBIDDEN where the answer does not count."""
    from webauthn import verify_authentication_response  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        found = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=row.public,
            credential_current_sign_count=row.counter,
            require_user_verification=alone,
        )
    except (WebAuthnException, *_UNREADABLE) as error:
        raise refused() from error
    return found.new_sign_count


def credential_of(answer: str) -> bytes:
    """The id of the passkey that an answer says it is of. WarrenError FORBIDDEN where it is no answer."""
    from webauthn.helpers import base64url_to_bytes  # noqa: PLC0415

    try:
        said: Any = msgspec.json.decode(answer[:PASSKEY_ANSWER_MAX_CHARS])
        return base64url_to_bytes(said["id"])
    except (msgspec.MsgspecError, *_UNREADABLE) as error:
        raise refused() from error


def challenge_of(answer: str) -> bytes:
    """The challenge that an answer says it signed; what counts is that it is one of ours. WarrenError FORBIDDEN."""
    from webauthn.helpers import base64url_to_bytes  # noqa: PLC0415

    try:
        said: Any = msgspec.json.decode(answer[:PASSKEY_ANSWER_MAX_CHARS])
        signed: Any = msgspec.json.decode(base64url_to_bytes(said["response"]["clientDataJSON"]))
        return base64url_to_bytes(signed["challenge"])
    except (msgspec.MsgspecError, *_UNREADABLE) as error:
        raise refused() from error


def refused() -> WarrenError:
    """The one refusal of a passkey."""
    return WarrenError(Code.FORBIDDEN, "that passkey does not sign you on", "try again, or choose another way")
