"""The copy of a mapping table of several pages: what each look-up costs, and what it sees when."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from azure.data.tables.aio import TableClient

from shared.model.mapping import PARTITION, CurrencyMapping
from shared.model.mapping_edit import Edit, Mapped, RowChange
from shared.storage.currency_mappings import MISS_SECONDS, CurrencyTable
from shared.storage.mapping_copy import PAGE, MappingCopy, Row, TableVersion
from tests.fakes.clock import FakeClock
from tests.fakes.table_client import InMemoryTable, TableService

CACHE_SECONDS = 60
ROWS = 2 * PAGE + 500
EURO = {"PartitionKey": PARTITION, "RowKey": "euro"}


class Stored:
    """A table of three pages, and two processes that have read it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = TableService(now=self.clock.now)
        self.table = InMemoryTable(self.service, "CurrencyMapping")
        names = [f"currency {number:05d}" for number in range(ROWS)]
        self.table.fill(
            {
                (PARTITION, name): self.service.stored({"CurrencyCRM": name, "CurrencyAX": "XXX"})
                for name in [*names, "euro"]
            }
        )
        self.one, self.other = self.process(), self.process()

    def process(self) -> CurrencyTable:
        return CurrencyTable(cast(TableClient, self.table), self.clock, CACHE_SECONDS)

    async def cost(self, mappings: CurrencyTable, key: str, *, fresh: bool = False) -> tuple[list[str], int]:
        """The codes of a name, and the requests of the look-up."""
        before = len(self.service.requests)
        codes = [row.ax for row in await mappings.look_up(key, fresh=fresh)]
        return codes, len(self.service.requests) - before


@pytest.fixture
async def stored() -> Stored:
    made = Stored()
    for process in (made.one, made.other):
        assert await made.cost(process, "euro") == (["XXX"], 6)  # two pages, the version, three pages
    return made


def edit(row_key: str, name: str, code: str, etag: str = "") -> tuple[Edit, list[RowChange]]:
    before = Mapped(name, "XXX") if etag else None
    made = Edit("20261122-1", datetime(2026, 11, 22, tzinfo=UTC), "me", "file.xlsx")
    return made, [RowChange(row_key, before, Mapped(name, code), etag)]


async def write(stored: Stored, row_key: str, name: str, code: str, etag: str = "") -> None:
    """Edit the table with the app's own command, in the other process."""
    made, changes = edit(row_key, name, code, etag)
    await stored.other.write(made, 0, changes)


async def test_a_look_up_after_quiet_costs_one_request(stored: Stored) -> None:
    stored.clock.advance(CACHE_SECONDS + 1)
    assert await stored.cost(stored.one, "euro") == (["XXX"], 1)
    assert await stored.cost(stored.one, "currency 00001") == (["XXX"], 0)


async def test_the_table_is_read_once_in_as_many_times_as_it_has_pages(stored: Stored) -> None:
    await stored.table.upsert_entity({**EURO, "CurrencyAX": "EUR"})  # by hand, and nobody tells it
    stored.clock.advance(3 * CACHE_SECONDS)
    assert await stored.cost(stored.one, "euro") == (["XXX"], 1)
    stored.clock.advance(1)
    assert await stored.cost(stored.one, "euro") == (["EUR"], 4)


async def test_an_edit_is_seen_by_name_without_reading_the_table(stored: Stored) -> None:
    etag = str((await stored.table.get_entity(PARTITION, "euro")).metadata["etag"])
    await write(stored, "euro", "Euro", "EUR", etag)
    assert await stored.cost(stored.one, "euro") == (["XXX"], 0)
    stored.clock.advance(CACHE_SECONDS + 1)
    assert await stored.cost(stored.one, "euro") == (["EUR"], 2)
    assert await stored.cost(stored.one, "euro") == (["EUR"], 0)
    assert await stored.cost(stored.one, "currency 00001") == (["XXX"], 1)


async def test_a_row_that_an_edit_adds_is_found_at_once(stored: Stored) -> None:
    assert await stored.cost(stored.one, "yen") == ([], 1)
    await write(stored, "yen", "Yen", "JPY")
    assert await stored.cost(stored.one, "yen") == (["JPY"], 1)


