"""Breakers, hourly allowances, healed mappings and bookmarks: on the fakes and on the table Control alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableClient

from shared.model.breaker import Breaker, Refusal
from shared.model.control import Answered, Bookmark, Handled, InUse, Untaken
from shared.model.faults import StateConflict, System
from shared.model.mapping import CURRENCIES, value_table
from shared.ports import Control
from shared.storage.control import MAPPING, ControlTable
from tests.contract.conftest import NewTable, NewTables
from tests.fakes.table_client import TableService
from tests.fakes.tables import FakeControl

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)


@pytest.fixture(params=["fake", "azurite", "memory"])
async def control(request: pytest.FixtureRequest, new_tables: NewTables) -> Control:
    return FakeControl() if request.param == "fake" else ControlTable(await new_tables[request.param]())


async def test_a_breaker_is_read_as_it_was_put(control: Control) -> None:
    breaker = Breaker(System.OPERATIONS).opened(NOW, 30, "answered 503").probing(NOW + timedelta(seconds=20))
    etag = await control.put_breaker(breaker, None)
    assert await control.breakers() == {System.OPERATIONS: (breaker, etag)}
    closed = breaker.closed(NOW)
    etag = await control.put_breaker(closed, etag)
    assert await control.breakers() == {System.OPERATIONS: (closed, etag)}


async def test_refusals_are_kept_with_their_breaker(control: Control) -> None:
    """The way is text from outside; whatever it is, it comes back as it was."""
    breaker = Breaker(System.DATAVERSE)
    for place in range(3):
        breaker = breaker.with_refusal(
            Refusal('write-back 400 "0x8"|ü', uuid4(), NOW + timedelta(seconds=place))
        )
    etag = await control.put_breaker(breaker, None)
    assert await control.breakers() == {System.DATAVERSE: (breaker, etag)}
    opened = breaker.opened_by_refusals(breaker.refusals[0].way, NOW, 300, "refused").probing_by_account(NOW)
    assert opened.prober == breaker.refusals[0].account_id
    etag = await control.put_breaker(opened, etag)
    assert await control.breakers() == {System.DATAVERSE: (opened, etag)}
    etag = await control.put_breaker(opened.closed(NOW), etag)
    assert await control.breakers() == {System.DATAVERSE: (opened.closed(NOW), etag)}


async def test_of_two_who_change_a_breaker_the_second_is_refused(control: Control) -> None:
    breaker = Breaker(System.DATAVERSE, paused_by="anna")
    etag = await control.put_breaker(breaker, None)
    with pytest.raises(StateConflict):
        await control.put_breaker(breaker, None)
    await control.put_breaker(replace(breaker, paused_by="bert"), etag)
    with pytest.raises(StateConflict):
        await control.put_breaker(breaker, etag)


async def test_an_allowance_is_used_up_and_the_next_hour_has_its_own(control: Control) -> None:
    reserve = control.reserve
    granted = [await reserve("creates", HOUR, 3, 7) for _ in range(4)]
    assert granted == [3, 3, 1, 0]
    assert await reserve("blocks", HOUR, 3, 7) == 3
    assert await reserve("creates", HOUR + timedelta(hours=1), 3, 7) == 3


async def test_instances_share_an_allowance_whoever_asks_next(new_table: NewTable) -> None:
    table = await new_table()
    one, other = ControlTable(table), ControlTable(table)
    turns = [one, one, other, one, other, other, one, other]
    granted = [await turn.reserve("creates", HOUR, 3, 19) for turn in turns]
    assert granted == [3, 3, 3, 3, 3, 3, 1, 0]


async def test_an_instance_that_reserves_again_asks_once() -> None:
    service = TableService()
    control = ControlTable(cast(TableClient, service.table("Control")))
    for _ in range(5):
        await control.reserve("creates", HOUR, 3, 1_000)
    assert len(service.requests) == 1 + 5, "it reads the row once"


async def test_healed_mappings_are_remembered_by_any_name_and_forgotten(control: Control) -> None:
    rows = {"rand r/c #1": Handled("v1", NOW, done=False), "złoty": Handled("v2", NOW, done=True)}
    await control.put_handled(CURRENCIES, rows)
    assert await control.handled(CURRENCIES) == rows
    await control.put_handled(CURRENCIES, {"złoty": Handled("v3", NOW, done=False)})
    await control.remove_handled(CURRENCIES, ["rand r/c #1"])
    assert await control.handled(CURRENCIES) == {"złoty": Handled("v3", NOW, done=False)}


async def test_thousands_of_healed_mappings_are_written_and_forgotten(control: Control) -> None:
    rows = {f"currency {number}": Handled(f"v{number}", NOW, done=True) for number in range(1250)}
    await control.put_handled(CURRENCIES, rows)
    assert await control.handled(CURRENCIES) == rows
    await control.remove_handled(CURRENCIES, rows.keys())
    await control.put_handled(CURRENCIES, {})
    assert await control.handled(CURRENCIES) == {}


async def test_the_mappings_of_one_scan_are_told_apart(control: Control) -> None:
    rows = {
        "euro": Handled("v1", NOW, done=False, scan="scan 1"),
        "yen": Handled("v2", NOW, done=False, scan="scan 2"),
        "złoty": Handled("v3", NOW, done=True),
    }
    await control.put_handled(CURRENCIES, rows)
    assert await control.handled(CURRENCIES, "scan 1") == {"euro": rows["euro"]}
    assert await control.handled(CURRENCIES, "scan 3") == {}
    assert await control.handled(CURRENCIES) == rows


async def test_the_mappings_of_each_table_are_told_apart(control: Control) -> None:
    terms, rows = value_table("payment-terms"), {"euro": Handled("v1", NOW, done=False, scan="scan 1")}
    await control.put_handled(terms, rows)
    assert await control.handled(CURRENCIES) == {}
    assert await control.handled(value_table("payment")) == {}
    assert await control.handled(terms, "scan 1") == rows
    await control.remove_handled(terms, ["euro"])
    assert await control.handled(terms) == {}


async def test_a_mapping_that_an_earlier_version_noted_is_read_as_it_is(new_table: NewTable) -> None:
    table = await new_table()
    old = {"Version": "v1", "FirstScanAt": NOW.isoformat(), "Done": False}
    await table.create_entity({"PartitionKey": MAPPING, "RowKey": "euro", **old})
    assert await ControlTable(table).handled(CURRENCIES) == {"euro": Handled("v1", NOW, done=False)}


async def test_a_bookmark_is_read_as_it_was_put_until_it_is_removed(control: Control) -> None:
    bookmark = Bookmark(NOW, "second", '{"PartitionKey": "1!8!YQ--"}', "0af", NOW + timedelta(seconds=9))
    await control.put_bookmarks({"scan 20261122T123000000000": bookmark, "issues": Bookmark(NOW)})
    assert await control.bookmarks() == {
        "scan 20261122T123000000000": bookmark,
        "issues": Bookmark(NOW),
    }
    for _ in range(2):
        await control.remove_bookmark("scan 20261122T123000000000")
    assert await control.bookmarks() == {"issues": Bookmark(NOW)}


async def test_systems_on_hold_are_noted_and_forgotten(control: Control) -> None:
    assert await control.held_since() == {}
    await control.put_held({"operations": NOW, "dataverse": NOW})
    await control.remove_held(["operations"])
    assert await control.held_since() == {"dataverse": NOW}


@pytest.mark.parametrize("times", [1, 2])
async def test_the_last_answer_to_a_probe_is_kept(control: Control, times: int) -> None:
    assert await control.last_answer() is None
    for number in range(times):
        await control.put_answer(Answered(NOW, f"build {number}"))
    assert await control.last_answer() == Answered(NOW, f"build {times - 1}")


async def test_changes_that_are_not_taken_are_noted_and_forgotten(control: Control) -> None:
    assert await control.untaken() is None
    for untaken in (Untaken(NOW), Untaken(NOW, "Restart the app."), None, None):
        await control.put_untaken(untaken)
        assert await control.untaken() == untaken


@pytest.mark.parametrize("adopted_at", [None, NOW])
async def test_the_erp_in_use_is_kept(control: Control, adopted_at: datetime | None) -> None:
    assert await control.target_in_use() is None
    for company in ("", "CRONUS's \u00d8st"):
        in_use = InUse("business-central", "api.invalid", "/v2.0/contoso.com/production", company, adopted_at)
        await control.put_target_in_use(in_use)
        assert await control.target_in_use() == in_use
