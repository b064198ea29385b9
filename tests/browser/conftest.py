"""Debian's Chromium without a screen, driven by playwright; a page a test, closed with it."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.server.running import RunningServer

expect.set_options(timeout=60_000)  # the end of a wait, not a bound: pages are slow to come on a full machine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A fresh server over plain HTTP on loopback, where browsers sign on without TLS too."""
    running = RunningServer(tmp_path / "data").start()
    yield running
    running.stop()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser without history; whoever needs several people gives each a context."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def page(chromium: Browser) -> Page:
    """An empty page of it."""
    return await chromium.new_page()
