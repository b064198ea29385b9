"""A DNS that is slow, silent or broken: what it proves, who waits for it, and how many ask at once."""

import asyncio

import pytest
from tests.unit.server.domains.conftest import DOMAIN, Corp

from warren.errors import Code, WarrenError
from warren.limits import DNS_LOOKUPS_AT_ONCE, DOMAIN_LOOK_EVERY_S
from warren.server.domains import lookup
from warren.server.domains.lookup import TxtLookup


async def test_a_dns_that_is_silent_or_broken_proves_nothing_and_is_not_waited_for(
    corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 0.3)
    await corp.proofs.prove(corp.features.network, "uowner", DOMAIN, actor="owner")
    for what in ("is_silent", "fails"):
        setattr(corp.names, what, True)
        with pytest.raises(WarrenError) as caught:
            await asyncio.wait_for(corp.proofs.prove(corp.features.network, "uowner", DOMAIN, actor="owner"), 20)
        assert caught.value.code is Code.TIMEOUT
        setattr(corp.names, what, False)


async def test_nobody_waits_behind_anothers_slow_name_server(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another owner nor the daily look; who asks for more than one record at once is told so."""
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 600.0)
    network, slow = corp.features.network, [f"slow{number}.example" for number in range(8)]
    await corp.prove(network, "uother", "good.example")
    for domain in slow:
        await corp.proofs.prove(network, "uowner", domain, actor="owner")
        corp.names.silent_about.add(f"_warren.{domain}")
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        corp.names.heard.clear()
        waits = group.create_task(corp.proofs.prove(network, "uowner", slow[0], actor="owner"))
        await corp.names.heard.wait()
        for domain in slow[1:]:
            with pytest.raises(WarrenError) as caught:
                await corp.proofs.prove(network, "uowner", domain, actor="owner")
            assert caught.value.code is Code.BUSY
        assert (await corp.proofs.prove(network, "uother", "good.example", actor="other")).is_in_force
        corp.features.clock[0] += DOMAIN_LOOK_EVERY_S
        await corp.proofs.look_again()
        assert not waits.done()
        waits.cancel()
    (shown,) = [one for one in (await corp.proofs.show(network, "uother")).domains if one.domain == "good.example"]
    assert shown.seen_at == corp.features.clock[0]


async def test_people_together_have_so_many_look_ups_at_once_and_no_more(
    corp: Corp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DNS_LOOKUP_MAX_S", 600.0)
    corp.names.is_silent = True
    asks = TxtLookup(("127.0.0.1",), corp.names.port)
    many = [asyncio.create_task(asks.texts_for(f"u{number}", DOMAIN)) for number in range(DNS_LOOKUPS_AT_ONCE)]
    await asyncio.sleep(0)
    for user in ("u0", "another"):
        with pytest.raises(WarrenError) as caught:
            await asyncio.wait_for(asks.texts_for(user, DOMAIN), 60)
        assert caught.value.code is Code.BUSY
    for one in many:
        one.cancel()
    await asyncio.wait(many)
    corp.names.is_silent = False
    assert await asks.texts_for("u0", DOMAIN) == (), "whoever is done gives their place back"
