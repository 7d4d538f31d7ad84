"""The app's own work on the largest pages of the operator, over systems in memory: no I/O is counted."""

import argparse
import asyncio
import statistics
import time
from datetime import UTC, datetime
from uuid import UUID

from shared.model.account import AccountName
from shared.model.outcome import Cause, Problem
from tests.flow.console import Page

ISSUES, ROUNDS = 1000, 7
MOST_MILLISECONDS = 300.0
PATHS = ("/", "/issues", "/issues?cause=UnmappedCurrency", "/mapping")


def main(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 if a page takes too long. There are no arguments."""
    return asyncio.run(_run())


async def _run() -> int:
    page = Page()
    for number in range(ISSUES):
        account_id = UUID(int=number + 1)
        page.inquiry.known[account_id] = AccountName(f"C-{number}", f"Account {number}")
        problem = Problem(Cause.UNMAPPED_CURRENCY, value=f"currency {number % 20}")
        await page.world.issues.put(account_id, problem, datetime.now(UTC))
        page.world.mappings.set(f"Mapped {number}", "EUR")
    slowest = 0.0
    for path in PATHS:
        took = [await _milliseconds(page, path) for _ in range(ROUNDS)]
        slowest = max(slowest, statistics.median(took))
        print(f"{path:<32} {statistics.median(took):6.0f} ms")
    print(f"{ISSUES:,} issues, {ISSUES:,} currencies; at most {MOST_MILLISECONDS:.0f} ms are allowed")
    return 1 if slowest > MOST_MILLISECONDS else 0


async def _milliseconds(page: Page, path: str) -> float:
    began = time.perf_counter()
    seen = await page.get(path)
    took = (time.perf_counter() - began) * 1000
    if seen.status != 200:
        message = f"{path} answers {seen.status}"
        raise RuntimeError(message)
    return took
