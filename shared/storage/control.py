# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The table Control: breakers, hourly allowances, progress of healing, stopped systems, answers to probes.

Each has its own partition. `heal` runs on one instance at a time, so nobody else writes its rows.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import batched
from typing import Any, Literal, NamedTuple
from uuid import UUID

from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient

from shared.model.breaker import Breaker, Refusal
from shared.model.control import Answered, Bookmark, Handled, InUse, Untaken
from shared.model.faults import StateConflict, System
from shared.model.mapping import MappingTable, escape_key, unescape_key
from shared.model.queues import CHANGES
from shared.storage.catch_up import MISSING, STATE
from shared.storage.catch_up import PARTITION as CATCH_UP
from shared.storage.tables import get_row, moment_of, put_under, table_faults, text_of

BREAKER, GUARD, MAPPING, BOOKMARK = "breaker", "guard", "mapping", "healing"
HELD, PROBE, ANSWERED = "waiting", "probe", "sync_account"
TARGET, IN_USE = "target", "in-use"
UNTAKEN = "untaken"
_BATCH = 100  # the limit of a transaction of the Table service

_MOST_KNOWN = 8

type _Row = Mapping[str, Any]
type _Columns = Mapping[str, object]


class _Reserved(NamedTuple):
    """How much of an allowance is reserved, and the ETag of its row."""

    number: int
    etag: str | None


