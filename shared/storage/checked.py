"""What the table AccountSync says of the checks of a load: few columns of each row."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any
from uuid import UUID

from azure.data.tables.aio import TableClient

from shared.model.load import Checked
from shared.model.state import Page, Phase, decode_log
from shared.storage.states import ROW
from shared.storage.tables import get_row, read_page

_COLUMNS = ("PartitionKey", "Phase", "Issue", "LeaseOwner", "Log")
_AT_ONCE = 16


class CheckedTable:
    """Implements the port CheckedAccounts."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def page(self, after: str) -> Page[Checked]:
        rows, next_page = await read_page(self._table, "PartitionKey gt ''", {}, _COLUMNS, after)
        return Page([_checked(row) for row in rows], next_page)

    async def of(self, account_ids: Sequence[UUID]) -> Sequence[Checked]:
        """Read row by row, because a query that names several partitions reads the whole table."""
        found: list[Checked] = []
        for ids in batched(account_ids, _AT_ONCE, strict=False):
            rows = await asyncio.gather(*(get_row(self._table, str(id_), ROW, _COLUMNS) for id_ in ids))
            found += [_checked(row) for row in rows if row is not None]
        return found


def _checked(row: Mapping[str, Any]) -> Checked:
    phase = row.get("Phase")
    return Checked(
        account_id=UUID(row["PartitionKey"]),
        phase=Phase(phase) if phase else None,
        issue=str(row.get("Issue") or ""),
        busy=bool(row.get("LeaseOwner")),
        log=decode_log(str(row.get("Log") or "[]")),
    )
