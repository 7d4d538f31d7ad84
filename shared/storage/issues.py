# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Issues: the parked accounts, one partition for each cause.

No ERP texts, and no personal data but what a person writes into a note.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.issue import Issue, ParkedAccount, Seen
from shared.model.mapping import unescape_key
from shared.model.outcome import Cause, Problem, keys_of_cause
from shared.model.state import Page, ScannedAccount
from shared.storage.tables import get_row, read_page, table_faults, table_is_missing, unchanged

_SEEN = ("SeenBy", "SeenAt", "Note")
_LISTED = ("PartitionKey", "RowKey", "Value", "Healed")


class IssueTable:
    """Implements the port Issues."""

    def __init__(self, table: TableClient, erp: str = "the ERP") -> None:
        self._table = table
        self._erp = erp

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        columns = ["FirstAt", "Count", *_SEEN]
        before = await get_row(self._table, problem.key, str(account_id), columns) or {}
        entity = self._entity(problem, problem.key, account_id, at)
        entity |= {"Field": problem.field, "ErrorType": problem.error_type}
        entity |= {name: str(before[name]) for name in _SEEN if name in before}
        entity["FirstAt"] = str(before.get("FirstAt") or at.isoformat())
        entity["Count"] = int(before.get("Count") or 0) + 1
        if problem.status is not None:
            entity["Status"] = problem.status
        with table_faults():
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def remove(self, key: str, account_id: UUID) -> None:
        with table_faults():
            await self._table.delete_entity(key, str(account_id))

    async def restore(self, account: ScannedAccount, at: datetime) -> None:
        cause, _, value = account.issue.partition("|")
        problem = Problem(Cause(cause), value=unescape_key(value))
        with table_faults(), suppress(ResourceExistsError):
            entity = self._entity(problem, account.issue, account.account_id, at)
            await self._table.create_entity({**entity, "Cause": cause})  # as written, maybe by version 1

    async def mark_seen(self, key: str, account_id: UUID, seen: Seen) -> bool:
        row = {"PartitionKey": key, "RowKey": str(account_id)}
        row |= {"SeenBy": seen.by, "SeenAt": seen.at, "Note": seen.note}
        with table_faults():
            try:
                await self._table.update_entity(row, mode=UpdateMode.MERGE)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return False
        return True

    def _entity(self, problem: Problem, key: str, account_id: UUID, at: datetime) -> dict[str, Any]:
        keys = {"PartitionKey": key, "RowKey": str(account_id)}
        said = {"Cause": str(problem.cause), "Value": problem.value, "Remedy": problem.remedy(self._erp)}
        return {**keys, **said, "FirstAt": at.isoformat(), "LastAt": at.isoformat(), "Count": 1}

    async def all(self, after: str) -> Page[Issue]:
        entities, next_page = await read_page(self._table, "PartitionKey gt ''", {}, (), after)
        return Page([_issue(entity) for entity in entities], next_page)

    async def report(self, cause: str = "") -> Sequence[Issue]:
        query = "PartitionKey eq @exact or ( PartitionKey ge @first and PartitionKey lt @last )"
        found: list[Issue] = []
        with table_faults():
            for key in keys_of_cause(cause):
                parameters = {"exact": key, "first": f"{key}|", "last": f"{key}}}"}
                entities = (
                    self._table.query_entities(query, parameters=parameters)
                    if key
                    else self._table.list_entities()
                )
                found += [_issue(entity) async for entity in entities]
        return found

    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]:
        query = "PartitionKey ge @first and PartitionKey lt @last"
        parameters = {"first": f"{cause}|", "last": f"{cause}|\U0010ffff"}
        entities, next_page = await read_page(self._table, query, parameters, _LISTED, after)
        return Page([_parked(entity) for entity in entities], next_page)

    async def under(self, key: str, after: str) -> Page[ParkedAccount]:
        parameters = {"key": key}
        entities, next_page = await read_page(self._table, "PartitionKey eq @key", parameters, _LISTED, after)
        return Page([_parked(entity) for entity in entities], next_page)

    async def listed(self, after: str) -> Page[ParkedAccount]:
        entities, next_page = await read_page(self._table, "PartitionKey gt ''", {}, _LISTED, after)
        return Page([_parked(entity) for entity in entities], next_page)

    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str, remedy: str = "") -> None:
        """Mark the rows in one request, or one by one if any of them was changed since it was read."""
        if not rows:
            return
        mark = {"Healed": version} | ({"Remedy": remedy} if remedy else {})
        marks = [(_place(row) | mark, unchanged(row.etag)) for row in rows]
        with table_faults():
            try:
                await self._table.submit_transaction([("update", entity, guard) for entity, guard in marks])
            except HttpResponseError as error:
                if error.status_code not in {404, 412} or table_is_missing(error):
                    raise
                for entity, guard in marks:
                    with suppress(ResourceModifiedError, ResourceNotFoundError):
                        await self._table.update_entity(entity, **guard)


def _place(row: ParkedAccount) -> dict[str, str]:
    return {"PartitionKey": row.key, "RowKey": str(row.account_id)}


def _parked(entity: TableEntity) -> ParkedAccount:
    return ParkedAccount(
        str(entity["PartitionKey"]),
        UUID(str(entity["RowKey"])),
        str(entity.get("Value") or ""),
        str(entity.get("Healed") or ""),
        str(entity.metadata["etag"]),
    )


def _issue(entity: Mapping[str, Any]) -> Issue:
    status = entity.get("Status")
    return Issue(
        key=str(entity["PartitionKey"]),
        account_id=UUID(str(entity["RowKey"])),
        cause=_cause(str(entity.get("Cause") or "")),
        value=str(entity.get("Value") or ""),
        field=str(entity.get("Field") or ""),
        remedy=str(entity.get("Remedy") or ""),
        status=None if status is None else int(status),
        error_type=str(entity.get("ErrorType") or ""),
        first_at=str(entity.get("FirstAt") or ""),
        last_at=str(entity.get("LastAt") or ""),
        count=int(entity.get("Count") or 0),
        seen=Seen(*(str(entity.get(name) or "") for name in _SEEN)) if entity.get("SeenAt") else None,
    )


def _cause(text: str) -> str:
    """Return the cause by its present name; a cause of a later version is returned unchanged."""
    return str(Cause(text)) if text in keys_of_cause(Cause.REFUSED) else text
