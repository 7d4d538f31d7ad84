"""The newest run of each kind: one row in the table Control."""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from azure.data.tables.aio import TableClient

from shared.model.page import RunKind
from shared.ports.pages import StoredRun
from shared.storage.tables import get_row, put_under

RUN = "run"


class RunTable:
    """Implements the port Runs."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, kind: RunKind) -> StoredRun | None:
        row = await get_row(self._table, RUN, kind)
        return StoredRun(str(row["Document"]), str(row.metadata["etag"])) if row else None

    async def write(self, kind: RunKind, document: str, etag: str | None) -> str:
        row = {"PartitionKey": RUN, "RowKey": str(kind), "Document": document}
        return await put_under(etag, row, self._table)
