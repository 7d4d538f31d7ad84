# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table CustomerOwners: one row for each customer, with the account that owns it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.customer import CustomerKey, Waiting
from shared.model.mapping import escape_key
from shared.storage.tables import get_row, table_faults, table_is_missing, unchanged

_WAITING_AT_MOST = 200  # ids that fit into one property; in practice there are only a few


class OwnerTable:
    """Implements the port CustomerOwners. Keys are folded as the ERP compares them."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def claim(self, key: CustomerKey, account_id: UUID) -> UUID:
        with table_faults():
            while True:
                try:
                    await self._table.create_entity(_entity(key, account_id))
                except ResourceExistsError:
                    if entity := await get_row(self._table, *_keys(key)):
                        return UUID(str(entity["AccountId"]))
                else:
                    return account_id

    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool:
        with table_faults():
            entity = await get_row(self._table, *_keys(key))
            if entity is None or entity["AccountId"] != str(owner):
                return False
            waiting = sorted({*map(str, _waiting(entity)), str(account_id)})[:_WAITING_AT_MOST]
            return await self._changed(entity, {"Waiting": ",".join(waiting)})

    async def waiting(self, key: CustomerKey) -> frozenset[UUID]:
        with table_faults():
            return _waiting(await get_row(self._table, *_keys(key)) or {})

    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool:
        with table_faults():
            entity = await get_row(self._table, *_keys(key))
            if entity is None or entity["AccountId"] != str(before):
                return False
            return await self._changed(entity, _entity(key, account_id))

    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None:
        with table_faults():
            while (entity := await get_row(self._table, *_keys(key))) and entity["AccountId"] == str(
                account_id
            ):
                etag = str(entity.metadata["etag"])
                if etag != told and (accounts := _waiting(entity)):
                    return Waiting(accounts, etag)
                with suppress(ResourceModifiedError):
                    await self._table.delete_entity(*_keys(key), **unchanged(etag))
        return None

    async def owner(self, key: CustomerKey) -> UUID | None:
        entity = await get_row(self._table, *_keys(key))
        return UUID(str(entity["AccountId"])) if entity else None

    async def by_number(self, number: str) -> Sequence[UUID]:
        _, row = _keys(CustomerKey("", number))
        with table_faults():
            entities = self._table.query_entities(
                "RowKey eq @row", parameters={"row": row}, select=["AccountId"]
            )
            return [UUID(str(entity["AccountId"])) async for entity in entities]

    async def _changed(self, entity: TableEntity, columns: dict[str, str]) -> bool:
        """Change these columns of a row. Return False if the row was changed since it was read."""
        row = {name: entity[name] for name in ("PartitionKey", "RowKey")} | columns
        try:
            guard = unchanged(str(entity.metadata["etag"]))
            await self._table.update_entity(row, mode=UpdateMode.MERGE, **guard)
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            if isinstance(error, ResourceNotFoundError) and table_is_missing(error):
                raise
            return False
        return True


def _keys(key: CustomerKey) -> tuple[str, str]:
    folded = key.folded
    return escape_key(folded.company), escape_key(
        f"{folded.by}={folded.number}" if folded.by else folded.number
    )


def _waiting(entity: Mapping[str, Any]) -> frozenset[UUID]:
    return frozenset(UUID(text) for text in str(entity.get("Waiting") or "").split(",") if text)


def _entity(key: CustomerKey, account_id: UUID) -> dict[str, str]:
    partition, row = _keys(key)
    # Version 1 reads a stage of each row, and decides nothing by it.
    return {"PartitionKey": partition, "RowKey": row, "AccountId": str(account_id), "Stage": "claimed"}
