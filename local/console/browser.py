"""Chromium for the tests and the pictures: the one of CHROMIUM or of the PATH; none is downloaded."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW = "Chromium is not here: `apt-get install --no-install-recommends chromium`, or its path in CHROMIUM."


def find_chromium() -> str | None:
    """The path of the browser, if there is one."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in _NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def open_browser() -> "AsyncIterator[Browser]":
    """A browser without a window."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium())
        try:
            yield browser
        finally:
            await browser.close()
