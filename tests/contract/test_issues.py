"""The port Issues: the fake and Azurite behave alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.adapters.issue_table import IssueTable
from shared.model.outcome import Cause, Problem
from shared.ports import Issues
from tests.contract.conftest import NewTable
from tests.fakes.tables import FakeIssues

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UNMAPPED = Problem(Cause.UNMAPPED_CURRENCY, value="us dollar")
REFUSED = Problem(
    Cause.REFUSED, field="CustomerGroupId", status=400, error_type="AxODataWriteException", value=""
)
VALUES = ["O'Neil", "a/b", "a\\b#c?d%e", "ü€😀", "\u0081", "x" * 512, "/" * 512, "€" * 512, "%2F", "=1"]


class Kept(NamedTuple):
    """The port, and how often an account's row under a key was put: 0 if it is not there."""

    issues: Issues
    times: Callable[[str, UUID], Awaitable[int]]


@pytest.fixture(params=["fake", "azurite"])
async def kept(request: pytest.FixtureRequest, new_table: NewTable) -> AsyncIterator[Kept]:
    if request.param == "fake":
        fake = FakeIssues()

        async def counted(key: str, account_id: UUID) -> int:
            row = fake.rows.get((key, account_id))
            return row[1] if row else 0

        yield Kept(fake, counted)
        return
    table = await new_table()

    async def stored(key: str, account_id: UUID) -> int:
        try:
            return (await table.get_entity(key, str(account_id)))["Count"]
        except ResourceNotFoundError:
            return 0

    yield Kept(IssueTable(table), stored)


async def test_a_row_is_there_until_it_is_removed(kept: Kept) -> None:
    account = uuid4()
    await kept.issues.put(account, UNMAPPED, NOW)
    assert await kept.times(UNMAPPED.key, account) == 1
    await kept.issues.remove(UNMAPPED.key, account)
    assert await kept.times(UNMAPPED.key, account) == 0


async def test_a_row_counts_how_often_it_was_put(kept: Kept) -> None:
    account = uuid4()
    for number in range(1, 4):
        await kept.issues.put(account, UNMAPPED, NOW)
        assert await kept.times(UNMAPPED.key, account) == number


async def test_causes_and_accounts_have_their_own_rows(kept: Kept) -> None:
    one, other = uuid4(), uuid4()
    await kept.issues.put(one, UNMAPPED, NOW)
    await kept.issues.put(one, REFUSED, NOW)
    await kept.issues.put(other, UNMAPPED, NOW)
    await kept.issues.remove(UNMAPPED.key, one)
    found = [await kept.times(problem.key, id_) for problem in (UNMAPPED, REFUSED) for id_ in (one, other)]
    assert found == [0, 1, 1, 0]


async def test_removing_nothing_is_no_fault(kept: Kept) -> None:
    await kept.issues.remove("UnmappedCurrency|nothing", uuid4())


async def test_any_value_makes_a_row_of_its_own(kept: Kept) -> None:
    account = uuid4()
    problems = [Problem(Cause.UNMAPPED_CURRENCY, value=value) for value in VALUES]
    for problem in problems:
        await kept.issues.put(account, problem, NOW)
    for problem in problems:
        assert await kept.times(problem.key, account) == 1, problem.value
        await kept.issues.remove(problem.key, account)
        assert await kept.times(problem.key, account) == 0, problem.value


async def entity(table: TableClient, problem: Problem, account: UUID) -> dict[str, object]:
    return {**await table.get_entity(problem.key, str(account))}


async def test_the_row_tells_what_happened_and_what_to_do(new_table: NewTable) -> None:
    table, account = await new_table(), uuid4()
    issues = IssueTable(table)
    for minutes in (0, 5):
        await issues.put(account, REFUSED, NOW + timedelta(minutes=minutes))
    expected = {
        "PartitionKey": "RefusedByOperations",
        "RowKey": str(account),
        "Cause": "RefusedByOperations",
        "Value": "",
        "Field": "CustomerGroupId",
        "ErrorType": "AxODataWriteException",
        "Status": 400,
        "Remedy": REFUSED.remedy,
        "FirstAt": NOW.isoformat(),
        "LastAt": (NOW + timedelta(minutes=5)).isoformat(),
        "Count": 2,
    }
    assert expected.items() <= (await entity(table, REFUSED, account)).items()
