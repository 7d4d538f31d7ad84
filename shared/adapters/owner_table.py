# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table CustomerOwners: one row a customer, with the account it belongs to."""

from uuid import UUID

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.tables import table_faults, table_is_missing
from shared.model.currency import escape_key
from shared.model.customer import CustomerKey
from shared.ports import Owner


class OwnerTable:
    """Implements the port CustomerOwners. Keys are folded as Operations compares them."""

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
        """Overwrite our own row."""
        with table_faults():
            await self._table.upsert_entity(_entity(key, owner), mode=UpdateMode.REPLACE)

    async def release(self, key: CustomerKey) -> None:
        """Delete our own row; nothing to do if there is none."""
        partition, row = _keys(key)
        with table_faults():
            await self._table.delete_entity(partition, row)

    async def _get(self, key: CustomerKey) -> Owner | None:
        partition, row = _keys(key)
        try:
            entity = await self._table.get_entity(partition, row)
        except ResourceNotFoundError as error:
            if table_is_missing(error):
                raise
            return None
        return Owner(UUID(str(entity["AccountId"])), str(entity["Stage"]))


def _keys(key: CustomerKey) -> tuple[str, str]:
    folded = key.folded
    return escape_key(folded.company), escape_key(
        f"{folded.by}={folded.number}" if folded.by else folded.number
    )


def _entity(key: CustomerKey, owner: Owner) -> dict[str, str]:
    partition, row = _keys(key)
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "AccountId": str(owner.account_id),
        "Stage": owner.stage,
    }
