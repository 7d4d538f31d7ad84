"""`python -m local.chaos.outage [--target T] [--seconds 300] [--kind KIND]`: one long outage of the ERP.

With the app's default settings, or scaled down together with the length of the outage: a backlog builds up
while no request to it succeeds. Few requests may be made meanwhile, nothing may be parked because of
it, and the backlog has to drain by itself. Exit code 1 if not.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from local.chaos import customers, places
from local.chaos.conditions import HOSTS, OUTAGE_CAP, Conditions
from local.chaos.customers import Truth
from local.chaos.field_map import write_map
from local.chaos.mapping import Mapping
from local.chaos.plan import Step, label
from local.chaos.sales import Sales
from local.chaos.standing import Standing, log_of, look
from local.chaos.weather import Weather
from local.commands import TARGETS
from local.erps.by_target import ERPS
from local.erps.erp import Erp
from local.stand import Stand, example_settings
from local.stand_options import StandOptions

DEFAULT_SECONDS = 300.0
SCALED = (
    "RETRY_FIRST_SECONDS",
    "RETRY_CAP_SECONDS",
    "OPERATOR_RETRY_SECONDS",
    "LONGEST_REQUEST_SECONDS",
    "BREAKER_FIRST_SECONDS",
    "BREAKER_CAP_SECONDS",
    "BREAKER_LEAST_WAIT_SECONDS",
)
WITHIN = 3  # lengths of the outage, and a bit: so long the backlog may take to drain
A_BIT = 30.0


@dataclass(slots=True)
class OutageResult:
    """`requests` to the ERP while it was away; `wrong` in words, empty if all is well."""

    kind: str
    seconds: float
    requests: int = 0
    backlog: int = 0
    drained_after: float = 0.0
    wrong: list[str] = field(default_factory=list[str])


async def run_outages(
    erp: Erp, kinds: list[str], seconds: float, accounts: int, progress: Callable[[str], None]
) -> list[OutageResult]:
    """The outages one after the other on one stand, each with so many accounts before it and during it."""
    example, scale = example_settings(erp), seconds / DEFAULT_SECONDS
    settings = {name: f"{float(example[name]) * scale:g}" for name in SCALED} | {
        "SETTLE_SECONDS": "1",
        "CATCH_UP_MINUTES": "0",
    }
    results: list[OutageResult] = []
    async with contextlib.AsyncExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings["FIELD_MAP"] = str(write_map(Conditions(target=erp.target), made))
        options = StandOptions(erp=erp, settings=settings, hosts=HOSTS, core_tools=False)
        stand = await stack.enter_async_context(Stand.start(options))
        await Mapping(stand).seed(assigned=False)
        async with Sales.at(stand.addresses) as sales:
            for kind in kinds:
                result = OutageResult(kind, seconds)
                await _one(result, stand, sales, accounts, progress)
                results.append(result)
    return results


async def _one(
    result: OutageResult, stand: Stand, sales: Sales, accounts: int, progress: Callable[[str], None]
) -> None:
    weather = Weather(sales.control, stand.options.erp.target)
    first = len(sales.accounts)
    progress("Traffic before the outage")
    for account in range(first, first + accounts):
        await sales.take(_create(account))
    await _until_equal(stand, sales, A_BIT + accounts)
    progress(f"{result.kind} for {result.seconds:g} s")
    outage = asyncio.create_task(weather.outage(result.kind, result.seconds))
    await asyncio.sleep(0.2)
    changed, created = range(first, first + accounts), range(first + accounts, first + 2 * accounts)
    for place, account in enumerate(
        account for pair in zip(changed, created, strict=True) for account in pair
    ):
        await sales.take(_change(account) if account in changed else _create(account))
        result.backlog += 1
        await asyncio.sleep(result.seconds / accounts / 4 if place else 0)
    await outage
    await weather.calm()
    ((_, result.requests),) = weather.requests_in
    progress("The backlog drains")
    began = time.monotonic()
    standing = await _until_equal(stand, sales, WITHIN * result.seconds + A_BIT)
    result.drained_after = round(time.monotonic() - began, 1)
    result.wrong += customers.unequal(await _truth(stand, sales), standing, parked_too=True)
    result.wrong += places.dead(standing)
    if result.requests >= OUTAGE_CAP:
        result.wrong.append(f"{result.requests} requests to the ERP, {OUTAGE_CAP} or more")
    result.wrong += _parked(stand, standing)


def _parked(stand: Stand, standing: Standing) -> Iterator[str]:
    """Every account that was parked: for which cause, with its issue and its own log."""
    for record in stand.records():
        if record.get("event") == "outcome" and record["ending"] == "parked":
            account = record["account_id"]
            issues = [dict(row) for row in standing.issues if row["RowKey"] == account]
            log = log_of(standing.states.get(account, {}))
            yield f"account {account} was parked: {record['detail']}; issues {issues}; log {log}"


def _create(account: int) -> Step:
    mark = label(account)
    columns = {"name": f"{mark} name", "telephone1": f"{account:04d}"}
    more = {"websiteurl": f"https://{mark}.example.com", "address1_city": mark}
    fixed = {"accountnumber": f"N{account:04d}", "currency": "Euro", "address1_country": "Germany"}
    known = {"terms": "Net 30"}  # what is known without a question must not hide the outage
    return Step("create", account, columns | more | fixed | known)


def _change(account: int) -> Step:
    return Step("change", account, {"telephone1": f"{account:04d} 1"})


async def _truth(stand: Stand, sales: Sales) -> Truth:
    return Truth(stand.options.erp, sales.accounts, await sales.rows(), assigned=False)


async def _until_equal(stand: Stand, sales: Sales, within: float) -> Standing:
    """Wait until every account's customer is equal; after the deadline, as it then stands."""
    end = time.monotonic() + within
    truth = await _truth(stand, sales)
    while True:
        standing = await look(stand)
        equal = not any(customers.unequal(truth, standing, parked_too=True))
        if equal or time.monotonic() > end:
            return standing
        await asyncio.sleep(0.5)


def main() -> int:
    """Parse the command line and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.chaos.outage", description="One long outage.")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS, help="length of the outage (300)")
    parser.add_argument("--kind", choices=["outage", "wrong credentials", "both"], default="both")
    parser.add_argument("--accounts", type=int, default=200, help="before and during it (200)")
    parser.add_argument("--target", choices=TARGETS, default=TARGETS[0], help="the ERP (operations)")
    arguments = parser.parse_args()
    kinds = ["outage", "wrong credentials"] if arguments.kind == "both" else [arguments.kind]
    console = Console()
    erp, size = ERPS[arguments.target], arguments.accounts
    results = asyncio.run(run_outages(erp, kinds, arguments.seconds, size, console.print))
    for result in results:
        console.print(result, soft_wrap=True)
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
