"""The app's own work on the largest pages of the operator, over systems in memory.

No I/O is counted, nor what other processes do meanwhile: the time is that of the processor.
"""

import asyncio
import statistics
import time
from datetime import UTC, datetime
from uuid import UUID

from bench.figures import Figure
from shared.model.account import AccountName
from shared.model.outcome import Cause, Problem
from shared.model.reconciliation import Difference, Kind
from tests.flow.console import Page

ISSUES, ROUNDS = 1000, 7
PATHS = (
    "/",
    "/issues",
    "/issues?cause=UnmappedCurrency",
    "/mapping",
    "/runs",
    "/runs/comparison",
    "/systems",
)


def measure() -> list[Figure]:
    """Ask for each page several times; the slowest page's median counts."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    page = Page()
    for number in range(ISSUES):
        account_id = UUID(int=number + 1)
        page.inquiry.known[account_id] = AccountName(f"C-{number}", f"Account {number}")
        problem = Problem(Cause.UNMAPPED_CURRENCY, value=f"currency {number % 20}")
        await page.world.issues.put(account_id, problem, datetime.now(UTC))
        page.world.mappings.set(f"Mapped {number}", "EUR")
    run = await page.operator.reconcile.start("a bench")
    found = [Difference(UUID(int=number + 1), Kind.DIFFERENT, ("AddressCity",)) for number in range(ISSUES)]
    await page.differences.keep(run.id, found)
    took = {
        path: statistics.median([await _milliseconds(page, path) for _ in range(ROUNDS)]) for path in PATHS
    }
    slowest = max(took, key=took.__getitem__)
    told = f"{slowest}; {ISSUES:,} issues, {ISSUES:,} currencies, {ISSUES:,} differences"
    return [Figure("console/slowest-page", "own time of the slowest page", took[slowest], "ms", told)]


async def _milliseconds(page: Page, path: str) -> float:
    began = time.process_time()
    answer = await page.answer(path)
    took = (time.process_time() - began) * 1000
    if answer.status_code != 200:
        message = f"{path} answers {answer.status_code}"
        raise RuntimeError(message)
    return took
