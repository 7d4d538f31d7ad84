"""The course of a run: start, storm, calm, heal, wait for quiet, check, replay what is parked, check again.

In: conditions. Out: a `Result` with counts and, by invariant, every violation in words. The first check comes
before anything is replayed: what is not parked must be right without anybody's help.
"""

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from local.azurite import connection_string
from local.chaos import customers, places
from local.chaos.conditions import BROKER_CONFIG, HOSTS, OUTAGE_CAP, Conditions
from local.chaos.customers import Marks, Truth
from local.chaos.families import planted
from local.chaos.field_map import write_map
from local.chaos.mapping import Mapping
from local.chaos.parents import left_waiting, opened, with_parent
from local.chaos.plan import make_plan
from local.chaos.proxy import CALM, Rates, TableProxy
from local.chaos.recovery import operator, rejected_bodies, replay_parked, settings_of
from local.chaos.renames import Renames
from local.chaos.sales import Sales
from local.chaos.standing import Standing, look, quiet, waiting_in_vain
from local.chaos.trouble import Troublemaker
from local.chaos.weather import Weather
from local.demo.watch import Ledger
from local.ports import free_port
from local.stand import Stand
from local.stand_options import Ports, StandOptions

TABLE_TROUBLE = Rates(cut_before=0.05, cut_after=0.05, delay=0.10)
QUIET_SECONDS = 150.0
SAMPLE_SECONDS = 5.0

type Progress = Callable[[str], None]
type Violations = dict[str, list[str]]


@dataclass(slots=True)
class Result:
    """What came of it; the run is good if every list of `violations` is empty."""

    conditions: Conditions
    injected: Counter[str] = field(default_factory=Counter[str])
    share: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    requests_in: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    facts: dict[str, int] = field(default_factory=dict[str, int])
    violations: Violations = field(default_factory=dict[str, list[str]])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def good(self) -> bool:
        """Whether every invariant held."""
        return not any(self.violations.values())

    def check(self, invariant: str, found: Iterable[str]) -> None:
        """Note an invariant, and what violates it."""
        self.violations.setdefault(invariant, []).extend(found)


async def run(conditions: Conditions, progress: Progress, folder: Path | None = None) -> Result:
    """Run it all once; logs stay in the folder, if one is given. Raises ChildError, httpx.HTTPError."""
    result = Result(conditions)
    progress("Starting the stand")
    async with _stand(conditions, folder) as (stand, proxy):
        mapping = Mapping(stand)
        await mapping.seed(assigned=conditions.assigned)
        async with Sales.at(stand.addresses) as sales:
            await sales.post_related()
            weather = Weather(sales.control, conditions.target)
            trouble = Troublemaker(conditions, stand, sales, weather, proxy, mapping)
            marks = Marks(conditions.erp)
            await _timed(result, "storm", _storm(trouble, marks, progress))
            result.injected = trouble.counts + weather.counts + proxy.counts
            result.share, result.requests_in = await weather.share(), weather.requests_in
            await _aftermath(result, trouble, marks, progress)
    return result


@contextlib.asynccontextmanager
async def _stand(conditions: Conditions, folder: Path | None) -> AsyncIterator[tuple[Stand, TableProxy]]:
    """The stand, whose hosts reach the tables through the proxy."""
    tables, door = free_port(), free_port()
    with tempfile.TemporaryDirectory() as made:
        own = {
            "FIELD_MAP": str(write_map(conditions, Path(made))),
            "TABLES_CONNECTION": connection_string({"table": door}),
        }
        options = StandOptions(
            erp=conditions.erp,
            settings=conditions.settings | own,
            ports=Ports(tables=tables),
            broker_config=BROKER_CONFIG,
            hosts=HOSTS,
            folder=folder,
            core_tools=False,
        )
        async with TableProxy(tables, door, Random(conditions.seed)) as proxy, Stand.start(options) as stand:
            yield stand, proxy


async def _storm(trouble: Troublemaker, marks: Marks, progress: Progress) -> None:
    """Drive the stream through all the trouble, then put everything back."""
    conditions, stand = trouble.conditions, trouble.stand
    plan = make_plan(conditions)
    await trouble.weather.usual()
    trouble.proxy.rates = TABLE_TROUBLE
    sampling = asyncio.create_task(_sample(stand, marks))
    began, renames = time.monotonic(), Renames(stand, trouble.sales)
    try:
        for place, step in enumerate(plan.steps):
            for what, detail in plan.trouble.get(place, ()):
                trouble.start(what, detail, place)
            if step.kind == "rename":
                await renames.take(step.account)
            else:
                await trouble.sales.take(step)
            trouble.check()
            if place % 50 == 0:
                progress(f"{place} of {conditions.events} events")
            await asyncio.sleep(max(0.0, began + place / conditions.rate - time.monotonic()))
        progress("The trouble comes to an end")
        await trouble.end()
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        await trouble.cancel()
    trouble.counts["renames in the ERP"] = renames.done
    trouble.proxy.rates = CALM


