"""The tables in memory charge a query by the rows that it reads; the contract tests hold the rest."""

from datetime import UTC, datetime

import pytest

from tests.fakes.table_client import InMemoryTable, TableService
from tests.fakes.table_filter import parse

ROWS = 2500
SINCE = datetime(2026, 11, 22, tzinfo=UTC)


def table(*, by_matches: bool = False) -> InMemoryTable:
    """Rows in two partitions; one row of a hundred has an issue."""
    service = TableService(by_matches=by_matches, now=lambda: SINCE)
    made = service.table("T")
    issue = {True: {"Issue": "x"}, False: {}}
    made.fill(
        {(f"p{n % 2}", f"r{n:05d}"): service.stored({"N": n, **issue[n % 100 == 0]}) for n in range(ROWS)}
    )
    return made


@pytest.mark.parametrize(
    ("query", "rows", "requests"),
    [
        ("Issue gt ''", 25, 3),  # every row is read
        ("Nothing eq 'x'", 0, 3),
        ("PartitionKey eq @p", 1250, 2),
        ("PartitionKey eq @p and Issue gt ''", 25, 2),
        ("PartitionKey eq @p and RowKey ge @r", 250, 1),
        ("PartitionKey eq @p and RowKey gt 'r00000' and RowKey le 'r00010'", 5, 1),
        ("PartitionKey ge 'p0' and PartitionKey lt 'p1'", 1250, 2),
        ("PartitionKey eq @p and ( RowKey lt 'r00004' or RowKey ge @r )", 252, 2),  # the whole partition
        ("PartitionKey eq @p or PartitionKey eq 'p9'", 1250, 3),  # with `or` the whole table
        ("RowKey eq 'r00003'", 1, 3),
        ("Timestamp ge @since", ROWS, 3),
        ("Timestamp gt @since", 0, 3),
    ],
)
async def test_a_query_costs_a_request_for_each_thousand_rows_read(
    query: str, rows: int, requests: int
) -> None:
    made = table()
    parameters = {"p": "p0", "r": "r02000", "since": SINCE}
    found = [row async for row in made.query_entities(query, parameters=parameters)]
    assert (len(found), len(made.service.requests)) == (rows, requests)


async def test_a_page_may_be_empty_and_not_the_last() -> None:
    made = table()
    pages = made.query_entities("N eq @n", parameters={"n": 2499}).by_page()
    sizes = [len([row async for row in page]) async for page in pages]
    assert sizes == [0, 0, 1]


async def test_a_query_goes_on_from_a_token() -> None:
    made = table()
    pages = made.list_entities().by_page()
    first = [row["RowKey"] async for row in await anext(pages)]
    rest = [
        row["RowKey"]
        async for page in made.list_entities().by_page(pages.continuation_token)
        async for row in page
    ]
    assert len(first) == 1000
    assert sorted(first + rest) == [f"r{n:05d}" for n in range(ROWS)]


async def test_as_azurite_counts_a_page_ends_after_a_thousand_rows_found() -> None:
    made = table(by_matches=True)
    assert len([row async for row in made.query_entities("Issue gt ''")]) == 25
    assert len([row async for row in made.list_entities()]) == ROWS
    assert len(made.service.requests) == 1 + 3


def test_and_binds_closer_than_or_and_quotes_are_undone() -> None:
    matches, _ = parse("A eq 'it''s' or B eq @b and ( C eq 'x' or C eq 'y' )", {"b": 1})
    assert matches({"A": "it's"})
    assert matches({"B": 1, "C": "y"})
    assert not matches({"B": 1, "C": "z"})
    assert not matches({"B": 1})
