# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The differences of each reconcile run in the table Control: ids, kinds, names of fields; never values."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from azure.data.tables.aio import TableClient

from shared.model.reconciliation import Difference, Kind
from shared.storage.tables import table_faults

_PARTITION = "difference."
_AT_ONCE = 100  # changes of one transaction
_MOST_REMOVED = 20_000  # rows that one call deletes


class DifferenceTable:
    """Implements the port Differences. A run's id begins with its time, so old runs come first."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def keep(self, run: str, differences: Sequence[Difference]) -> None:
        for some in batched(differences, _AT_ONCE, strict=False):
            rows = [("upsert", _encoded(run, difference), {"mode": "replace"}) for difference in some]
            with table_faults():
                await self._table.submit_transaction(rows)

    async def of_run(self, run: str) -> Sequence[Difference]:
        with table_faults():
            rows = self._table.query_entities(
                "PartitionKey eq @partition", parameters={"partition": f"{_PARTITION}{run}"}
            )
            return [_decoded(row) async for row in rows]

    async def remove_before(self, moment: datetime) -> None:
        old = f"{_PARTITION}{moment:%Y%m%dT%H%M%S}"
        with table_faults():
            found = self._table.query_entities(
                "PartitionKey gt @first and PartitionKey lt @old",
                parameters={"first": _PARTITION, "old": old},
                select=["PartitionKey", "RowKey"],
            )
            rows: list[Mapping[str, Any]] = []
            async for row in found:
                rows.append(row)
                if len(rows) == _MOST_REMOVED:
                    break
            for partition in dict.fromkeys(row["PartitionKey"] for row in rows):
                own = [row for row in rows if row["PartitionKey"] == partition]
                for some in batched(own, _AT_ONCE, strict=False):
                    await self._table.submit_transaction([("delete", dict(row)) for row in some])


def _encoded(run: str, difference: Difference) -> dict[str, str]:
    return {
        "PartitionKey": f"{_PARTITION}{run}",
        "RowKey": str(difference.account_id),
        "Kind": str(difference.kind),
        "Fields": json.dumps(difference.fields),
        "Cause": difference.cause,
        "Owner": str(difference.owner or ""),
    }


def _decoded(row: Mapping[str, Any]) -> Difference:
    return Difference(
        UUID(row["RowKey"]),
        Kind(row["Kind"]),
        tuple(json.loads(row["Fields"])),
        str(row["Cause"]),
        UUID(row["Owner"]) if row["Owner"] else None,
    )