async def _aftermath(result: Result, trouble: Troublemaker, marks: Marks, progress: Progress) -> None:
    stand, sales, mapping = trouble.stand, trouble.sales, trouble.mapping
    progress("Waiting for quiet, then changing the contacts, then correcting the mapping")
    await quiet(stand, mapping, QUIET_SECONDS)  # what is changed now is no longer read by an event's check
    await sales.change_contacts()
    await quiet(stand, mapping, QUIET_SECONDS)  # or the checks of the contacts do what healing is to do
    await mapping.correct_all()
    await stand.restart_host(0)
    standing = await _timed(result, "quiet", quiet(stand, mapping, QUIET_SECONDS))
    conditions = result.conditions
    truth = Truth(conditions.erp, sales.accounts, await sales.rows(), conditions.assigned)
    result.check("quiet after the storm", [*standing.restless, *standing.unsettled])
    result.check("customers equal before any replay", customers.unequal(truth, standing, parked_too=False))
    result.check("no account waits for a parent that has its customer", left_waiting(truth, standing))
    result.check("no account waits for a value that is mapped", waiting_in_vain(standing))
    result.facts["parked before the replay"] = _parked(standing)
    async with operator(settings_of(stand)) as app:
        result.facts["replayed"] = await replay_parked(app)
        progress(f"Waiting for quiet after the replay of {result.facts['replayed']} accounts")
        standing = await _timed(result, "replay", quiet(stand, mapping, QUIET_SECONDS))
        kept = await rejected_bodies(app)
    progress("Checking")
    marks.add(standing.customers)
    await _check(result, truth, standing, marks, sales, stand, kept)


async def _check(
    result: Result,
    truth: Truth,
    standing: Standing,
    marks: Marks,
    sales: Sales,
    stand: Stand,
    kept: list[bytes],
) -> None:
    ledger, jobs = Ledger(), await sales.jobs()
    for record in stand.records():
        ledger.add(record)
    result.check("quiet at the end", [*standing.restless, *standing.unsettled])
    result.check("every account's customer is equal", customers.unequal(truth, standing, parked_too=True))
    if truth.erp.parent:
        circles = planted(result.conditions.accounts)
        result.check("circles of parents end parked", opened(truth, standing, circles))
    result.check("no customer twice", customers.doubled(standing, truth))
    result.check("no customer written by another account", customers.foreign(standing, truth))
    result.check("no customer written by another account", marks.foreign())
    result.check("every event in a named place", places.unaccounted(jobs, ledger))
    result.check("what was not understood is kept", places.not_kept(sales.garbage, kept))
    result.check("no dead letters", places.dead(standing))
    result.check("issues and states in step", places.issues_differ(standing))
    result.check("nothing given up, no defect", places.bugs(ledger))
    result.check("requests in an outage under their cap", _over_cap(result.requests_in))
    result.outcomes = Counter({str(name): count for name, count in ledger.outcomes().items()})
    result.facts |= {
        "events posted": sum(job["state"] == "posted" for job in jobs),
        "lines of intake": len(ledger.intake),
        "related changes": sum(line["ending"] == "related" for line in ledger.intake),
        "messages": len(ledger.queued),
        "accounts": len(truth.accounts),
        "accounts deleted": sum(written.deleted for written in truth.accounts.values()),
        "customers": len(standing.customers),
        "customers with a parent's number": with_parent(truth, standing),
        "customers with payment terms": customers.with_terms(truth, standing),
        "parked for unmapped payment terms": places.parked_for(ledger, "UnmappedValue"),
        "parked at the end": _parked(standing),
    }


def _over_cap(requests_in: list[tuple[str, int]]) -> list[str]:
    return [f"{what}: {count} requests" for what, count in requests_in if count >= OUTAGE_CAP]


def _parked(standing: Standing) -> int:
    return sum(state.get("Phase") == "parked" for state in standing.states.values())


async def _sample(stand: Stand, marks: Marks) -> None:
    while True:
        marks.add((await look(stand)).customers)
        await asyncio.sleep(SAMPLE_SECONDS)


async def _timed[T](result: Result, name: str, work: Awaitable[T]) -> T:
    began = time.monotonic()
    found = await work
    result.seconds[name] = round(time.monotonic() - began, 1)
    return found
