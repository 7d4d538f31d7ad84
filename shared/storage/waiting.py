# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""What waits, from the tables AccountSync and Control, and the answers to probes, in Control."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.ports.waiting import Answered, WaitingPage
from shared.storage.tables import table_faults, table_is_missing

WAITING, PROBE, ANSWERED = "waiting", "probe", "sync_account"
_QUERY = "RetryingSince gt '' or DoubtfulUntil gt ''"


class WaitingTable:
    """Implements WaitingWork."""

    def __init__(self, states: TableClient, control: TableClient) -> None:
        self._states = states
        self._control = control

    async def page(self, after: object | None) -> WaitingPage:
        """Read one page; the Table service may end it early and answer where to go on."""
        columns = ["RetryingSince", "DoubtfulUntil"]
        given: Any = after
        with table_faults():
            pages = self._states.query_entities(_QUERY, select=columns).by_page(given)
            async for page in pages:
                since = [_since(entity) async for entity in page]
                return WaitingPage(since, getattr(pages, "continuation_token", None))
        return WaitingPage((), None)

    async def systems(self) -> Mapping[str, datetime]:
        """Read the systems that were noted."""
        found = self._control.query_entities("PartitionKey eq @partition", parameters={"partition": WAITING})
        with table_faults():
            return {str(entity["RowKey"]): datetime.fromisoformat(entity["Since"]) async for entity in found}

    async def remember(self, systems: Mapping[str, datetime]) -> None:
        """Write a row for each; `heal` alone writes them, on one instance at a time."""
        for system, since in systems.items():
            row = {"PartitionKey": WAITING, "RowKey": system, "Since": since.isoformat()}
            with table_faults():
                await self._control.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def forget(self, systems: Collection[str]) -> None:
        """Delete their rows."""
        for system in systems:
            with table_faults():
                await self._control.delete_entity(WAITING, system)


class ProbeTable:
    """Implements ProbeAnswers."""

    def __init__(self, control: TableClient) -> None:
        self._control = control

    async def last(self) -> Answered | None:
        """Read the one row."""
        with table_faults():
            try:
                row = await self._control.get_entity(PROBE, ANSWERED)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return None
        return Answered(datetime.fromisoformat(row["At"]), str(row["Build"]))

    async def put(self, answered: Answered) -> None:
        """Write the one row."""
        row = {
            "PartitionKey": PROBE,
            "RowKey": ANSWERED,
            "At": answered.at.isoformat(),
            "Build": answered.build,
        }
        with table_faults():
            await self._control.upsert_entity(row, mode=UpdateMode.REPLACE)


def _since(entity: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entity.get("RetryingSince") or entity["DoubtfulUntil"]))
