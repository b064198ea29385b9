"""What STUN servers answer, and what strangers send in their name."""

from tools.fuzzing.parser import Parser, require
from warren.errors import Code, WarrenError
from warren.model.addresses import parse_endpoint
from warren.wire.stun import (
    BindingError,
    BindingSuccess,
    decode_binding_request,
    decode_binding_response,
    encode_binding_request,
    encode_binding_response,
    transaction_of,
)

_TRANSACTION = bytes(range(12))
_REFUSALS = {Code.MALFORMED, Code.TOO_LARGE, Code.UNSUPPORTED}
_ANSWERS = tuple(
    encode_binding_response(response, fingerprint=fingerprint)
    for fingerprint in (False, True)
    for response in (
        BindingSuccess(_TRANSACTION, parse_endpoint("192.0.2.1:40000"), software="fuzz"),
        BindingSuccess(
            _TRANSACTION,
            parse_endpoint("[2001:db8::1]:40000"),
            other=parse_endpoint("192.0.2.9:3479"),
            origin=parse_endpoint("192.0.2.8:3478"),
        ),
        BindingError(_TRANSACTION, 420, "Unknown Attribute"),
    )
)


def check_binding_response(data: bytes) -> bool:
    """What is read of an answer says the same when it is written again."""
    try:
        response = decode_binding_response(data)
    except WarrenError as error:
        require(error.code in _REFUSALS, f"refused with {error.code}")
        return False
    require(response.transaction == transaction_of(data), "another transaction's")
    if "\ufffd" not in (response.reason if isinstance(response, BindingError) else response.software):
        require(decode_binding_response(encode_binding_response(response)) == response, "it reads back differently")
    return True


def check_binding_request(data: bytes) -> bool:
    """The same for a request."""
    try:
        request = decode_binding_request(data)
    except WarrenError as error:
        require(error.code in _REFUSALS, f"refused with {error.code}")
        return False
    if "\ufffd" not in request.software:
        again = encode_binding_request(request.transaction, software=request.software)
        require(decode_binding_request(again) == request, "it reads back differently")
    return True


PARSERS = (
    Parser("stun_response", _ANSWERS, check_binding_response, (b"\0\x20\0\x08", b"\x80\x28\0\4", b"\0\1\0\x14")),
    Parser("stun_request", (encode_binding_request(_TRANSACTION),), check_binding_request, (b"\x80\x22\0\4",)),
)
