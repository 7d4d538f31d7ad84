"""Tries what the app may do with its tables."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from azure.data.tables.aio import TableServiceClient

from shared.storage.diagnoses import DOCTOR
from shared.storage.tables import CONTROL, TABLES, get_row, table_faults


class TriedTables:
    """Implements the port TableAccess."""

    def __init__(self, client: TableServiceClient, names: Sequence[str] = TABLES) -> None:
        self._client = client
        self._names = names

    @property
    def names(self) -> Sequence[str]:
        return self._names

    async def read(self, table: str) -> None:
        await get_row(self._client.get_table_client(table), DOCTOR, "none")

    async def write(self) -> datetime | None:
        table, key = self._client.get_table_client(CONTROL), f"tried {uuid4()}"
        with table_faults():
            done = await table.create_entity({"PartitionKey": DOCTOR, "RowKey": key})
            await table.delete_entity(DOCTOR, key)
        at: object = done.get("date")
        return at.astimezone(UTC) if isinstance(at, datetime) else None
