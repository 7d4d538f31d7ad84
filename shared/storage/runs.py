"""The newest run of each kind: one row in the table Control.

A document that is longer than a property may be is stored in several.
Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model.
"""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from azure.data.tables.aio import TableClient

from shared.model.page import RunKind
from shared.ports.pages import StoredRun
from shared.storage.tables import get_row, put_under

RUN = "run"
_PIECE = 30_000  # characters; a property holds 32 K UTF-16 units, and the documents are ASCII


class RunTable:
    """Implements the port Runs."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, kind: RunKind) -> StoredRun | None:
        row = await get_row(self._table, RUN, kind)
        return StoredRun(_document(row), str(row.metadata["etag"])) if row else None

    async def write(self, kind: RunKind, document: str, etag: str | None) -> str:
        starts = range(0, len(document), _PIECE)
        pieces = {_name(place): document[start : start + _PIECE] for place, start in enumerate(starts)}
        return await put_under(etag, {"PartitionKey": RUN, "RowKey": str(kind), **pieces}, self._table)


def _name(place: int) -> str:
    return f"Document{place or ''}"


def _document(row: Mapping[str, Any]) -> str:
    return "".join(str(row[name]) for name in takewhile(row.__contains__, map(_name, count())))
