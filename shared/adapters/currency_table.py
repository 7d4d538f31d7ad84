# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The currency mapping in Table Storage, with a copy kept in the process."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from azure.data.tables.aio import TableClient

from shared.adapters.tables import table_faults
from shared.model.currency import HISTORY, HISTORY_END, PARTITION, CurrencyMapping, currency_key
from shared.ports import Clock
from shared.telemetry import LOGGER


class CurrencyTable:
    """Implements the port CurrencyMappings.

    A look-up is one hit in a dictionary while the copy is younger than `cache_seconds`. Rows are keyed by
    their normalised `CurrencyCRM`, so that rows made by hand work whatever their RowKey is.
    """

    def __init__(self, table: TableClient, clock: Clock, cache_seconds: float) -> None:
        self._table = table
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._rows: Mapping[str, Sequence[CurrencyMapping]] = {}
        self._read_at = float("-inf")
        self._started = self._finished = 0
        self._reading = asyncio.Lock()

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        """The rows whose normalised name is `key`. `fresh`, and any miss, asks the table."""
        age = self._clock.now().timestamp() - self._read_at
        if fresh or age > self._cache_seconds or key not in self._rows:
            await self._reload()
        return self._rows.get(key, ())

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        """The rows by normalised name, as they stand now."""
        await self._reload()
        return self._rows

    async def _reload(self) -> None:
        """Read the table, once for all who ask at the same time: a reading begun after one asked will do."""
        wanted = self._started + 1
        async with self._reading:
            if self._finished >= wanted:
                return
            self._started = number = self._started + 1
            began = self._clock.now().timestamp()
            self._rows = await self._read()
            self._read_at, self._finished = began, number

    async def _read(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        rows: defaultdict[str, list[CurrencyMapping]] = defaultdict(list)
        with table_faults():
            entities = self._table.query_entities(
                "PartitionKey eq @partition and ( RowKey lt @history or RowKey ge @end )",
                parameters={"partition": PARTITION, "history": HISTORY, "end": HISTORY_END},
                select=["CurrencyCRM", "CurrencyAX"],
            )
            async for entity in entities:
                crm, ax = str(entity.get("CurrencyCRM") or ""), str(entity.get("CurrencyAX") or "")
                try:
                    rows[currency_key(crm)].append(CurrencyMapping(crm, ax, entity.metadata["etag"] or ""))
                except ValueError as error:
                    LOGGER.warning("a row of CurrencyMapping is not used: %s", error)
        return dict(rows)
