# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Reads the rows of a mapping table, and the row that tells of changes.

The version row stands behind the history, in the same partition, and is written with each edit. It has the
columns of an edit without changes, which is what releases before it take it for.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from azure.data.tables.aio import TableClient

from shared.model.mapping import (
    HISTORY,
    HISTORY_END,
    Changes,
    CurrencyMapping,
    MappingTable,
    currency_key,
)
from shared.storage.mapping_copy import Row, TableVersion
from shared.storage.tables import get_row, read_page, table_faults
from shared.telemetry import LOGGER

VERSION = f"{HISTORY}~"  # behind every edit, whose ids begin with digits
CLOCK_MARGIN = timedelta(seconds=30)  # the largest difference between our clock and the Table service's
ROWS = "PartitionKey eq @partition and ( RowKey lt @history or RowKey ge @end )"
KEYS = {"history": HISTORY, "end": HISTORY_END}
_PAGES = 2  # of a run that looks for changes made by hand


class MappingRowTable:
    """Implements MappingRows over the partition of one mapping table."""

    def __init__(self, table: TableClient, of: MappingTable) -> None:
        self._table = table
        self._of = of
        self._partition = of.partition
        self._columns = ("RowKey", of.source, of.target)

    def all(self) -> AsyncIterator[tuple[str, Row]]:
        return self._query("", {})

    def newer(self, since: datetime, row_keys: Sequence[str]) -> AsyncIterator[tuple[str, Row]]:
        named = {f"row{number}": row_key for number, row_key in enumerate(row_keys)}
        conditions = ["Timestamp ge @since", *(f"RowKey eq @{name}" for name in named)]
        values = {"since": since - CLOCK_MARGIN, **named}
        return self._query(f" and ( {' or '.join(conditions)} )", values)

    async def of(self, row_keys: Collection[str]) -> Sequence[tuple[str, Row]]:
        reads = (get_row(self._table, self._partition, row_key, self._columns) for row_key in row_keys)
        found = [self._named(entity) for entity in await asyncio.gather(*reads) if entity]
        return [row for row in found if row]

    async def version(self) -> TableVersion:
        entity = await get_row(self._table, self._partition, VERSION)
        return TableVersion(str(entity.metadata["etag"]), str(entity.get("Whole") or "")) if entity else _NONE

    async def changed_since(self, moment: datetime, after: str) -> Changes:
        """Read a few pages from `after` on, and the version row if that is not the whole table."""
        query, following = "PartitionKey eq @partition and Timestamp ge @since", after
        since = moment - CLOCK_MARGIN
        values = {"partition": self._partition, "since": since}
        for _ in range(_PAGES):
            rows, following = await read_page(self._table, query, values, ["RowKey"], following, most=1)
            if rows:
                return Changes(found=True, after=after)
            if not following:
                break
        if after or following:
            version = await get_row(self._table, self._partition, VERSION)
            told = version.metadata["timestamp"] if version else None
            return Changes(found=told is not None and told >= since, after=following)
        return Changes(found=False, after="")

    async def _query(self, condition: str, values: Mapping[str, Any]) -> AsyncIterator[tuple[str, Row]]:
        """Read rows with their normalised names, without rows that have no usable name."""
        with table_faults():
            entities = self._table.query_entities(
                ROWS + condition,
                parameters={"partition": self._partition, **KEYS, **values},
                select=list(self._columns),
            )
            async for entity in entities:
                if (row := self._named(entity)) is not None:
                    yield row

    def _named(self, entity: Mapping[str, Any]) -> tuple[str, Row] | None:
        source, target = (str(entity.get(name) or "") for name in (self._of.source, self._of.target))
        metadata: Any = getattr(entity, "metadata", {})
        try:
            key = currency_key(source)
        except ValueError as error:
            LOGGER.warning("a row of %s is not used: %s", self._of.stored_in, error)
            return None
        return key, Row(
            str(entity.get("RowKey") or ""), CurrencyMapping(source, target, metadata["etag"] or "")
        )


_NONE = TableVersion()


def version_entity(partition: str, at: datetime, *, whole: bool) -> dict[str, Any]:
    """Make the version row. `whole`: who knows a changed name does not know the keys of all its rows."""
    edit = {"EditId": "", "EditAt": at.isoformat(), "UpdatedBy": "", "Source": "", "Changes00": "[]"}
    more = {"Whole": at.isoformat()} if whole else {}
    return {"PartitionKey": partition, "RowKey": VERSION, **edit, **more}