class ControlTable:
    """Implements the port Control."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self._reserved: dict[str, _Reserved] = {}  # as this instance wrote them last

    async def breakers(self) -> Mapping[System, tuple[Breaker, str]]:
        found = [(_breaker(row), str(row.metadata["etag"])) for row in await self._rows(BREAKER)]
        return {breaker.system: (breaker, etag) for breaker, etag in found}

    async def put_breaker(self, breaker: Breaker, etag: str | None) -> str:
        return await put_under(etag, _breaker_row(breaker), self._table)

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        keys = {"PartitionKey": GUARD, "RowKey": f"{kind} {hour:%Y-%m-%dT%H}"}
        known = self._reserved.pop(keys["RowKey"], None)
        while True:
            known = known or await self._read_reserved(keys)
            granted = max(0, min(wanted, ceiling - known.number))
            if not granted:
                return 0
            total = known.number + granted
            try:
                etag = await put_under(known.etag, {**keys, "Reserved": total}, self._table)
            except StateConflict:  # another instance was faster
                known = None
                continue
            if len(self._reserved) >= _MOST_KNOWN:
                self._reserved.clear()  # they are of past hours
            self._reserved[keys["RowKey"]] = _Reserved(total, etag)
            return granted

    async def _read_reserved(self, keys: Mapping[str, str]) -> _Reserved:
        row = await get_row(self._table, *keys.values())
        return _Reserved(int(row["Reserved"]), str(row.metadata["etag"])) if row else _Reserved(0, None)

    async def handled(self, table: MappingTable, scan: str = "") -> Mapping[str, Handled]:
        rows = await self._rows(_mapping(table), " and Scan eq @scan" if scan else "", scan=scan)
        return {unescape_key(str(row["RowKey"])): _handled(row) for row in rows}

    async def put_handled(self, table: MappingTable, rows: Mapping[str, Handled]) -> None:
        await self._submit(_mapping(table), {escape_key(key): _handled_row(row) for key, row in rows.items()})

    async def remove_handled(self, table: MappingTable, keys: Collection[str]) -> None:
        await self._submit(_mapping(table), {escape_key(key): {} for key in keys}, "delete")

    async def bookmarks(self) -> Mapping[str, Bookmark]:
        return {str(row["RowKey"]): _bookmark(row) for row in await self._rows(BOOKMARK)}

    async def put_bookmarks(self, bookmarks: Mapping[str, Bookmark]) -> None:
        await self._submit(BOOKMARK, {name: _bookmark_row(one) for name, one in bookmarks.items()})

    async def remove_bookmark(self, name: str) -> None:
        await self._remove(BOOKMARK, name)

    async def held_since(self) -> Mapping[str, datetime]:
        return {str(row["RowKey"]): datetime.fromisoformat(row["Since"]) for row in await self._rows(HELD)}

    async def put_held(self, systems: Mapping[str, datetime]) -> None:
        await self._submit(HELD, {name: {"Since": text_of(since)} for name, since in systems.items()})

    async def remove_held(self, systems: Collection[str]) -> None:
        for system in systems:
            await self._remove(HELD, system)

    async def target_in_use(self) -> InUse | None:
        row = await get_row(self._table, TARGET, IN_USE)
        if row is None:
            return None
        place = (str(row.get(column) or "") for column in ("Target", "Host", "Environment", "Company"))
        return InUse(*place, adopted_at=moment_of(row.get("AdoptedAt")))

    async def put_target_in_use(self, target: InUse) -> None:
        columns = {
            "Target": target.target,
            "Host": target.host,
            "Environment": target.environment,
            "Company": target.company,
            "AdoptedAt": text_of(target.adopted_at) or "",
        }
        await self._submit(TARGET, {IN_USE: columns})

    async def last_answer(self) -> Answered | None:
        row = await get_row(self._table, PROBE, ANSWERED)
        return Answered(datetime.fromisoformat(row["At"]), str(row["Build"])) if row else None

    async def put_answer(self, answered: Answered) -> None:
        await self._submit(PROBE, {ANSWERED: {"At": answered.at.isoformat(), "Build": answered.build}})

    async def events_missing(self) -> str:
        row = await get_row(self._table, CATCH_UP, STATE, [MISSING])
        return str((row or {}).get(MISSING) or "")

    async def untaken(self) -> Untaken | None:
        row = await get_row(self._table, UNTAKEN, CHANGES)
        return Untaken(datetime.fromisoformat(row["Since"]), str(row.get("Told") or "")) if row else None

    async def put_untaken(self, untaken: Untaken | None) -> None:
        if untaken is None:
            await self._remove(UNTAKEN, CHANGES)
        else:
            await self._submit(UNTAKEN, {CHANGES: {"Since": text_of(untaken.since), "Told": untaken.told}})

    async def _rows(self, partition: str, condition: str = "", **values: str) -> list[TableEntity]:
        with table_faults():
            entities = self._table.query_entities(
                f"PartitionKey eq @partition{condition}", parameters={"partition": partition, **values}
            )
            return [entity async for entity in entities]

    async def _submit(
        self, partition: str, rows: Mapping[str, _Columns], how: Literal["upsert", "delete"] = "upsert"
    ) -> None:
        """Write or delete rows, a hundred in a request. A row to delete must exist."""
        for some in batched(rows.items(), _BATCH, strict=False):
            entities = [{"PartitionKey": partition, "RowKey": key, **values} for key, values in some]
            with table_faults():
                await self._table.submit_transaction([(how, entity) for entity in entities])

    async def _remove(self, partition: str, key: str) -> None:
        """Delete a row, if it exists."""
        with table_faults():
            await self._table.delete_entity(partition, key)


def _mapping(table: MappingTable) -> str:
    """Return the partition of what healing has handled of a mapping table."""
    return MAPPING if table.of_currencies else f"{MAPPING} {table.name}"


def _breaker_row(breaker: Breaker) -> dict[str, Any]:
    refusals = [(way, str(account), text_of(at)) for way, account, at in breaker.refusals]
    row = {
        "PartitionKey": BREAKER,
        "RowKey": str(breaker.system),
        "OpenUntil": text_of(breaker.open_until),
        "ProbeUntil": text_of(breaker.probe_until),
        "PausedBy": breaker.paused_by,
        "Trips": breaker.trips,
        "ClosedAt": text_of(breaker.closed_at),
        "Reason": breaker.reason,
        "Refusals": json.dumps(refusals) if refusals else None,
        "Refused": breaker.refused or None,
        "Prober": str(breaker.prober) if breaker.prober else None,
    }
    return {name: value for name, value in row.items() if value is not None}


def _breaker(row: _Row) -> Breaker:
    return Breaker(
        system=System(row["RowKey"]),
        open_until=moment_of(row.get("OpenUntil")),
        probe_until=moment_of(row.get("ProbeUntil")),
        paused_by=str(row.get("PausedBy") or ""),
        trips=int(row.get("Trips") or 0),
        closed_at=moment_of(row.get("ClosedAt")),
        reason=str(row.get("Reason") or ""),
        refusals=tuple(
            Refusal(way, UUID(account), datetime.fromisoformat(at))
            for way, account, at in json.loads(row.get("Refusals") or "[]")
        ),
        refused=str(row.get("Refused") or ""),
        prober=UUID(row["Prober"]) if row.get("Prober") else None,
    )


def _handled_row(handled: Handled) -> _Columns:
    return {
        "Version": handled.version,
        "FirstScanAt": handled.first_scan_at.isoformat(),
        "Done": handled.done,
        "Scan": handled.scan,
    }


def _handled(row: _Row) -> Handled:
    """Decode a row. Rows that older versions wrote have no name of a scan."""
    first_scan_at = datetime.fromisoformat(row["FirstScanAt"])
    return Handled(str(row["Version"]), first_scan_at, bool(row["Done"]), str(row.get("Scan") or ""))


def _bookmark_row(bookmark: Bookmark) -> _Columns:
    return {
        "At": bookmark.at.isoformat(),
        "Stage": bookmark.stage,
        "After": bookmark.after,
        "Start": bookmark.start,
        "Due": text_of(bookmark.due) or "",
    }


def _bookmark(row: _Row) -> Bookmark:
    at, due = datetime.fromisoformat(row["At"]), moment_of(row["Due"])
    return Bookmark(at, str(row["Stage"]), str(row["After"]), str(row["Start"]), due)
