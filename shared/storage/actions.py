# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""What people did on the operator's page: one partition of the table Control. Rows are only inserted."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from azure.data.tables.aio import TableClient

from shared.model.action import OperatorAction
from shared.storage.tables import from_pieces, get_row, in_pieces, table_faults, text_of

ACTION = "action"


class ActionTable:
    """Implements the port Actions."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, action: OperatorAction) -> None:
        row = {
            "PartitionKey": ACTION,
            "RowKey": str(action.id),
            "At": text_of(action.at),
            "Who": str(action.who),
            "What": action.what,
            **in_pieces("Ids", json.dumps(action.ids)),
            "Count": action.count,
            "Why": action.why,
        }
        with table_faults():
            await self._table.create_entity(row)

    async def get(self, action_id: UUID) -> OperatorAction | None:
        row = await get_row(self._table, ACTION, str(action_id))
        return _action(row) if row else None

    async def newest(self, most: int) -> Sequence[OperatorAction]:
        with table_faults():
            pages = self._table.query_entities(
                "PartitionKey eq @partition", parameters={"partition": ACTION}, results_per_page=most
            ).by_page()
            async for page in pages:
                if rows := [_action(row) async for row in page]:
                    return rows
        return []


def _action(row: Mapping[str, Any]) -> OperatorAction:
    return OperatorAction(
        id=UUID(str(row["RowKey"])),
        at=datetime.fromisoformat(str(row["At"])),
        who=UUID(str(row["Who"])),
        what=str(row["What"]),
        ids=tuple(json.loads(from_pieces("Ids", row))),
        count=int(row.get("Count") or 0),
        why=str(row.get("Why") or ""),
    )
