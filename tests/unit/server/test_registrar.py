"""What the registrar signs, and what it does not whoever asks."""

from ipaddress import IPv4Network

import msgspec
import pytest

from warren.errors import Code, WarrenError
from warren.limits import GROUPS_MAX
from warren.model.ids import Identity, NetworkId
from warren.model.keys import SigningKeyPair
from warren.server.registrar import LocalRegistrar
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import Head, Membership, Removal

NETWORK = NetworkId(bytes(32))
POOL = IPv4Network("100.90.0.0/16")
KEY = SigningKeyPair(bytes(range(32)))
MEMBER = Membership(counter=1, date=1, identity=Identity(b"i" * 32), hostname="a", ipv4="100.90.0.2")


async def test_a_plain_member_is_admitted() -> None:
    answer = authenticate(NETWORK, await LocalRegistrar(KEY).admit(NETWORK, MEMBER, POOL))
    assert isinstance(answer, Authentic)
    assert (answer.signer, answer.body) == (KEY.public, MEMBER)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 1},
        {"role": "admin"},
        {"groups": tuple(f"g{number:02}" for number in range(GROUPS_MAX + 1))},
        {"ipv4": "100.91.0.2"},
        {"hostname": ""},
    ],
)
async def test_more_than_a_plain_member_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(WarrenError) as refused:
        await LocalRegistrar(KEY).admit(NETWORK, msgspec.structs.replace(MEMBER, **change), POOL)
    assert refused.value.code is Code.FORBIDDEN


async def test_it_removes_members_and_no_delegations() -> None:
    registrar = LocalRegistrar(KEY)
    removal = Removal(counter=1, date=1, of="membership", subject=MEMBER.identity)
    assert isinstance(authenticate(NETWORK, await registrar.remove(NETWORK, removal)), Authentic)
    with pytest.raises(WarrenError) as refused:
        await registrar.remove(NETWORK, msgspec.structs.replace(removal, of="delegation"))
    assert refused.value.code is Code.FORBIDDEN


async def test_it_dates_its_own_head_only() -> None:
    with pytest.raises(WarrenError) as refused:
        await LocalRegistrar(KEY).attest(NETWORK, Head(counter=1, date=1, authority=b"o" * 32, digest=bytes(32)))
    assert refused.value.code is Code.FORBIDDEN
