"""The course of the demonstration: start, seed, create, change wave by wave, wait, compare.

In: how many accounts and events. Out: a `Result` with all that the report shows. Raises `DemoError` when the
events do not come to an end in time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import httpx

from local.demo.checks import customers_differ, customers_in, events_lost
from local.demo.drive import Sales
from local.demo.errors import DemoError
from local.demo.requests import RequestCount
from local.demo.scenario import Customer, Scenario, plan
from local.demo.seed import run_timers, seed
from local.demo.watch import Ledger, Tail, idle
from local.erps.erp import Erp
from local.stand import Stand
from local.stand_options import StandOptions

SETTLE_SECONDS = 1.0
# Shorter waits than by default, so that nobody has to watch them; all rules are the same.
SETTINGS = {
    "SETTLE_SECONDS": f"{SETTLE_SECONDS:g}",
    "RETRY_FIRST_SECONDS": "1",
    "RETRY_CAP_SECONDS": "5",
    "LONGEST_REQUEST_SECONDS": "10",
}
_QUIET = {"CATCH_UP_MINUTES": "0"}  # what is counted are checks that events led to
POLL_SECONDS = 0.1

type Progress = Callable[[str, int], None]
"""What goes on now, and how many events have ended."""


type BeforeTheEnd = Callable[[Stand, "Result"], Awaitable[None]]
"""What is done while the stand still runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it; `differences` and `lost` in words, empty if all is well."""

    scenario: Scenario
    ids: dict[str, str]
    currency_of: dict[str, str]
    standing: dict[str, Customer]
    ledger: Ledger
    requests: dict[str, int]
    differences: list[str]
    lost: list[str]
    seconds: float


async def run(
    erp: Erp, accounts: int, events: int, progress: Progress, before_the_end: BeforeTheEnd | None = None
) -> Result:
    """Run it all once with this ERP. Raises DemoError and ChildError."""
    began = time.monotonic()
    scenario = plan(erp, accounts, events)
    progress("Starting the stand", 0)
    # The outcomes are read from the log of local.host; that of `func` is no JSON.
    options = StandOptions(erp=erp, settings=SETTINGS | _QUIET, table_access_log=True, core_tools=False)
    async with Stand.start(options) as stand:
        await seed(stand)
        await run_timers(stand)
        count = RequestCount(stand)
        await count.start()
        async with Sales.at(stand.addresses) as sales:
            watch = _Watch(stand, sales, progress)
            await _drive(scenario, sales, watch)
            requests = await count.total(sales.requests)
            standing = await customers_in(erp, stand.addresses)
            result = Result(
                scenario=scenario,
                ids=sales.ids,
                currency_of=sales.currency_of,
                standing=standing,
                ledger=watch.ledger,
                requests=requests,
                differences=list(customers_differ(erp, scenario.expected(), standing)),
                lost=list(events_lost(await sales.jobs(), watch.ledger, await watch.queues())),
                seconds=time.monotonic() - began,
            )
        if before_the_end is not None:
            await before_the_end(stand, result)
        progress("Stopping the stand", events)
        return result


async def _drive(scenario: Scenario, sales: Sales, watch: "_Watch") -> None:
    """Create, then change; each wave begins when all before it has come to rest."""
    totals = list(accumulate((len(wave) for wave in scenario.waves), initial=len(scenario.cases)))
    await _both(
        sales.create(scenario.cases),
        watch.until_ended(totals[0], f"Creating {totals[0]} accounts"),
    )
    for number, (wave, total) in enumerate(zip(scenario.waves, totals[1:], strict=True), 1):
        what = f"Changing them, wave {number} of {len(scenario.waves)}"
        await _both(sales.take(wave), watch.until_ended(total, what))


async def _both(*work: Coroutine[Any, Any, None]) -> None:
    """Do both at a time; the first error ends the other, and comes out as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except* (DemoError, httpx.HTTPError) as errors:
        raise errors.exceptions[0] from None


class _Watch:
    """Follows the log and the queues."""

    def __init__(self, stand: Stand, sales: Sales, progress: Progress) -> None:
        self.ledger = Ledger()
        self._folder = stand.folder
        self._tail = Tail(stand.host_logs)
        self._sales = sales
        self._progress = progress
        self._broker = httpx.AsyncClient(base_url=stand.addresses.servicebus_control)
        self._last_news = 0.0

    async def queues(self) -> dict[str, Any]:
        """The broker's counts."""
        return (await self._broker.get("/queues")).raise_for_status().json()

    async def until_ended(self, events: int, what: str) -> None:
        """Wait until that many events have ended and all has come to rest. Raises DemoError."""
        allowed = 60 + 0.5 * events
        try:
            async with asyncio.timeout(allowed):
                while not await self._at_rest(events, what):  # noqa: ASYNC110 - asks other processes
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            ended = self.ledger.outcomes().total()
            message = (
                f"after {allowed:g} s only {ended} of {events} events had ended or not all had come to rest "
                f"({what}); the logs are in {self._folder}"
            )
            raise DemoError(message) from None

    async def _at_rest(self, events: int, what: str) -> bool:
        """All ended, nothing queued or scheduled, and every account past the time in which it settles."""
        at_rest = idle(await self.queues())  # asked first: a message is logged before it is completed
        for record in self._tail.records():
            self.ledger.add(record)
            if record.get("event") == "outcome":
                self._last_news = time.monotonic()
        ended = self.ledger.outcomes().total()
        self._progress(what, ended)
        return at_rest and ended >= events and time.monotonic() >= self._last_news + SETTLE_SECONDS
