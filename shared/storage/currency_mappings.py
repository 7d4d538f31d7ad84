# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# The SDK is only partly typed.
"""One mapping table: the rows, a copy of them in the process, and the history of edits.

A batch of changes, its history row and the version row are written in one transaction of one partition, so
that every change is recorded and told. Source: learn.microsoft.com/rest/api/storageservices/
performing-entity-group-transactions.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.mapping import CURRENCIES, HISTORY, Changes, CurrencyMapping, MappingTable, escape_key
from shared.model.mapping_edit import (
    Edit,
    Mapped,
    MappingConflict,
    MappingRow,
    RowChange,
    Version,
    key_or_none,
)
from shared.ports import Clock
from shared.storage.mapping_copy import MappingCopy
from shared.storage.mapping_rows import KEYS, ROWS, VERSION, MappingRowTable, version_entity
from shared.storage.tables import table_faults, unchanged

MISS_SECONDS = 5.0
_PIECE = 16_000  # characters; a property holds 32 K UTF-16 units
_HISTORY = "PartitionKey eq @partition and RowKey ge @history and RowKey lt @version"
_CONFLICTS = {404, 409, 412}


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

    While the copy serves, `look_up` reads a dictionary only. Its keys are the normalised `CurrencyCRM`, so
    that rows made by hand work with any RowKey.
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
        self._clock = clock
        self._rows = MappingRowTable(table, of)
        self._copy = MappingCopy(self._rows, clock, cache_seconds, miss_seconds)

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        return [row.mapping for row in await self._copy.look_up(key, fresh=fresh)]

    async def by_name(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        copy = await self._copy.by_name()
        return {key: [row.mapping for row in rows] for key, rows in copy.items()}

    async def changed_since(self, moment: datetime, after: str = "") -> Changes:
        return await self._rows.changed_since(moment, after)

    async def tell(self, keys: Collection[str]) -> None:
        copy = await self._copy.by_name()
        usual = all(escape_key(key) == row.row_key for key in keys for row in copy.get(key, ()))
        entity = version_entity(self._of.partition, self._clock.now(), whole=not usual)
        with table_faults():
            await self._table.upsert_entity(entity, mode=UpdateMode.MERGE)

    async def rows(self) -> Sequence[MappingRow]:
        select = ["RowKey", self._of.source, self._of.target, "UpdatedBy", "Timestamp"]
        with table_faults():
            parameters = {**KEYS, "partition": self._of.partition}
            entities = self._table.query_entities(ROWS, parameters=parameters, select=select)
            return [self._row(entity) async for entity in entities]

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        operations = [self._operation(change, edit) for change in changes]
        history = {"PartitionKey": self._of.partition, **_history_entity(edit, part, changes)}
        operations.append(("create", history))
        whole = not all(map(_under_its_name, changes))
        version = version_entity(self._of.partition, edit.at, whole=whole)
        operations.append(("upsert", version, {"mode": UpdateMode.MERGE}))
        with table_faults():
            try:
                await self._table.submit_transaction(operations)
            except TableTransactionError as error:
                if error.status_code in _CONFLICTS and 0 <= error.index < len(changes):
                    raise MappingConflict(changes[error.index].mapped.crm) from error
                raise

    async def history(self) -> Sequence[Version]:
        edits: dict[str, tuple[Edit, list[RowChange]]] = {}
        parameters = {"partition": self._of.partition, "history": HISTORY, "version": VERSION}
        with table_faults():
            async for entity in self._table.query_entities(_HISTORY, parameters=parameters):
                edit = _edit(entity)
                edits.setdefault(edit.id, (edit, []))[1].extend(_changes(entity))
        return [Version(edit, tuple(changes)) for _, (edit, changes) in sorted(edits.items())]

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


def _under_its_name(change: RowChange) -> bool:
    """Whether the row has the key of its name before and after: who knows the name, finds it."""
    names = {mapped.crm for mapped in (change.before, change.after) if mapped}
    return all(change.row_key == escape_key(key_or_none(name) or "") for name in names)
