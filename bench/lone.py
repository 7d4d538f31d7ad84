"""The suites `lone` and `burst`: one change at a time, and a hundred of one account within a second.

The lag of a lone change is the time from its commit in Sales to the answer of the ERP that stored it, less
what the two systems need by themselves. Table requests are read from the log of the table service; `heal`,
which runs once a minute, may come in between, so the least of three measurements counts.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median

from bench.drive import Users
from bench.figures import Figure
from bench.ground import OWN_LATENCY, Ground
from bench.spread import percentile, spread
from bench.stream import Event

CHANGES, TIMES, OTHER = 20, 3, 9
BURST = 100
APART_SECONDS = 0.5
SETTLED_SECONDS = 6.0  # longer than the burst delay
ENDINGS = ("created", "updated", "unchanged")


async def measure_lone(changes: int = CHANGES) -> list[Figure]:
    """Start a stand; measure the lag of lone changes, the first after a start, and their table requests."""
    async with Ground.start() as ground, Users.at(ground.stand.addresses, "L") as users:
        await create(ground, users, changes)
        await ground.slow()
        lags = await lags_of_changes(ground, users, range(changes), "one")
        ratios = [await _first_to_tenth(ground, users) for _ in range(TIMES)]
        await ground.fast()
        tables = [await _tables(ground, users, ending) for ending in ENDINGS]
    return [*_of_lags(lags), _of_first(ratios), *tables]


async def measure_burst(changes: int = BURST) -> list[Figure]:
    """Start a stand; change one account so many times within a second, and count the writes."""
    async with Ground.start() as ground, Users.at(ground.stand.addresses, "B") as users:
        await create(ground, users, 1)
        await ground.slow()
        await ground.forget_requests()
        watch = ground.watch()
        await asyncio.gather(*(_soon(users, number, changes) for number in range(changes)))
        await watch.until_ended(changes)
        writes = [one for one in await ground.requests_of("operations") if one["method"] != "GET"]
        seconds = watch.seconds()
    told = ", ".join(f"{count} {ending}" for ending, count in watch.endings().items() if count)
    return [
        Figure("burst/writes", f"writes after {changes} changes of one account", len(writes), detail=told),
        Figure("burst/seconds", "until the last of them ended", seconds, "s"),
    ]


async def _soon(users: Users, number: int, changes: int) -> None:
    await asyncio.sleep(number / changes)
    await users.change(0, telephone1=f"+45 {number}")


async def create(ground: Ground, users: Users, accounts: int) -> None:
    """Create accounts, and wait until they can be changed without a burst."""
    watch = ground.watch()
    await users.take([_creation(account) for account in range(accounts)])
    await watch.until_ended(accounts)
    await asyncio.sleep(SETTLED_SECONDS)


def _creation(account: int) -> Event:
    return Event(account, "create", {"name": f"Lone {account}", "currency": "Euro"})


async def lags_of_changes(ground: Ground, users: Users, accounts: Sequence[int], mark: str) -> list[float]:
    """The lag of a change of each account, one after the other."""
    lags: list[float] = []
    for account in accounts:
        await ground.forget_requests()
        watch = ground.watch()
        await users.take([Event(account, "change", {"telephone1": f"{mark} {account}"})])
        await watch.until_ended(1)
        committed = (await ground.requests_of("dataverse"))[0]
        stored = (await ground.requests_of("operations"))[-1]
        lags.append(_end(stored) - _end(committed) - OWN_LATENCY)
        await asyncio.sleep(APART_SECONDS)
    return lags


def _end(request: dict[str, float]) -> float:
    return request["time"] + request["ms"] / 1000


async def _first_to_tenth(ground: Ground, users: Users) -> float:
    """How much longer the first event after a start of the host takes than the tenth.

    An event whose session the host has not opened yet waits for that, so the least of the last three counts.
    """
    await ground.stand.restart_host()
    mark = datetime.now().astimezone().isoformat()
    await asyncio.sleep(SETTLED_SECONDS)
    lags = await lags_of_changes(ground, users, range(10), mark)
    return (lags[0] + OWN_LATENCY) / (min(lags[-3:]) + OWN_LATENCY)


async def _tables(ground: Ground, users: Users, ending: str) -> Figure:
    """The requests to the tables of one event that ends so."""
    events: Callable[[int], Event] = {
        "created": lambda time: _creation(1000 + time),
        "updated": lambda time: Event(time, "change", {"telephone1": f"table {time}"}),
        "unchanged": lambda time: Event(3 + time, "equal", {"name": f"Lone {3 + time}"}),
    }[ending]
    found = [await _requests(ground, users, events(time)) for time in range(TIMES)]
    least = min(found, key=len)
    text = f"table requests of an event that ends as {ending}"
    return Figure(f"lone/tables-{ending}", text, len(least), detail=", ".join(least))


async def _requests(ground: Ground, users: Users, event: Event) -> list[str]:
    await asyncio.sleep(SETTLED_SECONDS)
    other = Event(OTHER, "change", {"telephone1": f"before {event.account} {event.kind}"})
    for one in (other, event):  # the first reads what the process then keeps for some seconds
        before, watch = len(await ground.table_requests()), ground.watch()
        await users.take([one])
        await watch.until_ended(1)
    made = (await ground.table_requests())[before:]
    return [request.partition("?")[0].partition("(")[0] for request in made]


def _of_lags(lags: Sequence[float]) -> list[Figure]:
    text = "lag of a lone change above the systems' own latency"
    own = f"own latency {OWN_LATENCY:g} s"
    return [
        Figure("lone/lag-p50", text, percentile(lags, 0.5), "s", own),
        Figure("lone/lag-p95", text, percentile(lags, 0.95), "s", own),
    ]


def _of_first(ratios: Sequence[float]) -> Figure:
    text = "the first event after a start, to the tenth"
    return Figure("lone/first-to-tenth", text, median(ratios), "x", spread(ratios))
