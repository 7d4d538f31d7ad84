# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# The SDK is only partly typed.
"""The table CurrencyMapping for its editor: the rows, and beside them the history of their changes.

A batch of changes and its history row stand in one partition and go in one transaction, so that no change
is without its record. History rows have keys that no normalised name can have, as it holds no capitals.
Source: learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.mapping import HISTORY, HISTORY_END, PARTITION
from shared.model.mapping_edit import Edit, Mapped, MappingConflict, MappingRow, RowChange, Version
from shared.storage.tables import table_faults

_PIECE = 16_000  # characters; a property holds 32 K UTF-16 units
_ROWS = "PartitionKey eq @partition and ( RowKey lt @history or RowKey ge @end )"
_HISTORY = "PartitionKey eq @partition and RowKey ge @history and RowKey lt @end"
_KEYS = {"partition": PARTITION, "history": HISTORY, "end": HISTORY_END}
_CONFLICTS = {404, 409, 412}


class CurrencyAdminTable:
    """Implements the port CurrencyAdmin."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def rows(self) -> Sequence[MappingRow]:
        """Every row as it stands."""
        select = ["RowKey", "CurrencyCRM", "CurrencyAX", "UpdatedBy", "Timestamp"]
        with table_faults():
            entities = self._table.query_entities(_ROWS, parameters=_KEYS, select=select)
            return [_row(entity) async for entity in entities]

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        """Carry out up to 99 changes and record them, all or nothing. Raises MappingConflict."""
        operations = [_operation(change, edit) for change in changes]
        operations.append(("create", _history_entity(edit, part, changes)))
        with table_faults():
            try:
                await self._table.submit_transaction(operations)
            except TableTransactionError as error:
                if error.status_code in _CONFLICTS and 0 <= error.index < len(changes):
                    raise MappingConflict(changes[error.index].mapped.crm) from error
                raise

    async def history(self) -> Sequence[Version]:
        """Every edit, the oldest first."""
        edits: dict[str, tuple[Edit, list[RowChange]]] = {}
        with table_faults():
            async for entity in self._table.query_entities(_HISTORY, parameters=_KEYS):
                edit = _edit(entity)
                edits.setdefault(edit.id, (edit, []))[1].extend(_changes(entity))
        return [Version(edit, tuple(changes)) for _, (edit, changes) in sorted(edits.items())]


def _row(entity: Mapping[str, Any]) -> MappingRow:
    metadata: Any = getattr(entity, "metadata", {})
    return MappingRow(
        row_key=str(entity["RowKey"]),
        mapped=Mapped(str(entity.get("CurrencyCRM") or ""), str(entity.get("CurrencyAX") or "")),
        etag=str(metadata["etag"]),
        updated_by=str(entity.get("UpdatedBy") or ""),
        updated_at=metadata.get("timestamp"),
    )


def _operation(change: RowChange, edit: Edit) -> tuple[Any, ...]:
    """One operation of the transaction, under the ETag of the row as it was read."""
    keys = {"PartitionKey": PARTITION, "RowKey": change.row_key}
    guard: dict[str, Any] = {"etag": change.etag, "match_condition": MatchConditions.IfNotModified}
    if change.after is None:
        return "delete", keys, guard
    crm, ax = change.after
    entity = {**keys, "CurrencyCRM": crm, "CurrencyAX": ax, "UpdatedBy": edit.by}
    if change.before is None:
        return "create", entity
    return "update", entity, {**guard, "mode": UpdateMode.MERGE}


def _history_entity(edit: Edit, part: int, changes: Iterable[RowChange]) -> dict[str, Any]:
    """What was done, as JSON in as many properties as it takes."""
    rows = [(change.row_key, change.before, change.after) for change in changes]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    return {
        "PartitionKey": PARTITION,
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
