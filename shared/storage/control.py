# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Control: breakers, hourly allowances, and how far the healing of mapping rows got."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.model.breaker import Breaker, Refusal
from shared.model.faults import StateConflict, System
from shared.model.mapping import escape_key, unescape_key
from shared.ports.recovery import Bookmark, Handled
from shared.storage.tables import put_under, table_faults, table_is_missing

BREAKER, GUARD, MAPPING, BOOKMARK = "breaker", "guard", "mapping", "healing"
_BATCH = 100  # the most that a transaction of the Table service takes


class ControlTable:
    """Rows by partition and key, replaced only under the ETag that was read."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def rows(
        self, partition: str, condition: str = "", values: Mapping[str, str] | None = None
    ) -> list[tuple[Mapping[str, Any], str]]:
        """The rows of a partition, or those of them that meet the condition, each with its ETag."""
        query = "PartitionKey eq @partition" + (f" and {condition}" if condition else "")
        with table_faults():
            entities = self._table.query_entities(
                query, parameters={"partition": partition, **(values or {})}
            )
            return [(entity, str(entity.metadata["etag"])) async for entity in entities]

    async def row(self, partition: str, key: str) -> tuple[Mapping[str, Any], str] | None:
        """One row with its ETag."""
        with table_faults():
            try:
                entity = await self._table.get_entity(partition, key)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return None
        return entity, str(entity.metadata["etag"])

    async def put(self, partition: str, key: str, values: Mapping[str, object], etag: str | None) -> str:
        """Replace the row with this ETag, or insert it; the new ETag. Raises StateConflict."""
        given = {name: value for name, value in values.items() if value is not None}
        return await put_under(etag, {"PartitionKey": partition, "RowKey": key, **given}, self._table)

    async def write_all(self, partition: str, rows: Mapping[str, Mapping[str, object]]) -> None:
        """Write rows that nobody else writes, a hundred a request."""
        for some in batched(rows.items(), _BATCH, strict=False):
            entities = [{"PartitionKey": partition, "RowKey": key, **values} for key, values in some]
            with table_faults():
                await self._table.submit_transaction([("upsert", entity) for entity in entities])

    async def remove(self, partition: str, key: str) -> None:
        """Delete a row; nothing to do if there is none."""
        with table_faults():
            await self._table.delete_entity(partition, key)

    async def remove_all(self, partition: str, keys: Collection[str]) -> None:
        """Delete rows that are there, a hundred a request."""
        for some in batched(keys, _BATCH, strict=False):
            entities = [{"PartitionKey": partition, "RowKey": key} for key in some]
            with table_faults():
                await self._table.submit_transaction([("delete", entity) for entity in entities])


class BreakerTable:
    """Implements BreakerRows."""

    def __init__(self, control: ControlTable) -> None:
        self._control = control

    async def read(self) -> Mapping[System, tuple[Breaker, str]]:
        """Every row with its ETag."""
        found = [(_breaker(entity), etag) for entity, etag in await self._control.rows(BREAKER)]
        return {breaker.system: (breaker, etag) for breaker, etag in found}

    async def put(self, breaker: Breaker, etag: str | None) -> str:
        """Replace the row with this ETag, or insert it. Raises StateConflict."""
        values = {
            "OpenUntil": _text(breaker.open_until),
            "ProbeUntil": _text(breaker.probe_until),
            "PausedBy": breaker.paused_by,
            "Trips": breaker.trips,
            "ClosedAt": _text(breaker.closed_at),
            "Reason": breaker.reason,
            "Refusals": json.dumps([(way, str(account), _text(at)) for way, account, at in breaker.refusals])
            if breaker.refusals
            else None,
            "Refused": breaker.refused or None,
            "Prober": str(breaker.prober) if breaker.prober else None,
        }
        return await self._control.put(BREAKER, str(breaker.system), values, etag)


class AllowanceTable:
    """Implements Allowances: one row a kind and hour, with what was reserved of it."""

    def __init__(self, control: ControlTable) -> None:
        self._control = control

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        """Take up to `wanted` of what is left of the hour; how many there were."""
        key = f"{kind} {hour:%Y-%m-%dT%H}"
        while True:
            stored = await self._control.row(GUARD, key)
            reserved = int(stored[0]["Reserved"]) if stored else 0
            granted = max(0, min(wanted, ceiling - reserved))
            if not granted:
                return 0
            try:
                await self._control.put(
                    GUARD, key, {"Reserved": reserved + granted}, stored[1] if stored else None
                )
            except StateConflict:
                continue
            return granted


class HandledTable:
    """Implements HandledMappings: the version of each mapping row that was healed, and how far."""

    def __init__(self, control: ControlTable) -> None:
        self._control = control

    async def read(self) -> Mapping[str, Handled]:
        """By currency key."""
        return _handled(await self._control.rows(MAPPING))

    async def of(self, scan: str) -> Mapping[str, Handled]:
        """Those that this scan is under way for."""
        return _handled(await self._control.rows(MAPPING, "Scan eq @scan", {"scan": scan}))

    async def put(self, rows: Mapping[str, Handled]) -> None:
        """Remember; healing runs on one instance at a time, so no row is anybody else's."""
        await self._control.write_all(
            MAPPING,
            {
                escape_key(key): {
                    "Version": handled.version,
                    "FirstScanAt": handled.first_scan_at.isoformat(),
                    "Done": handled.done,
                    "Scan": handled.scan,
                }
                for key, handled in rows.items()
            },
        )

    async def remove(self, keys: Collection[str]) -> None:
        """Forget rows that are gone."""
        await self._control.remove_all(MAPPING, [escape_key(key) for key in keys])


