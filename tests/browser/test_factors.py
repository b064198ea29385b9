"""Second factors in Chromium: an app, recovery codes, passkeys of a virtual authenticator; on a phone's screen."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Browser, Page, expect
from tests.server.running import RunningServer

from warren.protocol.rest.users import User, UserCreate

PASSWORD = "four words nobody joins"


@pytest.fixture(scope="module", name="named")
def _named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a name: browsers make no passkeys for addresses."""
    server = RunningServer(tmp_path_factory.mktemp("named") / "data")
    server.url = f"http://localhost:{server.port}"
    yield server.start()
    server.stop()


def person(server: RunningServer, name: str) -> str:
    server.rest.post("users", body=UserCreate(name=name, password=PASSWORD), kind=User)
    return name


async def sign_on(page: Page, server: RunningServer, name: str) -> None:
    await page.goto(f"{server.url}/sign-on")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    async with page.expect_navigation():  # whoever goes on elsewhere is signed on by then
        await page.get_by_role("button", name="Sign on", exact=True).click()


async def authenticator(page: Page) -> None:
    """A platform authenticator that always says yes, known to Chromium by its debugging protocol."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def set_up_app(page: Page, server: RunningServer) -> tuple[pyotp.TOTP, str, list[str]]:
    """The app, the code of it that was shown, and the recovery codes."""
    await page.goto(f"{server.url}/factors")
    await page.get_by_role("button", name="Set up an app").click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    app = pyotp.TOTP((await page.get_by_role("code").inner_text()).replace(" ", ""))
    used = app.now()
    await page.get_by_label("The code that it shows").fill(used)
    await page.get_by_role("button", name="Go on").click()
    shown = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    await expect(shown).to_have_count(10)
    return app, used, await shown.all_inner_texts()


async def test_an_app_is_set_up_and_asked_for_each_of_its_codes_and_of_the_recovery_codes_works_once(
    named: RunningServer, page: Page
) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})
    name = person(named, "anna")
    await sign_on(page, named, name)
    app, used, codes = await set_up_app(page, named)
    assert len(set(codes)) == 10
    assert await page.evaluate("document.scripts.length") == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320

    async def try_code(code: str) -> None:
        await page.context.clear_cookies()
        await sign_on(page, named, name)
        await page.get_by_label("Code of your app, or a recovery code").fill(code)
        await page.get_by_role("button", name="Go on").click()

    signed_on, refused = page.get_by_text(f"You are {name}."), page.get_by_role("alert")
    await try_code(used)  # the step that set it up
    await expect(refused).to_contain_text("not right, or was used")
    await try_code(codes[0].lower())
    await expect(signed_on).to_be_visible()
    await try_code(codes[0])
    await expect(refused).to_be_visible()
    await try_code(app.at(time.time() + 30))
    await expect(signed_on).to_be_visible()


async def test_a_session_that_has_not_shown_its_second_factor_opens_nothing(named: RunningServer, page: Page) -> None:
    name = person(named, "bela")
    await sign_on(page, named, name)
    await set_up_app(page, named)
    await page.context.clear_cookies()
    await sign_on(page, named, name)
    await expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    for path in ("/account", "/device"):
        await page.goto(f"{named.url}{path}")
        await expect(page).to_have_url(re.compile(r"/sign-on\?next="))
    await page.goto(f"{named.url}/factors")
    await expect(page).to_have_url(re.compile(r"/second\?next=/factors"))


async def test_a_passkey_is_a_second_factor_and_signs_on_alone(named: RunningServer, chromium: Browser) -> None:
    page = await (await chromium.new_context()).new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await authenticator(page)
    name = person(named, "cleo")
    await sign_on(page, named, name)
    await page.goto(f"{named.url}/factors")
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_label("What you call it").fill("laptop")
    await page.get_by_role("button", name="Make the passkey").click()
    await expect(page.get_by_role("button", name="Remove laptop")).to_be_visible()

    await page.context.clear_cookies()
    await sign_on(page, named, name)
    await page.get_by_role("button", name="Use a passkey").click()
    await page.get_by_role("button", name="Use the passkey").click()
    await expect(page.get_by_text(f"You are {name}.")).to_be_visible()

    await page.context.clear_cookies()
    await page.goto(f"{named.url}/sign-on")
    await page.get_by_role("button", name="Sign on with a passkey").click()
    await page.get_by_role("button", name="Use the passkey").click()
    await expect(page.get_by_text(f"You are {name}.")).to_be_visible()
    assert [text for text in refused if "Content Security Policy" in text] == []


async def test_where_a_second_factor_is_demanded_nobody_goes_on_without_one(tmp_path: Path, page: Page) -> None:
    server = RunningServer(tmp_path / "data", "--second-factor", "sign-on").start()
    try:
        name = await asyncio.to_thread(person, server, "dina")
        await sign_on(page, server, name)
        await expect(page.get_by_text("takes a second factor from everybody")).to_be_visible()
        await page.goto(f"{server.url}/device")
        await expect(page).to_have_url(re.compile(r"/sign-on"))
        await set_up_app(page, server)
        await page.goto(f"{server.url}/account")
        await expect(page.get_by_text(f"You are {name}.")).to_be_visible()
    finally:
        server.stop()
