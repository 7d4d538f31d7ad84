# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table AccountSync, read for versions only: by id for a few accounts, by range for many."""

import asyncio
from collections.abc import Collection, Mapping
from itertools import batched
from typing import Any
from uuid import UUID

from azure.data.tables.aio import TableClient

from shared.model.catch_up import KnownAccount
from shared.model.state import Page
from shared.storage.states import ROW
from shared.storage.tables import get_row, read_page

_COLUMNS = ("PartitionKey", "OrganizationId", "Version", "Deleted")
_FEW = 50  # accounts that are read by id
_LEAST_HITS = 20  # of a page of a range: with fewer, reading by id costs less
_AT_ONCE = 16


class KnownAccountTable:
    """Implements the port KnownAccounts.

    A filter with many ids would make the service scan the whole table, so there is none: see
    learn.microsoft.com/azure/storage/tables/table-storage-design-for-query.
    """

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def of(self, account_ids: Collection[UUID]) -> Mapping[UUID, KnownAccount]:
        left, found = sorted(set(account_ids), key=str), dict[UUID, KnownAccount]()
        while len(left) > _FEW:
            rows, last = await self._between(left[0], left[-1])
            covered = {account_id for account_id in left if str(account_id) <= last}
            found |= {row.account_id: row for row in rows if row.account_id in covered}
            left = left[len(covered) :]
            if len(covered) < _LEAST_HITS:
                break
        for some in batched(left, _AT_ONCE, strict=False):
            rows = await asyncio.gather(*(self._one(account_id) for account_id in some))
            found |= {row.account_id: row for row in rows if row}
        return found

    async def present(self, after: str) -> Page[KnownAccount]:
        rows, following = await read_page(self._table, "RowKey eq @row", {"row": ROW}, _COLUMNS, after)
        known = map(_known, rows)
        return Page([account for account in known if not account.deleted], following)

    async def _between(self, first: UUID, last: UUID) -> tuple[list[KnownAccount], str]:
        """Read one page of a range, and return it with the last id that it covers; "" if none."""
        query = "PartitionKey ge @first and PartitionKey le @last"
        values = {"first": str(first), "last": str(last)}
        rows, following = await read_page(self._table, query, values, _COLUMNS, "")
        covered = str(last) if not following else str(rows[-1]["PartitionKey"]) if rows else ""
        return [_known(row) for row in rows], covered

    async def _one(self, account_id: UUID) -> KnownAccount | None:
        row = await get_row(self._table, str(account_id), ROW, _COLUMNS)
        return _known(row) if row else None


def _known(row: Mapping[str, Any]) -> KnownAccount:
    version = row.get("Version")
    return KnownAccount(
        UUID(row["PartitionKey"]),
        UUID(row["OrganizationId"]),
        None if version is None else int(getattr(version, "value", version)),
        bool(row.get("Deleted")),
    )
