"""The port Issues: the fake and Azurite behave alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.model.issue import ParkedAccount, Seen
from shared.model.outcome import Cause, Problem
from shared.model.state import ScannedAccount
from shared.ports import Issues
from shared.storage.issues import IssueTable
from tests.contract.conftest import NewTable, NewTables
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


@pytest.fixture(params=["fake", "azurite", "memory"])
async def kept(request: pytest.FixtureRequest, new_tables: NewTables) -> AsyncIterator[Kept]:
    if request.param == "fake":
        fake = FakeIssues()

        async def counted(key: str, account_id: UUID) -> int:
            row = fake.rows.get((key, account_id))
            return row[1] if row else 0

        yield Kept(fake, counted)
        return
    table = await new_tables[request.param]()

    async def stored(key: str, account_id: UUID) -> int:
        try:
            return (await table.get_entity(key, str(account_id)))["Count"]
        except ResourceNotFoundError:
            return 0

    yield Kept(IssueTable(table), stored)


SEEN = Seen("0a11ce00-0000-4000-8000-000000000001", NOW.isoformat(), "asked O'Neil; ü€😀 <b>")


async def test_who_has_seen_a_row_stays_until_the_row_is_removed(kept: Kept) -> None:
    account, key = uuid4(), UNMAPPED.key
    assert not await kept.issues.mark_seen(key, account, SEEN)
    assert await kept.times(key, account) == 0
    await kept.issues.put(account, UNMAPPED, NOW)
    assert [row.seen for row in await kept.issues.report(key)] == [None]
    assert await kept.issues.mark_seen(key, account, SEEN)
    await kept.issues.put(account, UNMAPPED, NOW)  # parked once more
    assert [(row.seen, row.count) for row in await kept.issues.report(key)] == [(SEEN, 2)]
    again = Seen(SEEN.by, SEEN.at)
    assert await kept.issues.mark_seen(key, account, again)
    assert [row.seen for row in await kept.issues.report(key)] == [again]
    await kept.issues.remove(key, account)
    await kept.issues.put(account, UNMAPPED, NOW)
    assert [row.seen for row in await kept.issues.report(key)] == [None]


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
        "PartitionKey": "RefusedByErp",
        "RowKey": str(account),
        "Cause": "RefusedByErp",
        "Value": "",
        "Field": "CustomerGroupId",
        "ErrorType": "AxODataWriteException",
        "Status": 400,
        "Remedy": REFUSED.remedy(),
        "FirstAt": NOW.isoformat(),
        "LastAt": (NOW + timedelta(minutes=5)).isoformat(),
        "Count": 2,
    }
    assert expected.items() <= (await entity(table, REFUSED, account)).items()


async def listed(kept: Kept, cause: Cause = Cause.UNMAPPED_CURRENCY) -> list[ParkedAccount]:
    """All rows of a cause, page by page."""
    rows, after = list[ParkedAccount](), ""
    while True:
        page = await kept.issues.page(cause, after)
        rows += page.rows
        if not (after := page.after):
            return rows


async def test_what_healing_noted_is_forgotten_when_the_account_is_parked_again(kept: Kept) -> None:
    account = uuid4()
    await kept.issues.put(account, UNMAPPED, NOW)
    await kept.issues.mark_healed(await listed(kept), "v1")
    assert [row.healed for row in await listed(kept)] == ["v1"]
    await kept.issues.put(account, UNMAPPED, NOW)
    assert [row.healed for row in await listed(kept)] == [""]
    assert await kept.times(UNMAPPED.key, account) == 2


async def test_a_row_may_get_another_remedy_with_the_mark(kept: Kept) -> None:
    await kept.issues.put(uuid4(), UNMAPPED, NOW)
    await kept.issues.mark_healed(await listed(kept), "v1", "Ask Ann.")
    await kept.issues.mark_healed(await listed(kept), "v2")
    assert [issue.remedy for issue in await kept.issues.report()] == ["Ask Ann."]
    assert [row.healed for row in await listed(kept)] == ["v2"]


async def test_only_rows_that_stand_as_they_were_read_are_marked_as_healed(kept: Kept) -> None:
    kept_row, again, gone = (uuid4() for _ in range(3))
    for account in (kept_row, again, gone):
        await kept.issues.put(account, UNMAPPED, NOW)
    rows = await listed(kept)
    await kept.issues.put(again, UNMAPPED, NOW)
    await kept.issues.remove(UNMAPPED.key, gone)
    await kept.issues.mark_healed(rows, "v1")
    assert {row.account_id: row.healed for row in await listed(kept)} == {kept_row: "v1", again: ""}
    assert await kept.times(UNMAPPED.key, gone) == 0
    await kept.issues.mark_healed([], "v1")


async def test_a_hundred_rows_of_one_key_are_marked_at_once(kept: Kept) -> None:
    for _ in range(100):
        await kept.issues.put(uuid4(), UNMAPPED, NOW)
    await kept.issues.mark_healed(await listed(kept), "v1")
    assert {row.healed for row in await listed(kept)} == {"v1"}


async def test_the_pages_of_a_cause_hold_its_rows_and_no_others(kept: Kept) -> None:
    yen, pound, other = uuid4(), uuid4(), uuid4()
    await kept.issues.put(yen, Problem(Cause.UNMAPPED_CURRENCY, value="yen"), NOW)
    await kept.issues.put(pound, Problem(Cause.UNMAPPED_CURRENCY, value="£/pound"), NOW)
    await kept.issues.put(other, Problem(Cause.UNMAPPED_VALUE, value="x"), NOW)
    await kept.issues.put(other, REFUSED, NOW)
    assert {(row.account_id, row.value) for row in await listed(kept)} == {(yen, "yen"), (pound, "£/pound")}
    assert await listed(kept, Cause.BAD_MAPPING) == []


async def test_all_rows_are_listed_whatever_their_cause(kept: Kept) -> None:
    accounts = [UUID(int=number << 100) for number in range(1, 6)]
    for account in accounts:
        await kept.issues.put(account, UNMAPPED, NOW)
        await kept.issues.put(account, REFUSED, NOW)
    page = await kept.issues.listed("")
    found = sorted((row.key, row.account_id) for row in page.rows)
    assert found == [(key, id_) for key in (REFUSED.key, UNMAPPED.key) for id_ in accounts]
    assert page.after == ""


async def test_a_row_is_put_back_only_where_there_is_none(kept: Kept) -> None:
    missing, there = uuid4(), uuid4()
    await kept.issues.put(there, UNMAPPED, NOW)
    await kept.issues.put(there, UNMAPPED, NOW)
    for account in (missing, there):
        scanned = ScannedAccount(account, uuid4(), (), UNMAPPED.key, None)
        await kept.issues.restore(scanned, NOW)
    assert await kept.times(UNMAPPED.key, missing) == 1
    assert await kept.times(UNMAPPED.key, there) == 2
    assert {row.value for row in await listed(kept)} == {"us dollar"}


async def test_issues_are_read_by_cause_and_by_one_value_of_it(kept: Kept) -> None:
    issues, accounts = kept.issues, [UUID(int=number) for number in range(3)]
    problems = [
        Problem(Cause.UNMAPPED_CURRENCY, value="rand r/c"),
        Problem(Cause.UNMAPPED_CURRENCY, value="rand r/c #1"),
        Problem(Cause.REFUSED, field="AddressCity", status=400, error_type="X"),
    ]
    for account_id, problem in zip(accounts, problems, strict=True):
        await issues.put(account_id, problem, datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert len(await issues.report()) == 3
    assert {issue.account_id for issue in await issues.report("UnmappedCurrency")} == {*accounts[:2]}
    assert [issue.account_id for issue in await issues.report(problems[0].key)] == [accounts[0]]
    (refused,) = await issues.report(str(Cause.REFUSED))
    assert (refused.field, refused.status, refused.error_type, refused.count) == ("AddressCity", 400, "X", 1)
    assert refused.remedy
    assert await issues.report("Refused") == []


async def test_rows_of_version_1_are_read_under_the_new_name_of_their_cause(new_table: NewTable) -> None:
    table, old, new = await new_table(), UUID(int=1), UUID(int=2)
    await table.create_entity(
        {"PartitionKey": "RefusedByOperations", "RowKey": str(old), "Cause": "RefusedByOperations"}
    )
    issues = IssueTable(table)
    await issues.put(new, Problem(Cause.REFUSED), NOW)
    both = {(old, "RefusedByErp"), (new, "RefusedByErp")}
    for cause in ("RefusedByErp", "RefusedByOperations", ""):
        assert {(issue.account_id, issue.cause) for issue in await issues.report(cause)} == both


async def test_the_rows_under_one_key_are_read_in_pages(kept: Kept) -> None:
    accounts = sorted((uuid4() for _ in range(5)), key=str)
    parent = Problem(Cause.PARENT_NOT_SYNCED, value=str(uuid4()))
    for account in accounts:
        await kept.issues.put(account, parent, NOW)
        await kept.issues.put(account, Problem(Cause.PARENT_NOT_SYNCED, value=str(uuid4())), NOW)
    found, after = list[ParkedAccount](), ""
    while True:
        page = await kept.issues.under(parent.key, after)
        found += page.rows
        if not (after := page.after):
            break
    assert [row.account_id for row in found] == accounts
    assert {(row.key, row.value) for row in found} == {(parent.key, parent.value)}


async def test_all_rows_come_page_by_page(kept: Kept) -> None:
    issues = kept.issues
    accounts = [uuid4() for _ in range(3)]
    for account_id in accounts:
        await issues.put(account_id, Problem(Cause.MISSING_VALUE, field="Name"), NOW)
    page = await issues.all("")
    found = [*page.rows]
    while page.after:
        page = await issues.all(page.after)
        found += page.rows
    assert {issue.account_id for issue in found} == {*accounts}
    assert {(issue.cause, issue.field) for issue in found} == {("MissingValue", "Name")}
