"""Breakers, hourly allowances, healed mappings and bookmarks: on the fakes and on the table Control alike."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.model.breaker import Breaker, Refusal
from shared.model.faults import StateConflict, System
from shared.ports.recovery import (
    Allowances,
    Bookmark,
    Bookmarks,
    BreakerRows,
    Handled,
    HandledMappings,
)
from shared.storage.control import (
    MAPPING,
    AllowanceTable,
    BookmarkTable,
    BreakerTable,
    ControlTable,
    HandledTable,
)
from tests.contract.conftest import NewTable
from tests.fakes.tables import FakeAllowances, FakeBookmarks, FakeBreakers, FakeHandled

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)


class Control:
    """The three ports over one fresh table, real or fake."""

    def __init__(
        self,
        breakers: BreakerRows,
        allowances: Allowances,
        handled: HandledMappings,
        bookmarks: Bookmarks,
    ) -> None:
        self.breakers = breakers
        self.allowances = allowances
        self.handled = handled
        self.bookmarks = bookmarks


@pytest.fixture(params=["fake", "azurite"])
async def control(request: pytest.FixtureRequest, new_table: NewTable) -> AsyncIterator[Control]:
    if request.param == "fake":
        yield Control(FakeBreakers(), FakeAllowances(), FakeHandled(), FakeBookmarks())
        return
    table = ControlTable(await new_table())
    yield Control(BreakerTable(table), AllowanceTable(table), HandledTable(table), BookmarkTable(table))


async def test_a_breaker_is_read_as_it_was_put(control: Control) -> None:
    breaker = Breaker(System.OPERATIONS).opened(NOW, 30, "answered 503").probing(NOW + timedelta(seconds=20))
    etag = await control.breakers.put(breaker, None)
    assert await control.breakers.read() == {System.OPERATIONS: (breaker, etag)}
    closed = breaker.closed(NOW)
    etag = await control.breakers.put(closed, etag)
    assert await control.breakers.read() == {System.OPERATIONS: (closed, etag)}


async def test_refusals_are_kept_with_their_breaker(control: Control) -> None:
    """The way is text from outside; whatever it is, it comes back as it was."""
    breaker = Breaker(System.DATAVERSE)
    for place in range(3):
        breaker = breaker.with_refusal(
            Refusal('write-back 400 "0x8"|ü', uuid4(), NOW + timedelta(seconds=place))
        )
    etag = await control.breakers.put(breaker, None)
    assert await control.breakers.read() == {System.DATAVERSE: (breaker, etag)}
    opened = breaker.opened_by_refusals(breaker.refusals[0].way, NOW, 300, "refused").probing_by_account(NOW)
    assert opened.prober == breaker.refusals[0].account_id
    etag = await control.breakers.put(opened, etag)
    assert await control.breakers.read() == {System.DATAVERSE: (opened, etag)}
    etag = await control.breakers.put(opened.closed(NOW), etag)
    assert await control.breakers.read() == {System.DATAVERSE: (opened.closed(NOW), etag)}


async def test_of_two_who_change_a_breaker_the_second_is_refused(control: Control) -> None:
    breaker = Breaker(System.DATAVERSE, paused_by="anna")
    etag = await control.breakers.put(breaker, None)
    with pytest.raises(StateConflict):
        await control.breakers.put(breaker, None)
    await control.breakers.put(replace(breaker, paused_by="bert"), etag)
    with pytest.raises(StateConflict):
        await control.breakers.put(breaker, etag)


async def test_an_allowance_is_used_up_and_the_next_hour_has_its_own(control: Control) -> None:
    reserve = control.allowances.reserve
    granted = [await reserve("creates", HOUR, 3, 7) for _ in range(4)]
    assert granted == [3, 3, 1, 0]
    assert await reserve("blocks", HOUR, 3, 7) == 3
    assert await reserve("creates", HOUR + timedelta(hours=1), 3, 7) == 3


async def test_healed_mappings_are_remembered_by_any_name_and_forgotten(control: Control) -> None:
    handled = control.handled
    rows = {"rand r/c #1": Handled("v1", NOW, done=False), "złoty": Handled("v2", NOW, done=True)}
    await handled.put(rows)
    assert await handled.read() == rows
    await handled.put({"złoty": Handled("v3", NOW, done=False)})
    await handled.remove(["rand r/c #1"])
    assert await handled.read() == {"złoty": Handled("v3", NOW, done=False)}


async def test_thousands_of_healed_mappings_are_written_and_forgotten(control: Control) -> None:
    rows = {f"currency {number}": Handled(f"v{number}", NOW, done=True) for number in range(1250)}
    await control.handled.put(rows)
    assert await control.handled.read() == rows
    await control.handled.remove(rows.keys())
    await control.handled.put({})
    assert await control.handled.read() == {}


async def test_the_mappings_of_one_scan_are_told_apart(control: Control) -> None:
    rows = {
        "euro": Handled("v1", NOW, done=False, scan="scan 1"),
        "yen": Handled("v2", NOW, done=False, scan="scan 2"),
        "złoty": Handled("v3", NOW, done=True),
    }
    await control.handled.put(rows)
    assert await control.handled.of("scan 1") == {"euro": rows["euro"]}
    assert await control.handled.of("scan 3") == {}
    assert await control.handled.read() == rows


async def test_a_mapping_that_an_earlier_version_noted_is_read_as_it_is(new_table: NewTable) -> None:
    table = ControlTable(await new_table())
    old = {"Version": "v1", "FirstScanAt": NOW.isoformat(), "Done": False}
    await table.put(MAPPING, "euro", old, None)
    assert await HandledTable(table).read() == {"euro": Handled("v1", NOW, done=False)}


async def test_a_bookmark_is_read_as_it_was_put_until_it_is_removed(control: Control) -> None:
    bookmark = Bookmark(NOW, "second", '{"PartitionKey": "1!8!YQ--"}', "0af", NOW + timedelta(seconds=9))
    await control.bookmarks.put("scan 20261122T123000000000", bookmark)
    await control.bookmarks.put("issues", Bookmark(NOW))
    assert await control.bookmarks.read() == {
        "scan 20261122T123000000000": bookmark,
        "issues": Bookmark(NOW),
    }
    for _ in range(2):
        await control.bookmarks.remove("scan 20261122T123000000000")
    assert await control.bookmarks.read() == {"issues": Bookmark(NOW)}
