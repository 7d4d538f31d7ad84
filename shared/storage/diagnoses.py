"""The doctor's row in the table Control: the newest diagnosis, the lease, and the newest request."""
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.

from datetime import datetime
from typing import Any

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.model.diagnosis import Diagnosis, decode_diagnosis, encode_diagnosis
from shared.ports.doctor import Standing
from shared.storage.tables import get_row, moment_of, put_under, table_faults, text_of

DOCTOR, NEWEST = "doctor", "newest"
_KEYS = {"PartitionKey": DOCTOR, "RowKey": NEWEST}
_STANDING = ("PartitionKey", "RowKey", "At", "Build", "Request", "Answered", "LeasedUntil")


class DiagnosisTable:
    """Implements the port Diagnoses. Writes merge, because the app and a person write to the same row."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def standing(self) -> Standing:
        row = await get_row(self._table, DOCTOR, NEWEST, _STANDING)
        if row is None:
            return Standing()
        return Standing(
            at=moment_of(row.get("At")),
            build=str(row.get("Build") or ""),
            request=str(row.get("Request") or ""),
            answered=str(row.get("Answered") or ""),
            leased_until=moment_of(row.get("LeasedUntil")),
            etag=str(row.metadata["etag"]),
        )

    async def lease(self, until: datetime, standing: Standing) -> None:
        row = {**_KEYS, "LeasedUntil": text_of(until)}
        await put_under(standing.etag, row, self._table, UpdateMode.MERGE)

    async def keep(self, diagnosis: Diagnosis, answered: str) -> None:
        await self._merge(
            At=diagnosis.at.isoformat(),
            Build=diagnosis.build,
            Document=encode_diagnosis(diagnosis),
            Answered=answered,
            LeasedUntil="",
        )

    async def newest(self) -> Diagnosis | None:
        row = await get_row(self._table, DOCTOR, NEWEST)
        document = str(row.get("Document") or "") if row else ""
        return decode_diagnosis(document) if document else None

    async def ask(self, request: str) -> None:
        await self._merge(Request=request)

    async def _merge(self, **columns: Any) -> None:
        with table_faults():
            await self._table.upsert_entity({**_KEYS, **columns}, mode=UpdateMode.MERGE)
