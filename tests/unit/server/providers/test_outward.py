"""Which addresses the server asks by itself."""

import ipaddress

import pytest

from warren.server.providers.outward import is_public


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing listens
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("2001:0:53aa:64c::1", False),
    ],
)
def test_private_addresses_are_seen_in_every_disguise(text: str, public: bool) -> None:  # noqa: FBT001 - a table
    assert is_public(ipaddress.ip_address(text)) is public
