"""What the app counts of itself: on the fake and on the table Control alike."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.model.activity import Activity, Way
from shared.model.issue import Issue
from shared.model.parked import NotedCount, ParkedCount, Walk
from shared.ports.counts import Counts
from shared.storage.counts import CountTable
from tests.contract.conftest import NewTables
from tests.fakes.counts import FakeCounts

NOW = datetime(2026, 11, 22, 23, 59, 31, 250_000, UTC)
MINUTE = NOW.replace(second=0, microsecond=0)


@pytest.fixture(params=["fake", "azurite", "memory"])
async def counts(request: pytest.FixtureRequest, new_tables: NewTables) -> Counts:
    return FakeCounts() if request.param == "fake" else CountTable(await new_tables[request.param]())


def activity(at: datetime = NOW, updated: int = 1) -> Activity:
    return Activity(
        at,
        Counter({Way("webhook", "updated"): updated, Way("catch-up", "parked"): 2}),
        Counter({Way("webhook", "queued"): 3}),
        Counter({0: updated, 14: 1}),
    )


async def test_nothing_was_done_before_anything_is_counted(counts: Counts) -> None:
    assert await counts.since(NOW - timedelta(days=8)) == []
    assert await counts.parked() == NotedCount()


async def test_what_several_instances_did_in_a_minute_is_one_row(counts: Counts) -> None:
    await counts.add(activity())
    await counts.add(activity(NOW + timedelta(seconds=20), 4))
    (found,) = await counts.since(NOW)
    assert found == Activity(
        MINUTE,
        Counter({Way("webhook", "updated"): 5, Way("catch-up", "parked"): 4}),
        Counter({Way("webhook", "queued"): 6}),
        Counter({0: 5, 14: 2}),
    )
    assert found.endings == {"updated": 5, "parked": 4}


async def test_instances_that_add_at_the_same_time_lose_nothing(counts: Counts) -> None:
    await asyncio.gather(*(counts.add(activity()) for _ in range(6)))
    (found,) = await counts.since(NOW)
    assert found.endings == {"updated": 6, "parked": 12}


async def test_minutes_come_from_the_one_asked_for_on_in_their_order(counts: Counts) -> None:
    for minutes in (0, 2, 1, 60 * 24):
        await counts.add(activity(NOW + timedelta(minutes=minutes)))
    found = await counts.since(NOW + timedelta(minutes=1, seconds=20))
    assert [one.at - MINUTE for one in found] == [timedelta(minutes=m) for m in (1, 2, 60 * 24)]


async def test_old_minutes_are_deleted_some_at_a_time(counts: Counts) -> None:
    for minutes in range(5):
        await counts.add(activity(NOW + timedelta(minutes=minutes)))
    old = NOW + timedelta(minutes=3)
    assert [await counts.remove_before(old, 2) for _ in range(3)] == [2, 1, 0]
    assert [one.at for one in await counts.since(NOW)] == [MINUTE + timedelta(minutes=m) for m in (3, 4)]


async def test_the_count_of_the_parked_accounts_comes_back_as_it_was(counts: Counts) -> None:
    issue = Issue("BadValue|ä", uuid4(), "BadValue", "ä", "Field", "Do.", 400, "x", "2026", "2027", 3)
    ended = ParkedCount(NOW, {"BadValue": 70_000, "KeyChanged": 1}, (issue,))
    noted = NotedCount(ended, Walk(ParkedCount(NOW, {"BadValue": 1}), '{"PartitionKey": "x"}'))
    await counts.put_parked(noted)
    assert await counts.parked() == noted
    await counts.put_parked(NotedCount(ended))
    assert await counts.parked() == NotedCount(ended)
