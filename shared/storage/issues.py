# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Issues: the parked accounts, one partition a cause. No texts of the ERP, no personal data."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.mapping import unescape_key
from shared.model.outcome import Cause, Problem, remedy
from shared.ports.recovery import Page, ParkedAccount, ScannedAccount
from shared.storage.tables import read_page, table_faults, table_is_missing

_KEYS = "PartitionKey ge @first and PartitionKey lt @last"
_LISTED = ("PartitionKey", "RowKey", "Value", "Healed")


class IssueTable:
    """Implements the ports Issues and IssueList."""

    def __init__(self, table: TableClient, erp: str = "the ERP") -> None:
        self._table = table
        self._erp = erp

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        """Write the account's row under the problem's key, or count it up.

        What healing remembered is not kept: the account is to be healed again.
        """
        with table_faults():
            first, count = await self._before(problem.key, account_id)
            entity = {
                "PartitionKey": problem.key,
                "RowKey": str(account_id),
                "Cause": str(problem.cause),
                "Value": problem.value,
                "Field": problem.field,
                "ErrorType": problem.error_type,
                "Remedy": problem.remedy(self._erp),
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

    async def all(self, prefix: str = "") -> AsyncIterator[ParkedAccount]:
        """The rows whose PartitionKey begins so."""
        with table_faults():
            entities = self._table.query_entities(_KEYS, parameters=_range(prefix), select=list(_LISTED))
            async for entity in entities:
                yield _parked(entity)

    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]:
        """Rows of a cause that has values, in the order of their keys."""
        entities, next_page = await read_page(self._table, _KEYS, _range(f"{cause}|"), _LISTED, after)
        return Page([_parked(entity) for entity in entities], next_page)

    async def between(self, after: str, last: str) -> Sequence[ParkedAccount]:
        """The rows of accounts whose ids come behind `after`, up to `last`; "" is no limit."""
        query = "RowKey gt @after" + (" and RowKey le @last" if last else "")
        with table_faults():
            entities = self._table.query_entities(
                query, parameters={"after": after, "last": last}, select=list(_LISTED)
            )
            return [_parked(entity) async for entity in entities]

    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str) -> None:
        """Note that a check was sent, on rows that stand as they were read; one request, as a rule."""
        if not rows:
            return
        marks = [({**_place(row), "Healed": version}, _as_read(row)) for row in rows]
        with table_faults():
            try:
                await self._table.submit_transaction([("update", entity, how) for entity, how in marks])
            except HttpResponseError as error:
                if error.status_code not in {404, 412} or table_is_missing(error):
                    raise
                for entity, how in marks:
                    with suppress(ResourceModifiedError, ResourceNotFoundError):
                        await self._table.update_entity(entity, **how)

    async def restore(self, account: ScannedAccount, at: datetime) -> None:
        """Put back the row of a parked account, if it is not there."""
        cause, _, value = account.issue.partition("|")
        entity = {
            "PartitionKey": account.issue,
            "RowKey": str(account.account_id),
            "Cause": cause,
            "Value": unescape_key(value),
            "Remedy": remedy(Cause(cause), self._erp),
            "FirstAt": at.isoformat(),
            "LastAt": at.isoformat(),
            "Count": 1,
        }
        with table_faults(), suppress(ResourceExistsError):
            await self._table.create_entity(entity)

    async def _before(self, key: str, account_id: UUID) -> tuple[str, int]:
        """When the account was first parked under this key, and how often."""
        try:
            entity = await self._table.get_entity(key, str(account_id), select=["FirstAt", "Count"])
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return "", 0
        return str(entity.get("FirstAt") or ""), int(entity.get("Count") or 0)


def _place(row: ParkedAccount) -> dict[str, str]:
    return {"PartitionKey": row.key, "RowKey": str(row.account_id)}


def _as_read(row: ParkedAccount) -> dict[str, Any]:
    """How a row is changed only if it still is as it was read."""
    return {"mode": UpdateMode.MERGE, "etag": row.etag, "match_condition": MatchConditions.IfNotModified}


def _range(prefix: str) -> dict[str, str]:
    return {"first": prefix, "last": f"{prefix}\U0010ffff"}


def _parked(entity: TableEntity) -> ParkedAccount:
    return ParkedAccount(
        str(entity["PartitionKey"]),
        UUID(str(entity["RowKey"])),
        str(entity.get("Value") or ""),
        str(entity.get("Healed") or ""),
        str(entity.metadata["etag"]),
    )
