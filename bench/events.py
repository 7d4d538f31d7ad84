"""The suite `stream`: the mixed stream through the app and through the recipe, on one stand.

Requests and lag: paced at eight events a second. Events a second: drained from a backlog, in pairs of app and
recipe, one right after the other, so that both have the same machine. An event of the app has ended when the
check that serves it has ended, also where a burst was merged into a later check.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from bench.drive import Posted, Users
from bench.figures import Figure
from bench.ground import Ground, Watch
from bench.recipe import Recipe
from bench.spread import percentile, spread
from bench.stream import ACCOUNTS, CHANGES, EVENTS, Event, make_stream

A_SECOND = 8.0
PAIRS, WORKERS, FOR_ONE_WORKER = 3, 8, 120


@dataclass(frozen=True, slots=True)
class Paced:
    """What one paced run cost: requests by system, the lag of each change, and CPU time, in seconds."""

    requests: dict[str, int]
    lags: list[float]
    endings: dict[str, int] = field(default_factory=dict[str, int])
    cpu: float = 0.0

    @property
    def of_both(self) -> int:
        """Requests to Dataverse and the ERP together."""
        return self.requests["dataverse"] + self.requests["operations"]


@dataclass(slots=True)
class StreamSuite:
    """The runs over one stand; each has accounts of its own."""

    ground: Ground
    stream: Sequence[Event]
    runs: int = 0

    async def figures(self, pairs: int) -> list[Figure]:
        """Measure everything."""
        app = await self.paced_app()
        await self.ground.stand.stop_host()
        recipe = await self.paced_recipe()
        speeds = [(await self.drained_app(), await self.drained_recipe()) for _ in range(pairs)]
        alone = await self.drained_recipe(self.stream[:FOR_ONE_WORKER], workers=1)
        events = len(self.stream)
        return [*_requests(app, recipe, events), *_lags(app, recipe), *_speeds(speeds, alone)]

    async def paced_app(self) -> Paced:
        """The app with the stream as it comes."""
        ground, watch = self.ground, self.ground.watch()
        await ground.slow()
        async with self._users() as users:
            before, cpu = await ground.table_requests(), ground.host_cpu()
            await ground.forget_requests()
            posted = await users.take(self.stream, A_SECOND)
            await watch.until_ended(len(self.stream))
            cpu = ground.host_cpu() - cpu
            requests = await self._counted(users, len(await ground.table_requests()) - len(before))
        await ground.fast()
        return Paced(requests, _lags_of(posted, watch), dict(watch.endings()), cpu)

    async def paced_recipe(self) -> Paced:
        """The recipe, eight workers, with the stream as it comes."""
        ground = self.ground
        await ground.slow()
        async with self._users() as users, Recipe.at(ground.stand.addresses) as recipe:
            before = await ground.table_requests()
            await ground.forget_requests()
            taking = asyncio.create_task(recipe.run(len(self.stream), WORKERS))
            posted = await users.take(self.stream, A_SECOND)
            await taking
            requests = await self._counted(users, len(await ground.table_requests()) - len(before))
        await ground.fast()
        return Paced(requests, _until(recipe.done, posted))

    async def drained_app(self) -> float:
        """Events a second of the app, from a backlog; its host is started with the first of them."""
        ground = self.ground
        async with self._users() as users:
            await users.take(self.stream)
        await ground.slow()
        watch = ground.watch()
        await ground.stand.start_host()
        await watch.until_ended(len(self.stream))
        await ground.stand.stop_host()
        await ground.fast()
        return len(self.stream) / watch.seconds()

    async def drained_recipe(self, stream: Sequence[Event] = (), workers: int = WORKERS) -> float:
        """Events a second of the recipe, from a backlog."""
        stream = stream or self.stream
        async with self._users() as users:
            await users.take(stream)
        await self.ground.slow()
        async with Recipe.at(self.ground.stand.addresses) as recipe:
            seconds = await recipe.run(len(stream), workers)
        await self.ground.fast()
        return len(stream) / seconds

    def _users(self) -> Users:
        self.runs += 1
        return Users.at(self.ground.stand.addresses, f"R{self.runs}")

    async def _counted(self, users: Users, tables: int) -> dict[str, int]:
        return {
            "dataverse": len(await self.ground.requests_of("dataverse")) - users.requests,
            "operations": len(await self.ground.requests_of("operations")),
            "tables": tables,
        }


async def measure(events: int = EVENTS, accounts: int = ACCOUNTS, pairs: int = PAIRS) -> list[Figure]:
    """Start a stand and measure."""
    async with Ground.start() as ground:
        return await StreamSuite(ground, make_stream(events, accounts)).figures(pairs)


def _requests(app: Paced, recipe: Paced, events: int) -> list[Figure]:
    told = ", ".join(f"{count} {ending}" for ending, count in sorted(app.endings.items()))
    texts = {"dataverse": "Dataverse", "operations": "ERP", "tables": "table"}
    each = [
        Figure(
            f"stream/{'recipe-' * of_recipe}{text.lower()}-requests",
            f"{text} requests an event{' of the recipe' * of_recipe}, paced",
            paced.requests[system] / events,
        )
        for of_recipe, paced in enumerate((app, recipe))
        for system, text in texts.items()
    ]
    ratio = app.of_both / recipe.of_both
    together = f"{app.of_both} against {recipe.of_both}; {told}"
    text = "requests to Dataverse and the ERP, of the recipe's"
    return [
        *each,
        Figure("stream/requests-to-recipe", text, ratio, detail=together),
        Figure("stream/host-cpu", "CPU of host and app an event, paced", app.cpu / events * 1000, "ms"),
    ]


def _lags(app: Paced, recipe: Paced) -> list[Figure]:
    return [
        Figure(
            f"stream/{name}lag-p{share * 100:.0f}",
            f"lag of a change, {text}, paced",
            percentile(lags, share),
            "s",
        )
        for name, text, lags in (("", "app", app.lags), ("recipe-", "recipe, eight workers", recipe.lags))
        for share in (0.5, 0.95)
    ]


def _speeds(pairs: Sequence[tuple[float, float]], alone: float) -> list[Figure]:
    ours, theirs = [app for app, _ in pairs], [recipe for _, recipe in pairs]
    ratios = [app / recipe for app, recipe in pairs]
    of_one = [app / alone for app in ours]
    return [
        Figure("stream/app-speed", "app, from a backlog", median(ours), "events/s", spread(ours)),
        Figure("stream/recipe8-speed", "recipe, eight workers", median(theirs), "events/s", spread(theirs)),
        Figure("stream/recipe1-speed", "recipe, one worker, 120 events", alone, "events/s"),
        Figure(
            "stream/speed-to-eight-workers", "speed to eight workers", median(ratios), "x", spread(ratios)
        ),
        Figure("stream/speed-to-one-worker", "speed to one worker", median(of_one), "x", spread(of_one)),
    ]


def _lags_of(posted: Sequence[Posted], watch: Watch) -> list[float]:
    """The lag of each creation and change: until its check, or the check that served it, ended."""
    return _until(watch.ends(), posted)


def _until(ends: Mapping[str, datetime], posted: Sequence[Posted]) -> list[float]:
    return [
        (ends[one.operation_id] - one.created_at).total_seconds()
        for one in posted
        if one.event.kind in CHANGES
    ]
