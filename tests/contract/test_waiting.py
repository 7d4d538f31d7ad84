"""The ports WaitingWork and ProbeAnswers over Azurite."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.model.state import Phase, SyncState
from shared.ports.waiting import Answered
from shared.storage.states import StateTable
from shared.storage.waiting import ProbeTable, WaitingTable
from tests.contract.conftest import NewTable

MOMENT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def state(**members: object) -> SyncState:
    blank = SyncState(account_id=uuid4(), organization_id=uuid4())
    return replace(blank, **members)  # pyright: ignore[reportArgumentType]


async def test_only_accounts_that_wait_are_read_each_with_its_moment(new_table: NewTable) -> None:
    table = await new_table()
    states = StateTable(table)
    for one in (
        state(phase=Phase.SYNCED),
        state(phase=Phase.RETRYING, retrying_since=MOMENT, unknown_until=MOMENT + timedelta(hours=1)),
        state(phase=Phase.SYNCED, unknown_until=MOMENT + timedelta(minutes=1)),
    ):
        await states.put(one, None)
    page = await WaitingTable(table, await new_table()).page(None)
    assert sorted(page.since) == [MOMENT, MOMENT + timedelta(minutes=1)]
    assert page.next is None


async def test_a_scan_goes_on_where_the_service_ended_a_page(new_table: NewTable) -> None:
    """The Table service answers at most 1,000 rows a request."""
    table = await new_table()
    operations = [
        (
            "upsert",
            {"PartitionKey": "p", "RowKey": f"{number:04}", "RetryingSince": MOMENT.isoformat()},
        )
        for number in range(1100)
    ]
    for start in range(0, len(operations), 100):
        await table.submit_transaction(operations[start : start + 100])
    work = WaitingTable(table, await new_table())
    first = await work.page(None)
    assert first.next is not None
    second = await work.page(first.next)
    assert (len(first.since), len(second.since), second.next) == (1000, 100, None)


async def test_systems_are_remembered_and_forgotten(new_table: NewTable) -> None:
    work = WaitingTable(await new_table(), await new_table())
    assert await work.systems() == {}
    await work.remember({"operations": MOMENT, "dataverse": MOMENT})
    await work.forget(["operations"])
    assert await work.systems() == {"dataverse": MOMENT}


@pytest.mark.parametrize("times", [1, 2])
async def test_the_last_answer_to_a_probe_is_kept(new_table: NewTable, times: int) -> None:
    answers = ProbeTable(await new_table())
    assert await answers.last() is None
    for number in range(times):
        await answers.put(Answered(MOMENT, f"build {number}"))
    assert await answers.last() == Answered(MOMENT, f"build {times - 1}")
