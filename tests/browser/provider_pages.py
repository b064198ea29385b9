"""The way of a person through the pages of Warren and of their provider, in Chromium.

As a program, `python -m tests.browser.provider_pages URL PROVIDER LOGIN CODE NETWORK`, it approves the machine that
waits under the code, from wherever it is started: a namespace of the lab, say.
"""

import asyncio
import os
import shutil
import sys

from playwright.async_api import Page, async_playwright, expect

expect.set_options(timeout=60_000)  # as a program of its own it has no conftest


async def sign_on_by(page: Page, url: str, provider: str, login: str, path: str) -> None:
    """Sign on to the server at `url` by a provider of `tests.provider`."""
    await page.goto(f"{url}{path}")
    await page.get_by_role("button", name=f"Sign on with {provider}").click()
    await page.get_by_placeholder("Enter any login").fill(login)
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_url(f"{url}/**")


async def approve(url: str, provider: str, login: str, code: str, network: str) -> None:
    """Sign on and approve what waits under the code for this network."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = await browser.new_page(ignore_https_errors=True)
        await sign_on_by(page, url, provider, login, "/device")
        await page.get_by_label("Code").fill(code)
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_label("Network").select_option(network)
        await page.get_by_role("button", name="Approve: I started it just now").click()
        await expect(page.get_by_role("heading", name="Approved")).to_be_visible()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(approve(*sys.argv[1:6]))
