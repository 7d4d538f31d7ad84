"""Brings about the trouble of the plan: kills, lost locks and connections, reordering, outages."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import httpx

from local.chaos.conditions import HOSTS, Conditions
from local.chaos.mapping import Mapping
from local.chaos.proxy import TableProxy
from local.chaos.recovery import operator, settings_of
from local.chaos.sales import Sales
from local.chaos.weather import Weather
from local.stand import Stand
from shared.load.steer import LoadRefusedError, SteerLoad, Wanted
from shared.model.faults import Fault
from shared.model.load import LoadRun, Selection

STORM_SECONDS, AWAY_SECONDS, REORDER_SECONDS = 3.0, 2.5, 1.5
LONGEST_DEATH = 2.5
OTHER_PARTITIONS = (2, 3)  # than any target has by default
QUEUES = ("dataverse-events", "account-changes")
LOAD_SECONDS, LOOK_SECONDS = 40.0, 0.5
_A_LOAD = Wanted(Selection(), "chaos", max_creates=100_000)


@dataclass(slots=True)
class Troublemaker:
    """Starts trouble in the background; `end` waits for all of it and puts everything back."""

    conditions: Conditions
    stand: Stand
    sales: Sales
    weather: Weather
    proxy: TableProxy
    mapping: Mapping
    counts: Counter[str] = field(default_factory=Counter[str])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _hosts: list[asyncio.Lock] = field(default_factory=lambda: [asyncio.Lock() for _ in range(HOSTS)])
    _reordering: asyncio.Lock = field(default_factory=asyncio.Lock)

    def start(self, trouble: str, detail: str, place: int) -> None:
        """Begin one piece of trouble; errors come out of `check` and `end`."""
        self.counts[trouble] += 1
        random = Random(f"{self.conditions.seed} {place} {trouble}")
        self._tasks.add(asyncio.create_task(self._make(trouble, detail, random)))

    def check(self) -> None:
        """Raise the error of a piece of trouble that failed."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.remove(task)
            task.result()

    async def end(self) -> None:
        """Wait until all of it is over, both hosts are back, and nothing fails any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)
            self.check()
        await self.weather.has_met_the_erp()
        await self.weather.calm()

    async def cancel(self) -> None:
        """Stop at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make(self, trouble: str, detail: str, random: Random) -> None:
        match trouble:
            case "kill":
                await self._kill(int(detail), random)
            case "storm":
                await self.weather.storm(STORM_SECONDS)
            case "outage" | "wrong credentials":
                await self.weather.outage(trouble, self.conditions.outage)
            case "disconnect":
                await self._broker("/disconnect", {"clients": random.choice([3, "all"])})
            case "locks lost":
                await self._broker("/expire-locks", {"queue": random.choice(QUEUES)})
            case "reordering":
                await self._reorder(random)
            case "tables away":
                async with self.proxy.nobody_there():
                    await asyncio.sleep(AWAY_SECONDS)
            case "partitions":
                await self._change_partitions(random)
            case "refused creation":
                await self._refuse_creation()
            case _:
                await self._of_people(trouble, detail)

    async def _of_people(self, what: str, name: str) -> None:
        """People start a load, edit a mapping table, or rename a row in Sales whose name goes through one."""
        match what:
            case "load":
                await self._load()
            case "terms mapped":
                await self.mapping.correct_terms(name)
            case "terms renamed":
                await self.sales.rename_terms(name)
            case _:
                await self.mapping.correct(name)

    async def _kill(self, host: int, random: Random) -> None:
        async with self._hosts[host]:
            await self.stand.kill_host(host)
            await asyncio.sleep(random.uniform(0.1, LONGEST_DEATH))
            await self.stand.start_host(host)

    async def _change_partitions(self, random: Random) -> None:
        """Deploy with another number: one host after the other, while messages wait in the old sessions."""
        self.stand.change_settings({"SYNC_PARTITIONS": str(random.choice(OTHER_PARTITIONS))})
        for host in range(HOSTS):
            async with self._hosts[host]:
                await self.stand.restart_host(host)

    async def _refuse_creation(self) -> None:
        """The ERP inserts the next new customer, and refuses the creation then."""
        settings = {self.stand.options.erp.key: {"refuse_creates": 1}}
        (await self.sales.control.post("/settings", json=settings)).raise_for_status()

    async def _load(self) -> None:
        """A first load of all accounts; its checks are in other partitions than the accounts' events."""
        async with operator(settings_of(self.stand)) as app:
            steer, end = app.run_cases.steer_load, time.monotonic() + LOAD_SECONDS
            run = await _started(steer)
            while not run.state.is_over and time.monotonic() < end:
                await asyncio.sleep(LOOK_SECONDS)
                run = await steer.newest() or run
            with contextlib.suppress(LoadRefusedError):  # it is over
                run, _ = await steer.cancel("chaos")
        self.counts["checks of a load"] += run.sent

    async def _reorder(self, random: Random) -> None:
        async with self._reordering:
            await self.sales.control.post("/events/hold")
            await asyncio.sleep(REORDER_SECONDS)
            order = {"order": "random", "seed": random.randrange(1 << 30)}
            (await self.sales.control.post("/events/release", json=order)).raise_for_status()

    async def _broker(self, path: str, body: dict[str, object]) -> None:
        async with httpx.AsyncClient(base_url=self.stand.addresses.servicebus_control, timeout=60) as broker:
            (await broker.post(path, json=body)).raise_for_status()


async def _started(steer: SteerLoad) -> LoadRun:
    """Start a load as soon as Sales, which fails now and then, lets it be started."""
    while True:
        with contextlib.suppress(Fault):
            return await steer.start(_A_LOAD)
        await asyncio.sleep(LOOK_SECONDS)
