"""A network that cannot be served keeps no other from it: the server starts, says why, and its machines wait."""

import os

import pytest
from sqlalchemy import text
from tests.unit.server.conftest import Features
from tests.unit.server.test_approvals import sign

from warren import limits
from warren.errors import Code, WarrenError
from warren.model.ids import short_identity
from warren.model.keys import SigningKeyPair
from warren.protocol.control.events import Greeted
from warren.server.accounts import store as account_store
from warren.server.accounts.store import UserRow
from warren.server.sessions.admission import Admission
from warren.trust import acts
from warren.trust.batches import Draft
from warren.trust.documents import Delegation, Kind


async def _break(features: Features, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is wrong with the default network alone."""
    network, key = features.network, features.networks._folder.root_key(short_identity(features.network.id))
    if how == "no key":
        key.unlink()
    elif how == "another key":
        key.write_bytes(os.urandom(32))
    elif how == "half a key":
        key.write_bytes(b"half")
    elif how == "documents":
        async with features.database.write() as connection:
            where = text("UPDATE documents SET raw = :raw WHERE network = :network AND kind = 'settings'")
            await connection.execute(where, {"raw": b"\xc1", "network": network.id})
    else:

        def delegate(draft: Draft) -> None:
            draft.put(Kind.DELEGATION, Delegation(counter=0, date=0, delegate=os.urandom(32), rights=("policy",)))

        await features.approvals.submit(network, await sign(features, delegate), actor="owner")
        monkeypatch.setattr(limits, "DELEGATIONS_MAX", 1)


@pytest.mark.parametrize("how", ["no key", "another key", "half a key", "documents", "more delegations than any takes"])
async def test_one_network_that_cannot_be_served_keeps_no_other_from_it(
    features: Features, admission: Admission, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    broken, other = features.network, await features.networks.create("other", None, actor="test")
    key = await features.key()
    await _break(features, how, monkeypatch)
    networks = features.networks
    networks._live.clear()
    await networks.load()
    assert [one.id for one in networks.all()] == [other.id]
    (out,) = networks.unserved()
    assert (out.row.id, out.reason.text != "") == (broken.id, True)
    await networks.redate_heads()
    await features.housekeeping.renew_tagged()
    for named in ("default", broken.id.hex()[:12]):
        with pytest.raises(WarrenError) as refused:
            networks.find(named)
        assert refused.value.code is Code.UNAVAILABLE
    for hello in (Greeted(1, broken.id, None, ""), Greeted(1, None, key.split(".")[1], "")):
        with pytest.raises(WarrenError) as refused:
            await admission.greet(hello)
        assert (refused.value.code, out.reason.text in str(refused.value)) == (Code.UNAVAILABLE, False)
    with pytest.raises(WarrenError) as refused:
        await networks.create("default", None, actor="test")
    assert refused.value.code is Code.CONFLICT
    await networks.delete(other, actor="test")
    with pytest.raises(WarrenError) as refused:
        await networks.load()
    assert refused.value.text == out.reason.text


async def test_whose_account_ends_keeps_no_machine_there_unsaid(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    await features.networks.create("other", None, actor="test")
    async with features.database.write() as connection:
        user = UserRow("u-anna", "", "u-anna", "anna", password=None, is_admin=False, created_at=1, disabled_at=None)
        await account_store.add_user(connection, user)

    def approve(draft: Draft) -> None:
        acts.approve(draft, SigningKeyPair(os.urandom(32)).public, hostname="anna", user="u-anna")

    await features.approvals.submit(features.network, await sign(features, approve), actor="owner")
    await _break(features, "no key", monkeypatch)
    features.networks._live.clear()
    await features.networks.load()
    assert await features.devices.remove_of_user("u-anna", actor="admin") == ("anna.default",)
