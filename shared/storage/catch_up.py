"""What catch-up stores between two runs: its state and a person's request, in the table Control."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from datetime import datetime
from functools import cache

from azure.data.tables.aio import TableClient
from pydantic import TypeAdapter

from shared.model.catch_up import CatchUpState, Noted, Request
from shared.storage.tables import put_under, table_faults

PARTITION, STATE, REQUEST = "catch-up", "state", "request"
MISSING = "EventsMissing"  # a column of its own, because the function `health` reads it alone


class CatchUpTable:
    """Implements the port CatchUpNotes."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self) -> Noted:
        with table_faults():
            query = "PartitionKey eq @partition"
            found = self._table.query_entities(query, parameters={"partition": PARTITION})
            rows = {str(row["RowKey"]): row async for row in found}
        state, request = rows.get(STATE), rows.get(REQUEST)
        asked = Request(str(request["Id"]), datetime.fromisoformat(request["At"])) if request else None
        if state is None:
            return Noted(CatchUpState(), None, asked)
        return Noted(_adapter().validate_json(str(state["Document"])), str(state.metadata["etag"]), asked)

    async def write(self, state: CatchUpState, etag: str | None) -> str:
        row = {
            "PartitionKey": PARTITION,
            "RowKey": STATE,
            "Document": _adapter().dump_json(state).decode(),
            MISSING: state.silence.missing,
        }
        return await put_under(etag, row, self._table)

    async def ask(self, request: Request) -> None:
        row = {
            "PartitionKey": PARTITION,
            "RowKey": REQUEST,
            "Id": request.id,
            "At": request.at.isoformat(),
        }
        with table_faults():
            await self._table.upsert_entity(row)


@cache
def _adapter() -> TypeAdapter[CatchUpState]:
    return TypeAdapter(CatchUpState)
