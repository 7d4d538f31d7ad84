# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""What the app counts of itself: the partitions `minute` and `parked` of the table Control."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from azure.data.tables.aio import TableClient
from pydantic import TypeAdapter

from shared.model.activity import Activity, Way, minute_of
from shared.model.faults import StateConflict
from shared.model.parked import NotedCount, ParkedCount, Walk
from shared.storage.tables import get_row, put_under, table_faults

MINUTE, PARKED, COUNT = "minute", "parked", "count"


class CountTable:
    """Implements the port Counts."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, activity: Activity) -> None:
        minute = minute_of(activity.at)
        while True:
            row = await get_row(self._table, MINUTE, _key(minute))
            known = _activity(row) if row else Activity(minute)
            etag = str(row.metadata["etag"]) if row else None
            try:
                await put_under(etag, _row(known.plus(activity)), self._table)
            except StateConflict:
                continue
            return

    async def since(self, moment: datetime) -> Sequence[Activity]:
        query = "PartitionKey eq @partition and RowKey ge @first"
        parameters = {"partition": MINUTE, "first": _key(moment)}
        with table_faults():
            rows = self._table.query_entities(query, parameters=parameters)
            return [_activity(row) async for row in rows]

    async def remove_before(self, moment: datetime, most: int) -> int:
        query = "PartitionKey eq @partition and RowKey lt @old"
        parameters = {"partition": MINUTE, "old": _key(moment)}
        with table_faults():
            pages = self._table.query_entities(
                query, parameters=parameters, select=["PartitionKey", "RowKey"], results_per_page=most
            ).by_page()
            async for page in pages:
                old = [("delete", dict(row)) async for row in page]
                if old:
                    await self._table.submit_transaction(old)
                return len(old)
        return 0

    async def parked(self) -> NotedCount:
        row = await get_row(self._table, PARKED, COUNT)
        if row is None:
            return NotedCount()
        count, walk = str(row.get("Count") or ""), str(row.get("Walk") or "")
        return NotedCount(
            _counts().validate_json(count) if count else None,
            Walk(_counts().validate_json(walk), str(row["After"])) if walk else None,
        )

    async def put_parked(self, noted: NotedCount) -> None:
        row = {"PartitionKey": PARKED, "RowKey": COUNT, "Count": "", "Walk": "", "After": ""}
        if noted.ended:
            row["Count"] = _counts().dump_json(noted.ended).decode()
        if noted.walk:
            row |= {"Walk": _counts().dump_json(noted.walk.so_far).decode(), "After": noted.walk.after}
        with table_faults():
            await self._table.upsert_entity(row)


def _key(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def _row(activity: Activity) -> dict[str, Any]:
    return {
        "PartitionKey": MINUTE,
        "RowKey": _key(activity.at),
        "At": activity.at.isoformat(),
        "Outcomes": _encoded(activity.outcomes),
        "Intake": _encoded(activity.intake),
        "Lag": json.dumps(activity.lag),
    }


def _activity(row: Mapping[str, Any]) -> Activity:
    lag = {int(place): number for place, number in json.loads(row["Lag"]).items()}
    outcomes, intake = _decoded(row["Outcomes"]), _decoded(row["Intake"])
    return Activity(datetime.fromisoformat(row["At"]), outcomes, intake, Counter(lag))


def _encoded(ways: Counter[Way]) -> str:
    return json.dumps([(*way, number) for way, number in ways.items()], separators=(",", ":"))


def _decoded(text: str) -> Counter[Way]:
    return Counter({Way(source, ending): number for source, ending, number in json.loads(text)})


@cache
def _counts() -> TypeAdapter[ParkedCount]:
    return TypeAdapter(ParkedCount)
