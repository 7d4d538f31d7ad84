"""The newest run of each kind: one row in the table Control."""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from azure.data.tables.aio import TableClient

from shared.model.page import RunKind
from shared.ports.pages import StoredRun
from shared.storage.tables import from_pieces, get_row, in_pieces, put_under

RUN, _DOCUMENT = "run", "Document"


class RunTable:
    """Implements the port Runs."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, kind: RunKind) -> StoredRun | None:
        row = await get_row(self._table, RUN, kind)
        return StoredRun(from_pieces(_DOCUMENT, row), str(row.metadata["etag"])) if row else None

    async def write(self, kind: RunKind, document: str, etag: str | None) -> str:
        row = {"PartitionKey": RUN, "RowKey": str(kind), **in_pieces(_DOCUMENT, document)}
        return await put_under(etag, row, self._table)
