"""Shows that the tables in memory are right: the same work on Azurite makes the same requests.

In: a size. Out: for each kind of work, the requests to the tables in memory and to Azurite. Azurite ends a
page after 1,000 rows found, not read, so the tables in memory do the same here.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Any, cast

from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient, TableServiceClient

from bench.figures import Figure
from bench.filled import Size, filled, heal_all, mapping_columns, settle
from bench.growth import heal_once, minute, status_of
from bench.memory import Memory
from local.child import Child
from local.stand_options import ROOT
from shared.storage.tables import ACCOUNT_SYNC, CURRENCY_MAPPING, ISSUES, TABLES
from tests.fakes.clock import FakeClock
from tests.fakes.table_client import InMemoryTable, TableService

SIZE = Size(10_000, 1_000)
AT_ONCE = 16


class CountingTransport(AioHttpTransport):
    """The SDK's own transport; it notes each request."""

    def __init__(self, requests: list[str]) -> None:
        super().__init__()
        self._requests = requests

    async def send(self, request: Any, **options: Any) -> Any:
        """Note the request and send it."""
        self._requests.append(str(request.method))
        return await super().send(request, **options)


def measure(size: Size = SIZE) -> list[Figure]:
    """How many kinds of work differ; none, if the tables in memory are right."""
    here, there = asyncio.run(_both(size))
    told = f"in memory {here}, on Azurite {there}; {size.accounts:,} accounts, {size.mappings:,} mapping rows"
    text = "kinds of work that make another number of requests on Azurite"
    differing = sum(here[name] != there[name] for name in here)
    return [Figure("growth/double-differs", text, differing, "", told)]


async def _both(size: Size) -> tuple[dict[str, int], dict[str, int]]:
    start = datetime.now(UTC)
    memory = await filled(size, FakeClock(start), by_matches=True)
    async with _on_azurite(size, FakeClock(start)) as real:
        return await _requests_of_work(memory), await _requests_of_work(real)


@contextlib.asynccontextmanager
async def _on_azurite(size: Size, clock: FakeClock) -> AsyncIterator[Memory]:
    """The app over the tables of Azurite, with rows like those in memory."""
    service = TableService()
    with tempfile.TemporaryDirectory() as folder:
        child = await Child.start("tables", "local.azurite", ["--port", "0"], Path(folder) / "log", cwd=ROOT)
        transport = CountingTransport(service.requests)
        connection = child.ready["connection_string"]
        async with TableServiceClient.from_connection_string(connection, transport=transport) as client:
            tables = {name: await client.create_table(name) for name in TABLES}
            memory = Memory(clock, tables, service)
            await settle(memory)
            await _fill_mapping(tables[CURRENCY_MAPPING], size)
            await heal_all(memory)
            await _copy_accounts(tables, size)
            yield memory
        await child.stop()


async def _fill_mapping(table: TableClient, size: Size) -> None:
    there = len([row async for row in table.list_entities(select=["RowKey"])])
    rows = [
        {"PartitionKey": "currency", "RowKey": f"currency {number:07d}", **mapping_columns(number)}
        for number in range(size.mappings - there)
    ]
    for some in batched(rows, 100, strict=False):
        await table.submit_transaction([("upsert", row) for row in some])


async def _copy_accounts(tables: Mapping[str, TableClient], size: Size) -> None:
    """Write the accounts and issues that are in memory, some at a time."""
    memory = await filled(size)
    rows = iter(
        [
            (tables[name], {"PartitionKey": partition, "RowKey": key, **row.values})
            for name in (ACCOUNT_SYNC, ISSUES)
            for (partition, key), row in cast(InMemoryTable, memory.of[name]).rows.items()
        ]
    )

    async def some() -> None:
        for table, row in rows:
            await table.upsert_entity(row)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _requests_of_work(memory: Memory) -> dict[str, int]:
    """The requests of each kind of work."""
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "first minute": lambda: minute(memory),
        "next minute": lambda: minute(memory),
        "heal": lambda: heal_once(memory),
        "status": lambda: status_of(memory).now(),
    }
    found: dict[str, int] = {}
    for name, work in works.items():
        before = len(memory.service.requests)
        await work()
        found[name] = len(memory.service.requests) - before
    return found
