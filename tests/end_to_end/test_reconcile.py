"""Reconcile on a stand of each ERP: lost events and an edited customer are found, shown and repaired.

The pages are done in this process, over the real adapters.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import pytest

from local.demo.seed import seed
from local.erps.by_target import ERPS
from local.stand import Stand
from local.stand_options import StandOptions
from shared.dataverse.account_rows import DataverseAccountRows
from shared.load.differences import GRACE
from shared.load.reconcile import Reconcile
from shared.model.page import PageDue
from shared.model.reconciliation import Difference, Kind, RunState
from shared.model.state import Phase
from shared.resilience.replay import Asked
from shared.storage.findings import DifferenceTable
from shared.storage.runs import RunTable
from shared.storage.tables import CONTROL
from shared.wiring import Application
from shared.wiring.reconcile import ReconcilePorts, reconcile_over, repair_of
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.opening import SETTINGS, open_system, places_of
from tests.end_to_end.operator import application
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

NAMES = ("R-CHANGED", "R-EDITED", "R-INACTIVE", "R-DELETED", "R-FINE")


@dataclass
class Pages:
    """The port PageQueue, as a list."""

    due: list[PageDue] = field(default_factory=list)

    async def send(self, page: PageDue, due: datetime | None = None) -> None:
        self.due.append(page)


@dataclass
class Bench:
    """A stand with its app's use cases in this process."""

    system: System
    app: Application
    cli: CommandLine
    pages: Pages = field(default_factory=Pages)

    def reconcile(self) -> Reconcile:
        """Reconcile that does not wait for events: here they are lost for certain."""
        table = self.app.clients.tables.get_table_client(CONTROL)
        rows = DataverseAccountRows(self.app.clients.dataverse, self.app.field_map)
        own = ReconcilePorts(
            runs=RunTable(table), queue=self.pages, differences=DifferenceTable(table), rows=rows
        )
        made = reconcile_over(self.app, own, size=2)
        compare = replace(made.pages.compare, margin=-GRACE)
        return replace(made, pages=replace(made.pages, compare=compare))

    async def run(self) -> Sequence[Difference]:
        reconcile = self.reconcile()
        run = await reconcile.start("a test")
        while self.pages.due:
            await reconcile.handle(self.pages.due.pop(0))
        newest = await reconcile.newest()
        assert newest is not None
        assert (newest.state, newest.reason) == (RunState.DONE, "")
        return await reconcile.kept.of_run(run.id)

    async def settled(self, account_id: str, phase: Phase) -> None:
        async def ends() -> bool:
            stored = await self.app.ports.states.get(UUID(account_id))
            return stored is not None and stored.state.settled and stored.state.phase is phase

        await eventually(ends, bool, f"account {account_id} {phase}")


@asynccontextmanager
async def bench_of(target: str) -> AsyncIterator[Bench]:
    options = StandOptions(erp=ERPS[target], settings=SETTINGS, core_tools=False)
    async with (
        Stand.start(options) as stand,
        open_system(places_of(stand), None) as system,
        application(stand) as app,
    ):
        await seed(stand)
        yield Bench(system, app, CommandLine(stand.settings_file))


@pytest.mark.parametrize("target", ERPS)
async def test_what_events_missed_is_found_shown_and_repaired(target: str) -> None:
    async with bench_of(target) as bench:
        system, erp = bench.system, ERPS[target]
        assert system.control is not None
        ids = {name: await system.create(name, telephone1="555 1") for name in NAMES}
        for account_id in ids.values():
            await bench.settled(account_id, Phase.SYNCED)
        assert await bench.run() == []
        (await system.control.post("/events/hold")).raise_for_status()
        await system.change(ids["R-CHANGED"], telephone1="555 2")
        await system.change(ids["R-INACTIVE"], statecode=1, statuscode=2)
        await system.delete(ids["R-DELETED"])
        ids["R-NEW"] = await system.create("R-NEW")
        edited = await bench.app.ports.states.get(UUID(ids["R-EDITED"]))
        assert edited is not None
        assert edited.state.customer is not None
        await bench.app.ports.target.update(edited.state.customer, {erp.fields.name: "By hand"})
        found = await bench.run()
        assert {str(one.account_id): (one.kind, one.fields) for one in found} == {
            ids["R-CHANGED"]: (Kind.DIFFERENT, (erp.fields.phone,)),
            ids["R-EDITED"]: (Kind.DIFFERENT, (erp.fields.name,)),
            ids["R-INACTIVE"]: (Kind.NOT_BLOCKED, (erp.fields.hold,)),
            ids["R-DELETED"]: (Kind.WITHOUT_ACCOUNT, (erp.fields.hold,)),
            ids["R-NEW"]: (Kind.MISSING, ()),
        }
        shown = (await bench.cli("reconcile", "--last", code=1)).out
        assert f"R-CHANGED Test R-CHANGED {ids['R-CHANGED']} {erp.fields.phone}" in shown
        assert "555 2" not in shown
        assert await repair_of(bench.app).send(found, Asked("a test", "reconcile")) == len(found)
        for name in ("R-CHANGED", "R-EDITED", "R-INACTIVE", "R-NEW"):
            await bench.settled(ids[name], Phase.SYNCED)
        await bench.settled(ids["R-DELETED"], Phase.DELETED)
        await eventually(bench.run, lambda left: not left, "no differences are left")