async def test_an_edit_of_a_row_with_another_key_has_the_table_read(stored: Stored) -> None:
    await write(stored, "by hand", "EURO", "EUX")
    stored.clock.advance(CACHE_SECONDS + 1)
    codes, requests = await stored.cost(stored.one, "euro")
    assert (sorted(codes), requests) == (["EUX", "XXX"], 5)


async def test_a_row_made_by_hand_is_seen_once_it_is_told(stored: Stored) -> None:
    await stored.table.create_entity(
        {"PartitionKey": PARTITION, "RowKey": "by hand", "CurrencyCRM": "Yen", "CurrencyAX": "JPY"}
    )
    await stored.other.tell(["yen"])
    assert await stored.cost(stored.one, "yen") == ([], 1)
    stored.clock.advance(CACHE_SECONDS + 1)
    assert await stored.cost(stored.one, "yen") == (["JPY"], 5)


async def test_asking_anew_sees_a_change_made_by_hand_and_every_row_if_none_is_found(stored: Stored) -> None:
    await stored.table.upsert_entity({**EURO, "CurrencyAX": "EUR"})
    assert await stored.cost(stored.one, "euro", fresh=True) == (["EUR"], 1)
    await stored.table.delete_entity(PARTITION, "euro")
    await stored.table.create_entity({**EURO, "RowKey": "x", "CurrencyCRM": "Euro", "CurrencyAX": "EUX"})
    assert await stored.cost(stored.one, "euro", fresh=True) == (["EUX"], 5)


async def test_a_change_made_by_hand_is_found_by_a_pass_of_few_requests_a_run(stored: Stored) -> None:
    stored.clock.advance(600)
    began = stored.clock.now()
    await stored.table.upsert_entity({"PartitionKey": PARTITION, "RowKey": "zloty", "CurrencyCRM": "Zloty"})
    stored.clock.advance(600)
    since = stored.clock.now()
    before = len(stored.service.requests)
    found, after = await stored.one.changed_since(began, "")
    assert not found
    assert after
    assert await stored.one.changed_since(began, after) == (True, after)
    assert await stored.one.changed_since(since, after) == (False, "")
    assert len(stored.service.requests) - before == 6


async def test_an_edit_is_noticed_wherever_the_pass_is(stored: Stored) -> None:
    stored.clock.advance(600)
    since = stored.clock.now()
    _, after = await stored.one.changed_since(since, "")
    await write(stored, "a", "A", "AAA")
    assert await stored.one.changed_since(since, after) == (True, "")


async def test_a_version_of_the_table_is_no_edit_of_its_history(stored: Stored) -> None:
    await stored.other.tell(["euro"])
    assert await stored.one.history() == []
    assert len(await stored.one.rows()) == ROWS + 1


class HeldRows:
    """Implements MappingRows over one name; the first read by keys waits until it is let go."""

    def __init__(self) -> None:
        self.code, self.etag = "OLD", "1"
        self.let_go = asyncio.Event()
        self.asked = asyncio.Event()

    async def all(self) -> AsyncIterator[tuple[str, Row]]:
        for number in range(PAGE + 1):
            yield f"c{number}", Row(f"c{number}", CurrencyMapping("", self.code))

    def newer(self, since: datetime, row_keys: Sequence[str]) -> AsyncIterator[tuple[str, Row]]:
        raise NotImplementedError

    async def of(self, row_keys: Collection[str]) -> Sequence[tuple[str, Row]]:
        found = [("c1", Row("c1", CurrencyMapping("", self.code)))]
        if not self.asked.is_set():
            self.asked.set()
            await self.let_go.wait()
        return found

    async def version(self) -> TableVersion:
        return TableVersion(self.etag)


async def test_a_change_that_is_told_while_a_name_is_read_is_not_missed() -> None:
    held, clock = HeldRows(), FakeClock()
    copy: Any = MappingCopy(held, clock, CACHE_SECONDS, MISS_SECONDS)
    await copy.look_up("c1", fresh=False)
    slow = asyncio.ensure_future(copy.look_up("c1", fresh=True))
    async with asyncio.timeout(5):
        await held.asked.wait()
    held.code, held.etag = "NEW", "2"
    clock.advance(CACHE_SECONDS + 1)
    assert [row.mapping.ax for row in await copy.look_up("c1", fresh=False)] == ["NEW"]
    held.let_go.set()
    await slow
    assert [row.mapping.ax for row in await copy.look_up("c1", fresh=False)] == ["NEW"]
