"""The port CurrencyMappings: the fake and Azurite behave alike, and how the table's rows are kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.model.faults import ConfigurationFault, TransientFault
from shared.model.mapping import PARTITION, escape_key
from shared.ports.mappings import CurrencyMappings
from shared.storage.currency_mappings import MISS_SECONDS, CurrencyTable
from tests.contract.conftest import NewTable, NewTables
from tests.fakes.clock import FakeClock
from tests.fakes.tables import FakeMappings

CACHE_SECONDS = 60


class Mapped(NamedTuple):
    """The port, how a person adds a row, and how one removes it again."""

    mappings: CurrencyMappings
    add: Callable[[str, str], Awaitable[None]]
    remove_all: Callable[[], Awaitable[None]]
    clock: FakeClock

    async def codes(self, key: str, *, fresh: bool = False) -> list[str]:
        return [row.ax for row in await self.mappings.look_up(key, fresh=fresh)]


@pytest.fixture(params=["fake", "azurite", "memory"])
async def mapped(request: pytest.FixtureRequest, new_tables: NewTables) -> AsyncIterator[Mapped]:
    if request.param != "fake":
        yield await real(new_tables[request.param])
        return
    fake = FakeMappings()

    async def add(crm: str, ax: str) -> None:
        fake.put(uuid4().hex, crm, ax)

    async def remove_all() -> None:
        fake.table.clear()

    yield Mapped(fake, add, remove_all, FakeClock())


async def real(new_table: NewTable) -> Mapped:
    table, clock = await new_table(), FakeClock()

    async def add(crm: str, ax: str) -> None:
        row = {"PartitionKey": PARTITION, "RowKey": uuid4().hex, "CurrencyCRM": crm, "CurrencyAX": ax}
        await table.create_entity(row)

    async def remove_all() -> None:
        async for row in table.list_entities():
            await table.delete_entity(row)

    return Mapped(CurrencyTable(table, clock, CACHE_SECONDS), add, remove_all, clock)


async def test_a_row_is_found_by_its_normalised_name_whatever_its_key(mapped: Mapped) -> None:
    await mapped.add(" US\u00a0Dollar ", "USD")
    assert await mapped.codes("us dollar") == ["USD"]
    assert await mapped.codes("euro") == []


async def test_two_rows_of_one_name_are_both_told(mapped: Mapped) -> None:
    await mapped.add("Euro", "EUR")
    await mapped.add("EURO ", "EUX")
    assert sorted(await mapped.codes("euro")) == ["EUR", "EUX"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 513])
async def test_a_row_without_a_usable_name_does_not_hide_the_others(mapped: Mapped, name: str) -> None:
    await mapped.add(name, "XXX")
    await mapped.add("Euro", "EUR")
    assert await mapped.codes("euro") == ["EUR"]


async def test_an_empty_code_is_told_as_it_is(mapped: Mapped) -> None:
    await mapped.add("Euro", "")
    assert await mapped.codes("euro") == [""]


async def test_a_miss_is_remembered_for_seconds_only_and_asking_anew_finds_the_row_at_once(
    mapped: Mapped,
) -> None:
    assert await mapped.codes("euro") == []
    await mapped.add("Euro", "EUR")
    assert await mapped.codes("euro", fresh=True) == ["EUR"]
    mapped.clock.advance(MISS_SECONDS + 0.1)
    assert await mapped.codes("euro") == ["EUR"]


async def test_a_fresh_look_sees_every_change(mapped: Mapped) -> None:
    await mapped.add("Euro", "EUR")
    assert await mapped.codes("euro") == ["EUR"]
    await mapped.add("Euro", "EUX")
    assert len(await mapped.codes("euro", fresh=True)) == 2
    await mapped.remove_all()
    assert await mapped.codes("euro", fresh=True) == []


async def test_asking_anew_sees_what_became_of_every_row_of_the_name(new_table: NewTable) -> None:
    table, clock = await new_table(), FakeClock()
    mappings = CurrencyTable(table, clock, CACHE_SECONDS)
    for row_key, crm in (("euro", "Euro"), ("by hand", "EURO"), ("yen", "Yen")):
        row = {"PartitionKey": PARTITION, "RowKey": row_key, "CurrencyCRM": crm, "CurrencyAX": row_key}
        await table.create_entity(row)
    assert len(await mappings.look_up("euro", fresh=True)) == 2
    await table.delete_entity(PARTITION, "by hand")
    assert [row.ax for row in await mappings.look_up("euro", fresh=True)] == ["euro"]
    await table.upsert_entity({"PartitionKey": PARTITION, "RowKey": "euro", "CurrencyCRM": "Yen"})
    assert await mappings.look_up("euro", fresh=True) == []
    assert sorted(row.ax for row in await mappings.look_up("yen", fresh=True)) == ["euro", "yen"]


class CountingTable:
    """A table client that counts the queries and the rows that they brought."""

    def __init__(self, table: TableClient) -> None:
        self.table = table
        self.queries = self.rows = 0

    def query_entities(self, *args: Any, **options: Any) -> "CountedRows":
        self.queries += 1
        return CountedRows(self, self.table.query_entities(*args, **options))


class CountedRows:
    """The rows of a query, one by one or page by page."""

    def __init__(self, counting: CountingTable, rows: Any) -> None:
        self.counting, self.rows = counting, rows

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._counted(self.rows)

    async def by_page(self, token: object) -> AsyncIterator[AsyncIterator[Any]]:
        async for page in self.rows.by_page(token):
            yield self._counted(page)

    async def _counted(self, rows: Any) -> AsyncIterator[Any]:
        async for row in rows:
            self.counting.rows += 1
            yield row


async def test_asking_anew_costs_one_request_and_one_row_however_many_there_are(new_table: NewTable) -> None:
    table = await new_table()
    rows = [
        {"PartitionKey": PARTITION, "RowKey": f"c{number}", "CurrencyCRM": f"C{number}", "CurrencyAX": "X"}
        for number in range(100)
    ]
    await table.submit_transaction([("create", row) for row in rows])
    counting: Any = CountingTable(table)
    later = FakeClock(datetime.now(UTC) + timedelta(hours=1))
    mappings = CurrencyTable(counting, later, CACHE_SECONDS)
    assert await mappings.look_up("c7", fresh=False)
    assert (counting.queries, counting.rows) == (1, 100)
    for _ in range(3):
        assert [row.crm for row in await mappings.look_up("c7", fresh=True)] == ["C7"]
    assert await mappings.look_up("nowhere", fresh=True) == []
    assert (counting.queries, counting.rows) == (5, 103)
    for _ in range(3):
        assert await mappings.look_up("nowhere", fresh=False) == []
    assert counting.queries == 5


async def test_a_change_of_the_table_is_told_without_reading_it(new_table: NewTable) -> None:
    table = await new_table()
    counting: Any = CountingTable(table)
    mappings = CurrencyTable(counting, FakeClock(), CACHE_SECONDS)
    before = datetime.now(UTC) - timedelta(minutes=10)
    assert await mappings.changed_since(before) == (False, "")
    for number in range(20):
        await table.create_entity({"PartitionKey": PARTITION, "RowKey": f"c{number}", "CurrencyCRM": "C"})
    assert await mappings.changed_since(before) == (True, "")
    assert await mappings.changed_since(datetime.now(UTC) + timedelta(minutes=10)) == (False, "")
    assert (counting.queries, counting.rows) == (3, 1)


@pytest.mark.parametrize("name", ["złoty/100", "50% ¥", "a\\b#c?", "ü€😀", "o'neil", "\u0081x"])
async def test_any_name_is_found(mapped: Mapped, name: str) -> None:
    await mapped.add(name.upper(), "XXX")
    assert await mapped.codes(name) == ["XXX"]


async def test_a_copy_serves_until_it_is_too_old(new_table: NewTable) -> None:
    mapped = await real(new_table)
    await mapped.add("Euro", "EUR")
    assert await mapped.codes("euro") == ["EUR"]
    await mapped.remove_all()
    mapped.clock.advance(CACHE_SECONDS)
    assert await mapped.codes("euro") == ["EUR"]
    mapped.clock.advance(0.1)
    assert await mapped.codes("euro") == []


async def test_a_row_under_its_own_key_and_one_of_another_partition(new_table: NewTable) -> None:
    table = await new_table()
    for partition, crm, ax in ((PARTITION, "a/b", "USD"), ("archive", "a/b", "OLD")):
        row = {"PartitionKey": partition, "RowKey": escape_key(crm), "CurrencyCRM": crm, "CurrencyAX": ax}
        await table.create_entity(row)
    (row,) = await CurrencyTable(table, FakeClock(), CACHE_SECONDS).look_up("a/b", fresh=False)
    assert (row.crm, row.ax) == ("a/b", "USD")
    assert row.etag == (await table.get_entity(PARTITION, escape_key("a/b"))).metadata["etag"]


async def test_a_missing_table_is_a_wrong_set_up(azurite: str) -> None:
    async with TableServiceClient.from_connection_string(azurite) as service:
        nowhere = CurrencyTable(service.get_table_client("nowhere"), FakeClock(), CACHE_SECONDS)
        with pytest.raises(ConfigurationFault, match="TableNotFound"):
            await nowhere.look_up("euro", fresh=False)


class Row(dict[str, str]):
    """An entity as the SDK gives it."""

    metadata = {"etag": "1"}  # noqa: RUF012 - as the SDK has it


class SlowTable:
    """A table client that answers each query when told: with rows, or with a fault."""

    def __init__(self) -> None:
        self.queries: list[asyncio.Future[Sequence[Row]]] = []
        self.asked = asyncio.Event()

    async def query_entities(self, *_: object, **__: object) -> AsyncIterator[Row]:
        answer: asyncio.Future[Sequence[Row]] = asyncio.get_running_loop().create_future()
        self.queries.append(answer)
        self.asked.set()
        for row in await answer:
            yield row

    async def next_query(self) -> asyncio.Future[Sequence[Row]]:
        async with asyncio.timeout(5):
            await self.asked.wait()
        self.asked.clear()
        return self.queries[-1]


EURO = Row(CurrencyCRM="Euro", CurrencyAX="EUR")


def looks(table: Any, number: int, *, fresh: bool = False) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(table.look_up("euro", fresh=fresh)) for _ in range(number)]


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("fresh", [True, False])
async def test_all_who_ask_during_a_reading_share_the_next_one(fresh: bool) -> None:
    slow: Any = SlowTable()
    table = CurrencyTable(slow, FakeClock(), CACHE_SECONDS)
    first = looks(table, 1, fresh=fresh)
    reading = await slow.next_query()
    rest = looks(table, 7, fresh=fresh)
    await settle()
    reading.set_result([])
    (await slow.next_query()).set_result([EURO])
    assert not await first[0]
    assert [len(rows) for rows in await asyncio.gather(*rest)] == [1] * 7
    assert len(slow.queries) == 2


async def test_a_reading_that_failed_serves_nobody() -> None:
    slow: Any = SlowTable()
    table = CurrencyTable(slow, FakeClock(), CACHE_SECONDS)
    asking = looks(table, 4)
    for number in range(4):
        reading = await slow.next_query()
        await settle()
        reading.set_exception(ServiceRequestError("away")) if number < 3 else reading.set_result([EURO])
    for failed in asking[:3]:
        with pytest.raises(TransientFault):
            await failed
    assert [row.ax for row in await asking[3]] == ["EUR"]
