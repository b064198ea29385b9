"""A person with a browser: becomes the first admin, and approves a program by its code."""

import asyncio
import json
import os
import sys
from pathlib import Path

from playwright.async_api import Page, expect
from tests.server.running import RunningServer

PASSWORD = "four words nobody joins"
DONE_S = 100.0


async def become_admin(page: Page, server: RunningServer) -> None:
    """By the link that the server printed."""
    await page.goto(next(line.strip() for line in server.printed if "/first/" in line))
    await page.get_by_label("Name").fill("alice")
    await page.get_by_label("Password, 12 characters or more").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_text("You are alice.")).to_be_visible()


async def test_warren_login_ends_when_a_person_has_approved_it_in_a_browser(
    server: RunningServer, page: Page, tmp_path: Path
) -> None:
    await become_admin(page, server)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    words = [sys.executable, "-m", "warren", "login", "--server", server.url, "--json"]
    login = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=environment)
    assert login.stdout is not None
    async with asyncio.timeout(DONE_S):
        asked = json.loads(await login.stdout.readline())
        await page.goto(asked["url"])
        await page.get_by_label("Code").fill(asked["code"])
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_text("127.0.0.1")).to_be_visible()
        await page.get_by_role("button", name="Approve: I started it just now").click()
        await expect(page.get_by_role("heading", name="Approved")).to_be_visible()
        assert json.loads(await login.stdout.readline())["name"] == "alice"
        assert await login.wait() == 0
    kept = tmp_path / "config" / "warren" / "credentials"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_bytes())[server.url].startswith("wt.")


async def test_pages_need_no_script_and_fit_a_phone(server: RunningServer, page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.goto(f"{server.url}/sign-on")
    assert await page.evaluate("document.scripts.length") == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('button')).cursor") == "pointer"
    )  # the style counts
    assert [text for text in refused if "Content Security Policy" in text] == []
