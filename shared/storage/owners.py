# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table CustomerOwners: one row a customer, with the account it belongs to."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.customer import CustomerKey
from shared.model.mapping import escape_key
from shared.ports import Owner, Waiting
from shared.storage.tables import table_faults, table_is_missing

_WAITING_AT_MOST = 200  # ids that fit into one property; nobody ever saw more than a few


class OwnerTable:
    """Implements the port CustomerOwners. Keys are folded as the ERP compares them."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def claim(self, key: CustomerKey, account_id: UUID) -> Owner:
        """Insert the row as `claimed` if there is none; the owner as it then stands."""
        with table_faults():
            while True:
                try:
                    await self._table.create_entity(_entity(key, Owner(account_id, "claimed")))
                except ResourceExistsError:
                    owner = await self._get(key)
                    if owner is not None:
                        return owner
                else:
                    return Owner(account_id, "claimed")

    async def mark(self, key: CustomerKey, owner: Owner) -> None:
        """Overwrite our own row; who waits for it stays noted."""
        with table_faults():
            await self._table.upsert_entity(_entity(key, owner), mode=UpdateMode.MERGE)

    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool:
        """Note in the owner's row that the account waits for it; False if it is that owner's no more."""
        with table_faults():
            entity = await self._row(key)
            if entity is None or entity["AccountId"] != str(owner):
                return False
            waiting = sorted({*map(str, _waiting(entity)), str(account_id)})[:_WAITING_AT_MOST]
            return await self._changed(entity, {"Waiting": ",".join(waiting)})

    async def waiting(self, key: CustomerKey) -> frozenset[UUID]:
        """The accounts that wait for the row."""
        with table_faults():
            return _waiting(await self._row(key) or {})

    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool:
        """Make the row the account's, as `claimed`; False if it is not the other's any more."""
        with table_faults():
            entity = await self._row(key)
            if entity is None or entity["AccountId"] != str(before):
                return False
            return await self._changed(entity, _entity(key, Owner(account_id, "claimed")))

    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None:
        """Delete the row if it is the account's, and nobody waits for it or all were told at that version."""
        with table_faults():
            while (entity := await self._row(key)) and entity["AccountId"] == str(account_id):
                etag = str(entity.metadata["etag"])
                if etag != told and (accounts := _waiting(entity)):
                    return Waiting(accounts, etag)
                with suppress(ResourceModifiedError):
                    await self._table.delete_entity(
                        *_keys(key), etag=etag, match_condition=MatchConditions.IfNotModified
                    )
        return None

    async def _changed(self, entity: TableEntity, columns: dict[str, str]) -> bool:
        """Change these columns of a row that was read; False if it was changed in between."""
        row = {name: entity[name] for name in ("PartitionKey", "RowKey")} | columns
        try:
            await self._table.update_entity(
                row,
                mode=UpdateMode.MERGE,
                etag=entity.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            if isinstance(error, ResourceNotFoundError) and table_is_missing(error):
                raise
            return False
        return True

    async def _get(self, key: CustomerKey) -> Owner | None:
        entity = await self._row(key)
        return Owner(UUID(str(entity["AccountId"])), str(entity["Stage"])) if entity else None

    async def _row(self, key: CustomerKey) -> TableEntity | None:
        partition, row = _keys(key)
        try:
            return await self._table.get_entity(partition, row)
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return None


def _keys(key: CustomerKey) -> tuple[str, str]:
    folded = key.folded
    return escape_key(folded.company), escape_key(
        f"{folded.by}={folded.number}" if folded.by else folded.number
    )


def _waiting(entity: Mapping[str, Any]) -> frozenset[UUID]:
    return frozenset(UUID(text) for text in str(entity.get("Waiting") or "").split(",") if text)


def _entity(key: CustomerKey, owner: Owner) -> dict[str, str]:
    partition, row = _keys(key)
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "AccountId": str(owner.account_id),
        "Stage": owner.stage,
    }
