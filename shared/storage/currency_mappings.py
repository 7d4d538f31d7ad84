# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The currency mapping in Table Storage, with a copy kept in the process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from azure.data.tables.aio import TableClient

from shared.model.mapping import HISTORY, HISTORY_END, PARTITION, CurrencyMapping, currency_key
from shared.ports import Clock
from shared.storage.tables import table_faults
from shared.telemetry import LOGGER

MISS_SECONDS = 5.0
CLOCK_MARGIN = timedelta(seconds=30)  # how far our clock and that of the Table service may differ
_MOST_NAMED = 10  # a filter of the Table service takes 15 comparisons


class _Row(NamedTuple):
    row_key: str
    mapping: CurrencyMapping


type _Copy = Mapping[str, Sequence[_Row]]


class CurrencyTable:
    """Implements the ports CurrencyMappings and MappingRows.

    A look-up is one hit in a dictionary while the copy is younger than `cache_seconds`. Rows are keyed by
    their normalised `CurrencyCRM`, so that rows made by hand work whatever their RowKey is.
    """

    def __init__(
        self, table: TableClient, clock: Clock, cache_seconds: float, miss_seconds: float = MISS_SECONDS
    ) -> None:
        self._table = table
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._miss_seconds = miss_seconds
        self._copy: _Copy = {}
        self._read_at = float("-inf")
        self._started = self._finished = 0
        self._reading = asyncio.Lock()

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        """The rows whose normalised name is `key`; a miss is remembered for `miss_seconds`.

        `fresh` asks the table, in one request however large it is: for what changed since the copy was read,
        and for the rows that the copy has of this name, which may be gone.
        """
        age = self._clock.now().timestamp() - self._read_at
        known = self._copy.get(key, ())
        kept = self._cache_seconds if known or fresh else min(self._miss_seconds, self._cache_seconds)
        if age > kept or (fresh and len(known) > _MOST_NAMED):
            await self._reload()
        elif fresh:
            return [row.mapping async for name, row in self._newer(known) if name == key]
        return [row.mapping for row in self._copy.get(key, ())]

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        """The rows by normalised name, as they stand now."""
        await self._reload()
        return {key: [row.mapping for row in rows] for key, rows in self._copy.items()}

    async def changed_since(self, moment: datetime) -> bool:
        """Whether a row was added or changed since then, the editor's history included."""
        with table_faults():
            entities = self._table.query_entities(
                "PartitionKey eq @partition and Timestamp ge @since",
                parameters={"partition": PARTITION, "since": moment - CLOCK_MARGIN},
                select=["RowKey"],
                results_per_page=1,
            )
            async for _ in entities:
                return True
        return False

    async def _reload(self) -> None:
        """Read the table, once for all who ask at the same time: a reading begun after one asked will do."""
        wanted = self._started + 1
        async with self._reading:
            if self._finished >= wanted:
                return
            self._started = number = self._started + 1
            began = self._clock.now().timestamp()
            copy: defaultdict[str, list[_Row]] = defaultdict(list)
            async for key, row in self._read("", {}):
                copy[key].append(row)
            self._copy = dict(copy)
            self._read_at, self._finished = began, number

    def _newer(self, known: Sequence[_Row]) -> AsyncIterator[tuple[str, _Row]]:
        """What changed since the copy was read, and these rows of it as far as they are still there."""
        since = datetime.fromtimestamp(self._read_at, UTC) - CLOCK_MARGIN
        named = {f"row{number}": row.row_key for number, row in enumerate(known)}
        conditions = ["Timestamp ge @since", *(f"RowKey eq @{name}" for name in named)]
        return self._read(f" and ( {' or '.join(conditions)} )", {"since": since, **named})

    async def _read(self, condition: str, values: Mapping[str, Any]) -> AsyncIterator[tuple[str, _Row]]:
        """The rows with their normalised names, those left out that have no usable name."""
        with table_faults():
            entities = self._table.query_entities(
                f"PartitionKey eq @partition and ( RowKey lt @history or RowKey ge @end ){condition}",
                parameters={"partition": PARTITION, "history": HISTORY, "end": HISTORY_END, **values},
                select=["RowKey", "CurrencyCRM", "CurrencyAX"],
            )
            async for entity in entities:
                crm, ax = str(entity.get("CurrencyCRM") or ""), str(entity.get("CurrencyAX") or "")
                mapping = CurrencyMapping(crm, ax, entity.metadata["etag"] or "")
                try:
                    yield currency_key(crm), _Row(str(entity.get("RowKey") or ""), mapping)
                except ValueError as error:
                    LOGGER.warning("a row of CurrencyMapping is not used: %s", error)
