# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# The SDK is only partly typed.
"""One mapping table: the rows, a copy of them in the process, and the history of edits.

A batch of changes and its history row are written in one transaction of one partition, so that every change
is recorded. Source: learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.mapping import (
    CURRENCIES,
    HISTORY,
    HISTORY_END,
    CurrencyMapping,
    MappingTable,
    currency_key,
)
from shared.model.mapping_edit import Edit, Mapped, MappingConflict, MappingRow, RowChange, Version
from shared.ports import Clock
from shared.storage.tables import table_faults, unchanged
from shared.telemetry import LOGGER
from shared.telemetry.metrics import MAPPING_LOOK_UPS

MISS_SECONDS = 5.0
CLOCK_MARGIN = timedelta(seconds=30)  # the largest difference between our clock and the Table service's
_MOST_NAMED = 10  # the limit of comparisons in a filter of the Table service
_PIECE = 16_000  # characters; a property holds 32 K UTF-16 units
_ROWS = "PartitionKey eq @partition and ( RowKey lt @history or RowKey ge @end )"
_HISTORY = "PartitionKey eq @partition and RowKey ge @history and RowKey lt @end"
_CONFLICTS = {404, 409, 412}


class _Row(NamedTuple):
    row_key: str
    mapping: CurrencyMapping


type _Copy = Mapping[str, Sequence[_Row]]


def tables_of(
    client: Callable[[str], TableClient], clock: Clock, cache_seconds: float
) -> Callable[[MappingTable], "CurrencyTable"]:
    """Return what makes the one CurrencyTable of each mapping table; `client` opens a table by its name."""

    @cache
    def table(of: MappingTable) -> CurrencyTable:
        return CurrencyTable(client(of.stored_in), clock, cache_seconds, of=of)

    return table


class CurrencyTable:
    """Implements the port CurrencyMappings for the mapping table `of`.

    While the copy is younger than `cache_seconds`, `look_up` reads a dictionary only. Its keys are the
    normalised `CurrencyCRM`, so that rows made by hand work with any RowKey.
    """

    def __init__(
        self,
        table: TableClient,
        clock: Clock,
        cache_seconds: float,
        miss_seconds: float = MISS_SECONDS,
        of: MappingTable = CURRENCIES,
    ) -> None:
        self._table = table
        self._of = of
        self._keys = {"partition": of.partition, "history": HISTORY, "end": HISTORY_END}
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._miss_seconds = miss_seconds
        self._copy: _Copy = {}
        self._read_at = float("-inf")
        self._started = self._finished = 0
        self._reading = asyncio.Lock()

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        """Return the rows of this name. That a name has no row is remembered for `miss_seconds`.

        `fresh` reads the table, in one request of any table size: the rows changed since the copy was read,
        and the rows of this name in the copy, which may have been deleted.
        """
        age = self._clock.now().timestamp() - self._read_at
        known = self._copy.get(key, ())
        kept = self._cache_seconds if known or fresh else min(self._miss_seconds, self._cache_seconds)
        MAPPING_LOOK_UPS.note(place="table" if fresh or age > kept else "copy")
        if age > kept or (fresh and len(known) > _MOST_NAMED):
            await self._reload()
        elif fresh:
            return [row.mapping async for name, row in self._newer(known) if name == key]
        return [row.mapping for row in self._copy.get(key, ())]

    async def by_name(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        await self._reload()
        return {key: [row.mapping for row in rows] for key, rows in self._copy.items()}

    async def changed_since(self, moment: datetime) -> bool:
        with table_faults():
            entities = self._table.query_entities(
                "PartitionKey eq @partition and Timestamp ge @since",
                parameters={"partition": self._of.partition, "since": moment - CLOCK_MARGIN},
                select=["RowKey"],
                results_per_page=1,
            )
            async for _ in entities:
                return True
        return False

    async def rows(self) -> Sequence[MappingRow]:
        select = ["RowKey", self._of.source, self._of.target, "UpdatedBy", "Timestamp"]
        with table_faults():
            entities = self._table.query_entities(_ROWS, parameters=self._keys, select=select)
            return [self._row(entity) async for entity in entities]

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        operations = [self._operation(change, edit) for change in changes]
        history = {"PartitionKey": self._of.partition, **_history_entity(edit, part, changes)}
        operations.append(("create", history))
        with table_faults():
            try:
                await self._table.submit_transaction(operations)
            except TableTransactionError as error:
                if error.status_code in _CONFLICTS and 0 <= error.index < len(changes):
                    raise MappingConflict(changes[error.index].mapped.crm) from error
                raise

    async def history(self) -> Sequence[Version]:
        edits: dict[str, tuple[Edit, list[RowChange]]] = {}
        with table_faults():
            async for entity in self._table.query_entities(_HISTORY, parameters=self._keys):
                edit = _edit(entity)
                edits.setdefault(edit.id, (edit, []))[1].extend(_changes(entity))
        return [Version(edit, tuple(changes)) for _, (edit, changes) in sorted(edits.items())]

    async def _reload(self) -> None:
        """Read the table. Simultaneous callers share one read, if it began after their call."""
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
        """Read the rows changed since the copy was read, and those of the given rows that still exist."""
        since = datetime.fromtimestamp(self._read_at, UTC) - CLOCK_MARGIN
        named = {f"row{number}": row.row_key for number, row in enumerate(known)}
        conditions = ["Timestamp ge @since", *(f"RowKey eq @{name}" for name in named)]
        return self._read(f" and ( {' or '.join(conditions)} )", {"since": since, **named})

    async def _read(self, condition: str, values: Mapping[str, Any]) -> AsyncIterator[tuple[str, _Row]]:
        """Read the rows with their normalised names, without rows that have no usable name."""
        with table_faults():
            entities = self._table.query_entities(
                _ROWS + condition,
                parameters={**self._keys, **values},
                select=["RowKey", self._of.source, self._of.target],
            )
            async for entity in entities:
                crm, ax = self._mapped(entity)
                mapping = CurrencyMapping(crm, ax, entity.metadata["etag"] or "")
                try:
                    yield currency_key(crm), _Row(str(entity.get("RowKey") or ""), mapping)
                except ValueError as error:
                    LOGGER.warning("a row of %s is not used: %s", self._of.stored_in, error)

    def _mapped(self, entity: Mapping[str, Any]) -> Mapped:
        return Mapped(*(str(entity.get(name) or "") for name in (self._of.source, self._of.target)))

    def _row(self, entity: Mapping[str, Any]) -> MappingRow:
        metadata: Any = getattr(entity, "metadata", {})
        return MappingRow(
            row_key=str(entity["RowKey"]),
            mapped=self._mapped(entity),
            etag=str(metadata["etag"]),
            updated_by=str(entity.get("UpdatedBy") or ""),
            updated_at=metadata.get("timestamp"),
        )

    def _operation(self, change: RowChange, edit: Edit) -> tuple[Any, ...]:
        """Make one operation of the transaction; it fails if the row was changed since it was read."""
        keys = {"PartitionKey": self._of.partition, "RowKey": change.row_key}
        if change.after is None:
            return "delete", keys, unchanged(change.etag)
        crm, ax = change.after
        entity = {**keys, self._of.source: crm, self._of.target: ax, "UpdatedBy": edit.by}
        if change.before is None:
            return "create", entity
        return "update", entity, {**unchanged(change.etag), "mode": UpdateMode.MERGE}


def _history_entity(edit: Edit, part: int, changes: Iterable[RowChange]) -> dict[str, Any]:
    """Make the history row: the changes as JSON, split over several properties if necessary."""
    rows = [(change.row_key, change.before, change.after) for change in changes]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    return {
        "RowKey": f"{HISTORY}{edit.id}|{part:05d}",
        "EditId": edit.id,
        "EditAt": edit.at.isoformat(),
        "UpdatedBy": edit.by,
        "Source": edit.source,
        **{f"Changes{number:02d}": piece for number, piece in enumerate(pieces)},
    }


def _edit(entity: Mapping[str, Any]) -> Edit:
    at = datetime.fromisoformat(str(entity["EditAt"]))
    return Edit(str(entity["EditId"]), at, str(entity["UpdatedBy"]), str(entity["Source"]))


def _changes(entity: Mapping[str, Any]) -> list[RowChange]:
    pieces = sorted(name for name in entity if name.startswith("Changes"))
    rows = json.loads("".join(str(entity[name]) for name in pieces))
    return [
        RowChange(row_key, Mapped(*before) if before else None, Mapped(*after) if after else None)
        for row_key, before, after in rows
    ]