class BookmarkTable:
    """Implements Bookmarks: how far each part of healing got."""

    def __init__(self, control: ControlTable) -> None:
        self._control = control

    async def read(self) -> Mapping[str, Bookmark]:
        """By name."""
        return {str(entity["RowKey"]): _bookmark(entity) for entity, _ in await self._control.rows(BOOKMARK)}

    async def put(self, name: str, bookmark: Bookmark) -> None:
        """Store."""
        values = {
            "At": bookmark.at.isoformat(),
            "Stage": bookmark.stage,
            "After": bookmark.after,
            "Start": bookmark.start,
            "Due": _text(bookmark.due) or "",
        }
        await self._control.write_all(BOOKMARK, {name: values})

    async def remove(self, name: str) -> None:
        """Delete; nothing to do if there is none."""
        await self._control.remove(BOOKMARK, name)


def _handled(rows: Iterable[tuple[Mapping[str, Any], str]]) -> Mapping[str, Handled]:
    """Rows that were written before scans had names have none."""
    return {
        unescape_key(str(entity["RowKey"])): Handled(
            str(entity["Version"]),
            datetime.fromisoformat(entity["FirstScanAt"]),
            bool(entity["Done"]),
            str(entity.get("Scan") or ""),
        )
        for entity, _ in rows
    }


def _bookmark(entity: Mapping[str, Any]) -> Bookmark:
    return Bookmark(
        datetime.fromisoformat(entity["At"]),
        str(entity["Stage"]),
        str(entity["After"]),
        str(entity["Start"]),
        _moment(entity["Due"]),
    )


def _breaker(entity: Mapping[str, Any]) -> Breaker:
    return Breaker(
        system=System(entity["RowKey"]),
        open_until=_moment(entity.get("OpenUntil")),
        probe_until=_moment(entity.get("ProbeUntil")),
        paused_by=str(entity.get("PausedBy") or ""),
        trips=int(entity.get("Trips") or 0),
        closed_at=_moment(entity.get("ClosedAt")),
        reason=str(entity.get("Reason") or ""),
        refusals=tuple(
            Refusal(way, UUID(account), datetime.fromisoformat(at))
            for way, account, at in json.loads(entity.get("Refusals") or "[]")
        ),
        refused=str(entity.get("Refused") or ""),
        prober=UUID(entity["Prober"]) if entity.get("Prober") else None,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
