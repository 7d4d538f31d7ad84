"""One stand with a scene, and one browser, for all tests of the operator's page as people use it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Page

from local.console.browser import HOW, find_chromium, open_browser
from local.console.scene import set_scene
from local.demo.seed import seed
from local.stand import Stand, StandOptions

SETTINGS = {"SETTLE_SECONDS": "1", "CURRENCY_CACHE_SECONDS": "1"}
WIDTH, HEIGHT = 1240, 900

type OpenPage = Callable[..., Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Scene:
    """The running stand, and the ids of its accounts by name."""

    stand: Stand
    accounts: Mapping[str, str]

    def address(self, path: str) -> str:
        return f"{self.stand.addresses.functions}/api/console{path}"


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    found = find_chromium()
    if found is None:
        (pytest.fail if os.environ.get("BROWSER_REQUIRED") == "1" else pytest.skip)(HOW)
    assert found
    return found


@pytest.fixture(scope="package")
async def scene(chromium: str) -> AsyncIterator[Scene]:
    async with Stand.start(StandOptions(settings=SETTINGS, core_tools=False)) as stand:
        await seed(stand)
        yield Scene(stand, await set_scene(stand))


@pytest.fixture(scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest.fixture
async def open_page(browser: Browser, scene: Scene) -> AsyncIterator[OpenPage]:
    """Opens a page as a person with a role. A complaint of the browser, as of the policy, is a failure."""
    complaints: list[str] = []
    opened: list[Page] = []

    async def open_(role: str = "operator", path: str = "/", **context: object) -> Page:
        options = {"viewport": {"width": WIDTH, "height": HEIGHT}} | context
        page = await browser.new_page(**options)  # pyright: ignore[reportArgumentType]
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        await page.goto(scene.stand.console_link(role))
        if path != "/":
            await page.goto(scene.address(path))
        return page

    yield open_
    for page in opened:
        await page.close()
    assert complaints == []
