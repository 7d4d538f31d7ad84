"""The use case that compares both systems, over the ports of the application and some of its own."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shared.load.compare import Compare
from shared.load.reconcile import Reconcile
from shared.load.reconcile_pages import ComparePages
from shared.load.repair import Repair
from shared.ports.pages import PageQueue, Runs
from shared.ports.reconciling import AccountRows, Differences
from shared.sync.decide import Decide
from shared.wiring import Application
from shared.wiring.deciding import decide_over

_PAGE = 200  # rows of a page


@dataclass(frozen=True, kw_only=True)
class ReconcilePorts:
    """What only reconcile needs from outside: the adapters provide it, tests bring their own."""

    runs: Runs
    queue: PageQueue
    differences: Differences
    rows: AccountRows


def reconcile_of(app: Application) -> Reconcile:
    """The use case behind `accountsync reconcile`, the timer `nightly` and the pages of a run."""
    from shared.dataverse.account_rows import DataverseAccountRows
    from shared.storage.findings import DifferenceTable
    from shared.storage.tables import CONTROL

    clients = app.clients
    control = clients.tables.get_table_client(CONTROL)
    ports = ReconcilePorts(
        runs=app.ports.runs,
        queue=app.ports.pages,
        differences=DifferenceTable(control),
        rows=DataverseAccountRows(clients.dataverse, app.field_map),
    )
    return reconcile_over(app, ports)


def reconcile_over(app: Application, own: ReconcilePorts, size: int = _PAGE) -> Reconcile:
    """Build the use case over these ports and the application's."""
    ports, company = app.ports, app.field_map.company
    decide = decide_over(app, Decide)
    margin = timedelta(seconds=app.settings.transaction_margin_seconds)
    compare = Compare(decide, ports.target, ports.states, ports.owners, margin)
    of_setting = [app.settings.named(company.setting) or ""] if company.setting else []
    return Reconcile(
        runs=own.runs,
        queue=own.queue,
        kept=own.differences,
        pages=ComparePages(compare, own.rows, ports.target, size),
        breakers=app.breakers,
        clock=ports.clock,
        system=app.erp.capabilities.system,
        companies=tuple(dict.fromkeys(of_setting or company.values.values())),
    )


def repair_of(app: Application) -> Repair:
    """The use case behind `accountsync reconcile --repair`."""

    async def organization() -> UUID:
        from shared.dataverse.registry import DataverseRegistry

        known = app.settings.dataverse_organization_id
        return known or await DataverseRegistry(app.clients.dataverse).organization()

    ports = app.ports
    return Repair(ports.queue, ports.states, ports.clock, organization)
