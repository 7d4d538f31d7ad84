# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Issues: the parked accounts, one partition a cause. No texts of Operations, no personal data."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.tables import table_faults, table_is_missing
from shared.model.currency import unescape_key
from shared.model.outcome import REMEDIES, Cause, Problem
from shared.model.sync_state import SyncState
from shared.ports.recovery import ParkedAccount


class IssueTable:
    """Implements the port Issues."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        """Write the account's row under the problem's key, or count it up."""
        with table_faults():
            first, count, healed = await self._before(problem.key, account_id)
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
                "Healed": healed,
            }
            if problem.status is not None:
                entity["Status"] = problem.status
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def remove(self, key: str, account_id: UUID) -> None:
        """Delete the row; nothing to do if there is none."""
        with table_faults():
            await self._table.delete_entity(key, str(account_id))

    async def all(self, prefix: str = "") -> AsyncIterator[ParkedAccount]:
        """The rows whose PartitionKey begins so."""
        query = "PartitionKey ge @first and PartitionKey lt @last"
        parameters = {"first": prefix, "last": f"{prefix}\U0010ffff"}
        with table_faults():
            async for entity in self._table.query_entities(query, parameters=parameters):
                yield ParkedAccount(
                    str(entity["PartitionKey"]),
                    UUID(str(entity["RowKey"])),
                    str(entity.get("Value") or ""),
                    str(entity.get("Healed") or ""),
                )

    async def mark_healed(self, row: ParkedAccount, version: str) -> None:
        """Note that a look was sent for this version; nothing to do if the row is gone."""
        entity = {"PartitionKey": row.key, "RowKey": str(row.account_id), "Healed": version}
        with table_faults(), suppress(ResourceNotFoundError):
            await self._table.update_entity(entity, mode=UpdateMode.MERGE)

    async def restore(self, state: SyncState, at: datetime) -> None:
        """Put back the row of a parked state, if it is not there."""
        if state.issue is None:
            return
        cause, _, value = state.issue.partition("|")
        entity = {
            "PartitionKey": state.issue,
            "RowKey": str(state.account_id),
            "Cause": cause,
            "Value": unescape_key(value),
            "Remedy": REMEDIES[Cause(cause)],
            "FirstAt": at.isoformat(),
            "LastAt": at.isoformat(),
            "Count": 1,
        }
        with table_faults(), suppress(ResourceExistsError):
            await self._table.create_entity(entity)

    async def _before(self, key: str, account_id: UUID) -> tuple[str, int, str]:
        try:
            entity = await self._table.get_entity(key, str(account_id))
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return "", 0, ""
        first, healed = str(entity.get("FirstAt") or ""), str(entity.get("Healed") or "")
        return first, int(entity.get("Count") or 0), healed
