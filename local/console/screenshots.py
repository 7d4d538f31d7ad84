"""`python -m local.console.screenshots`: the pictures of the operator's page in docs/, light and dark.

Out: docs/console-PAGE-SCHEME.png, made from a stand with the scene. Needs Chromium.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from typing import Literal

from playwright.async_api import Browser

from local.child import ChildError
from local.console.browser import HOW, find_chromium, open_browser
from local.console.scene import FIRST, set_scene
from local.demo.seed import seed
from local.stand import Stand, StandOptions
from local.stand_options import ROOT

SETTINGS = {"SETTLE_SECONDS": "1"}
WIDTH, HEIGHT = 1120, 700
COUNTED_SECONDS = 100.0

type Scheme = Literal["light", "dark"]


def main() -> int:
    """Make the pictures; return the exit code."""
    if find_chromium() is None:
        sys.stderr.write(f"{HOW}\n")
        return 1
    try:
        asyncio.run(_run())
    except ChildError as error:
        sys.stderr.write(f"The stand cannot start: {error}\n")
        return 1
    return 0


async def _run() -> None:
    options = StandOptions(settings=SETTINGS, core_tools=False)
    async with Stand.start(options) as stand, open_browser() as browser:
        await seed(stand)
        accounts = await set_scene(stand)
        await _run_command(stand, "load", "start", "--rate", "2", "--max-creates", "5", "--no-wait")
        await _run_command(stand, "reconcile")
        await _until_counted(stand, browser)
        schemes: tuple[Scheme, ...] = ("light", "dark")
        for scheme in schemes:
            await _pictures(stand, browser, accounts, scheme)


async def _run_command(stand: Stand, *words: str) -> None:
    """Run `accountsync`, so that the page Runs has something to show."""
    settings = ("--settings", str(stand.settings_file))
    command = (sys.executable, "-m", "shared.cli", *settings, *words)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL)
    await process.wait()


async def _until_counted(stand: Stand, browser: Browser) -> None:
    """Wait until the overview shows how checks ended: each process adds its counts once a minute."""
    page = await browser.new_page()
    await page.goto(stand.console_link("operator"))
    async with asyncio.timeout(COUNTED_SECONDS):
        while not await page.locator(".legend .fill-created, .legend .fill-updated").count():
            await asyncio.sleep(1)
            await page.reload()
    await page.close()


async def _pictures(stand: Stand, browser: Browser, accounts: Mapping[str, str], scheme: Scheme) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport={"width": WIDTH, "height": HEIGHT})
    await page.goto(stand.console_link("operator"))
    pages = {"overview": "/", "issues": "/issues", "account": f"/account?id={accounts[FIRST]}"}
    pages |= {"runs": "/runs"}
    for name, path in pages.items():
        await page.goto(f"{stand.addresses.functions}/api/console{path}")
        file = ROOT / f"docs/console-{name}-{scheme}.png"
        await page.screenshot(path=file)
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    await page.close()


if __name__ == "__main__":
    sys.exit(main())
