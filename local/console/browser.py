"""Chromium for the tests and the pictures: of CHROMIUM, of the PATH, or a copy in .venv.

`python -m local.console.browser` has Playwright install the copy if none of these is there, which needs no
root; `dev.py test` runs it first. It says in one line if there is no browser then, and is no failure.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOW = "Chromium is not here: `apt-get install --no-install-recommends chromium`, or its path in CHROMIUM."
INSTALL_SECONDS, START_SECONDS = 90.0, 20.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_COPIES = Path(__file__).resolve().parents[2] / ".venv/browsers"
_COPY = "chrome-headless-shell.exe" if os.name == "nt" else "chrome-headless-shell"
_CONNECTION = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "3000"}  # ms; it asks five times


def main() -> int:
    """Install the copy if there is no browser, and say so if there is none then; return 0."""
    if find_chromium() is None and _copy() is None:
        sys.stderr.write("Installing Chromium ...\n")
        _install()
    if find_chromium() is None:
        copy = _copy()
        why = f"{copy} does not start: {_trouble(copy)}" if copy else "It could not be downloaded."
        sys.stderr.write(f"{HOW} {why}\n")
    return 0


def find_chromium() -> str | None:
    """The path of the browser, if there is one."""
    given = os.environ.get("CHROMIUM")
    if found := given or next((path for name in _NAMES if (path := shutil.which(name))), None):
        return found
    copy = _copy()
    return copy if copy and not _trouble(copy) else None


def _copy() -> str | None:
    """The path of the copy, if it was wholly installed."""
    found = _COPIES.glob(f"*/*/{_COPY}")
    whole = (str(path) for path in found if (path.parents[1] / "INSTALLATION_COMPLETE").exists())
    return max(whole, default=None)


@cache
def _trouble(browser: str) -> str:
    """Why the browser does not start, as without libraries of the system; "" if it starts."""
    command = [browser, "--headless", "--no-sandbox", "--dump-dom", "about:blank"]
    try:
        done = subprocess.run(
            command, stdout=DEVNULL, stderr=PIPE, text=True, check=False, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "".join(done.stderr.strip().splitlines()[-1:]) or "no reason" if done.returncode else ""


def _install() -> None:
    """Let Playwright download the copy, if it can within the time."""
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    settings = {**os.environ, **_CONNECTION, "PLAYWRIGHT_BROWSERS_PATH": str(_COPIES)}
    with subprocess.Popen(
        command, env=settings, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
    ) as installing:
        try:
            installing.wait(INSTALL_SECONDS)
        except BaseException as error:
            _kill(installing)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process with its own, of which one downloads."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


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


if __name__ == "__main__":
    sys.exit(main())
