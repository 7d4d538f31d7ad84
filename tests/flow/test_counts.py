"""The rows that the app's own pages read: complete after each minute, right again after a crash, and few."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from shared.diagnostics import keep_minutes
from shared.model.activity import KEPT, Activity, Way
from shared.model.faults import System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.resilience.keep_counts import KeepCounts
from shared.resilience.progress import Progress
from shared.telemetry.activity import COUNTED
from tests.fakes.clock import START
from tests.flow.world import World, account


@pytest.fixture
def world() -> World:
    return World()


def endings(world: World) -> dict[str, int]:
    found = [minute.endings for minute in world.counts.minutes.values()]
    return {ending: sum(one[ending] for one in found) for one in found for ending in one}


async def test_every_ending_and_the_lag_of_every_write_is_in_the_minutes(world: World) -> None:
    await world.sync(world.save("A1"), world.save("A2", "Galactic Credit"))
    told = [str(ending) for ending in world.endings()]
    assert endings(world) == {ending: told.count(ending) for ending in told}
    assert sum(minute.lag.total() for minute in world.counts.minutes.values()) == 1


async def test_an_instance_stores_at_once_and_then_no_more_for_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds:
            await waiting.wait()

    monkeypatch.setattr(keep_minutes.asyncio, "sleep", sleep)
    app = world.application()
    handle = app.sync_account.handle
    await handle(world.save("A1"))
    app.keep_minutes.soon()
    task = app.keep_minutes._task  # pyright: ignore[reportPrivateUsage]
    assert task is not None
    await task
    assert endings(world) == {"created": 1}
    for name in ("A2", "A3"):
        await handle(world.save(name))
        app.keep_minutes.soon()
    task = app.keep_minutes._task  # pyright: ignore[reportPrivateUsage]
    assert task is not None
    while not (waits := [seconds for seconds in slept if seconds > 1]):  # other tasks sleep less
        await asyncio.wait([task], timeout=0)
    assert endings(world) == {"created": 1}
    assert slept[0] == 0
    assert keep_minutes.EVERY - 30 < waits[0] <= keep_minutes.EVERY
    waiting.set()
    await task
    assert endings(world) == {"created": 3}


async def test_what_could_not_be_stored_is_stored_the_next_time(world: World) -> None:
    world.counts.trouble = TransientFault(System.TABLES, "answered 503")
    await world.sync(world.save("A1"))
    assert world.counts.minutes == {}
    world.counts.trouble = None
    await world.sync(world.save("A2"))
    assert endings(world) == {"created": 2}
    assert not COUNTED.waits


async def park(world: World, number: int) -> None:
    for place in range(number):
        await world.issues.put(account(f"P{place}"), Problem(Cause.MISSING_VALUE), START)


async def keep(world: World) -> None:
    """The part of a run of healing that counts."""
    progress = await Progress.begin(world.control, world.clock, timedelta(seconds=45))
    await KeepCounts(world.issues, world.counts).run(progress, 7)
    await progress.store()


async def test_each_run_of_healing_counts(world: World) -> None:
    await world.sync(world.save("A1", "Galactic Credit"))
    await world.application().heal.run()
    ended = world.counts.noted.ended
    assert ended is not None
    assert ended.causes == {"UnmappedCurrency": 1}
    assert [issue.account_id for issue in ended.newest] == [account("A1")]


async def test_heal_counts_the_parked_accounts_over_several_runs(world: World) -> None:
    world.issues.page_size = 10
    await park(world, 52)
    await keep(world)
    assert world.counts.noted.ended is None
    world.clock.advance(60)
    await keep(world)  # another instance goes on
    ended = world.counts.noted.ended
    assert ended is not None
    assert ended.causes == {"MissingValue": 52}
    assert ended.at == START, "as of the beginning of the count"


async def test_a_count_that_a_crash_left_wrong_is_right_after_the_next_one(world: World) -> None:
    await park(world, 3)
    await keep(world)
    await world.issues.remove("MissingValue", account("P1"))  # and nobody told
    world.clock.advance(60)
    await keep(world)
    ended = world.counts.noted.ended
    assert ended is not None
    assert (ended.causes, ended.at) == ({"MissingValue": 2}, world.clock.now())


async def test_a_count_that_stood_still_for_long_begins_anew(world: World) -> None:
    world.issues.page_size = 10
    await park(world, 52)
    await keep(world)
    world.clock.advance(2 * 3600)
    for _ in range(2):
        await keep(world)
    ended = world.counts.noted.ended
    assert ended is not None
    assert ended.at == START + timedelta(hours=2)
    assert ended.causes == {"MissingValue": 52}


async def test_heal_deletes_minutes_after_eight_days_a_bounded_number_a_run(world: World) -> None:
    old, kept = START - KEPT - timedelta(minutes=1), START - KEPT + timedelta(minutes=1)
    for minutes in range(150):
        await world.counts.add(Activity(old - timedelta(minutes=minutes), _updated()))
    await world.counts.add(Activity(kept, _updated()))
    await keep(world)
    assert len(world.counts.minutes) == 51
    await keep(world)
    assert [*world.counts.minutes] == [kept]


def _updated() -> Counter[Way]:
    return Counter({Way("webhook", "updated"): 1})
