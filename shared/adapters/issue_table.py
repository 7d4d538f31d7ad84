# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Issues: the parked accounts, one partition a cause. No texts of Operations, no personal data."""

from datetime import datetime
from uuid import UUID

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.tables import table_faults, table_is_missing
from shared.model.outcome import Problem


class IssueTable:
    """Implements the port Issues."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        """Write the account's row under the problem's key, or count it up."""
        with table_faults():
            first, count = await self._before(problem.key, account_id)
            entity = {
                "PartitionKey": problem.key,
                "RowKey": str(account_id),
                "Cause": str(problem.cause),
                "Value": problem.value,
                "Field": problem.field,
                "ErrorType": problem.error_type,
                "Remedy": problem.remedy,
                "FirstAt": first or at.isoformat(),
                "LastAt": at.isoformat(),
                "Count": count + 1,
            }
            if problem.status is not None:
                entity["Status"] = problem.status
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def remove(self, key: str, account_id: UUID) -> None:
        """Delete the row; nothing to do if there is none."""
        with table_faults():
            await self._table.delete_entity(key, str(account_id))

    async def _before(self, key: str, account_id: UUID) -> tuple[str, int]:
        try:
            entity = await self._table.get_entity(key, str(account_id))
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return "", 0
        return str(entity.get("FirstAt") or ""), int(entity.get("Count") or 0)
