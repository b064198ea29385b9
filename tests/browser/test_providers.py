"""People sign on by real OpenID Connect providers, in Chromium; companies by mail domain, and who is kept out."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser.provider_pages import sign_on_by
from tests.provider.running import RunningProvider
from tests.server.running import RunningServer, free_port

from warren.client.rest import RestClient
from warren.model.keys import Secret
from warren.protocol.rest.networks import Networks
from warren.protocol.rest.users import Users

DONE_S = 100.0
VOUCHED = {"email_verified": True}
CORP = {
    "anna": {"email": "anna@corp.example", **VOUCHED, "groups": ["ops", "dev"]},
    "ben": {"email": "ben@corp.example", **VOUCHED},
    "eve": {"email": "eve@corp.example", "email_verified": False},
}
WORLD = {
    "carl": {"email": "carl@hosted.example", **VOUCHED, "hd": "hosted.example"},
    "dora": {"email": "dora@hosted.example", **VOUCHED, "hd": "hosted.example"},
    "mallory": {"email": "mallory@corp.example", **VOUCHED},  # this provider was not set up for that domain
    "other": {"email": "other@hosted.example", **VOUCHED, "hd": "elsewhere.example"},
    "gina": {"email": "gina@gmail.com", **VOUCHED, "hd": "gmail.com"},
}


@dataclass(frozen=True, slots=True)
class Place:
    """A server with two providers."""

    server: RunningServer
    corp: RunningProvider
    world: RunningProvider


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("providers")
    file = folder / "providers.toml"
    server = RunningServer(folder / "data", "--providers", str(file))
    corp = RunningProvider(free_port(), server.url, "corp", CORP)
    world = RunningProvider(free_port(), server.url, "world", WORLD, userinfo=True)
    file.write_text(
        corp.toml(folder / "corp", domains=["corp.example"])
        + world.toml(folder / "world", domain_claim="hd", open=True)
    )
    try:
        yield Place(server.start(), corp.start(), world.start())
    finally:
        for one in (server, corp, world):
            one.stop()


@pytest.fixture(name="person")
async def _person(chromium: Browser) -> AsyncIterator[Page]:
    """A browser of somebody's own."""
    context = await chromium.new_context()
    yield await context.new_page()
    await context.close()


async def sign_on(page: Page, place: Place, provider: str, login: str, path: str = "/sign-on") -> None:
    """By the provider's own pages."""
    await sign_on_by(page, place.server.url, provider, login, path)


def accounts(place: Place) -> dict[tuple[str, str], str]:
    users = place.server.rest.get("users", kind=Users).users
    return {(one.issuer, one.subject): one.id for one in users}


async def networks_of(page: Page) -> list[str]:
    """What the page for approving a machine would offer: the networks of whoever is signed on."""
    await page.goto(page.url.partition("/account")[0] + "/account")
    shown = page.get_by_role("list", name="Networks").get_by_role("listitem")
    return sorted([text.partition(" ")[0] for text in await shown.all_inner_texts()])


async def test_two_people_of_one_vouched_for_domain_land_in_one_network(place: Place, chromium: Browser) -> None:
    for login in ("anna", "ben"):
        context = await chromium.new_context()
        page = await context.new_page()
        await sign_on(page, place, "Corp", login)
        await expect(page.get_by_text(f"You are {login}@corp.example")).to_be_visible()
        assert await networks_of(page) == ["corp-example"]
        await context.close()
    assert {(place.corp.issuer, "anna"), (place.corp.issuer, "ben")} <= accounts(place).keys()


@pytest.mark.parametrize("login", ["carl", "dora"])
async def test_a_hosted_domain_claim_vouches_too(place: Place, person: Page, login: str) -> None:
    await sign_on(person, place, "World", login)
    assert await networks_of(person) == ["hosted-example"]


@pytest.mark.parametrize("login", ["mallory", "other", "gina"])
async def test_whom_nobody_vouches_for_lands_in_no_network(place: Place, person: Page, login: str) -> None:
    await sign_on(person, place, "World", login)
    await expect(person.get_by_text(f"You are {login}@")).to_be_visible()
    assert await networks_of(person) == []


async def test_an_unverified_mail_signs_nobody_on_where_only_the_company_may(place: Place, person: Page) -> None:
    await sign_on(person, place, "Corp", "eve")
    await expect(person.get_by_role("alert")).to_contain_text("vouches for no mail domain of yours")
    assert (place.corp.issuer, "eve") not in accounts(place)


async def test_a_program_without_a_browser_is_approved_by_a_person_of_a_provider(
    place: Place, person: Page, tmp_path: Path
) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    words = [sys.executable, "-m", "warren", "login", "--server", place.server.url, "--json"]
    login = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=environment)
    assert login.stdout is not None
    async with asyncio.timeout(DONE_S):
        asked = json.loads(await login.stdout.readline())
        await sign_on(person, place, "Corp", "anna", "/device")
        await person.get_by_label("Code").fill(asked["code"])
        await person.get_by_role("button", name="Go on").click()
        await person.get_by_role("button", name="Approve: I started it just now").click()
        await expect(person.get_by_role("heading", name="Approved")).to_be_visible()
        assert await login.wait() == 0
    kept = json.loads((tmp_path / "config" / "warren" / "credentials").read_bytes())[place.server.url]
    found = RestClient(place.server.url, token=Secret(kept)).get("networks", kind=Networks)
    assert [one.name for one in found.networks] == ["corp-example"]


async def test_new_keys_of_a_provider_are_fetched_when_a_token_names_them(place: Place, person: Page) -> None:
    await sign_on(person, place, "World", "carl")
    place.world.rotate_keys()
    await person.context.clear_cookies()
    await sign_on(person, place, "World", "carl")
    await expect(person.get_by_text("You are carl@hosted.example")).to_be_visible()
