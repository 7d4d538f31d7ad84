"""The use cases of the operator's tool, over the same clients and ports as the app."""

from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from shared.dataverse.registration import Registration
from shared.diagnostics.count_plan import CountPlan
from shared.diagnostics.explain import Explain
from shared.diagnostics.find_account import FindAccount
from shared.diagnostics.name_accounts import NameAccounts
from shared.diagnostics.preview import PreviewSync
from shared.diagnostics.status import ReadStatus
from shared.load.reconcile import Reconcile
from shared.load.repair import Repair
from shared.mappings.edit import EditMapping
from shared.mappings.review import Review
from shared.model.mapping import CURRENCIES
from shared.ports import SalesInquiry
from shared.ports.actions import Actions
from shared.ports.queues import QueueDepths
from shared.wiring import Application, application
from shared.wiring.deciding import decide_over
from shared.wiring.mapping_tables import rows_of
from shared.wiring.reconcile import reconcile_of, repair_of
from shared.wiring.set_up_checks import longest_code

if TYPE_CHECKING:
    from shared.spreadsheets.files import SpreadsheetFiles

_PREVIEWS = 8  # at a time


class Operator(Application):
    """The app's use cases, and those that only people use."""

    @cached_property
    def edit_mapping(self) -> EditMapping:
        """The currency mapping as its editor sees it."""
        return self.edit_table(CURRENCIES.name)

    def edit_table(self, name: str) -> EditMapping:
        """The mapping table of this name as its editor sees it. Raises ValueError."""
        ports, table = self.ports, self.field_map.mapping_table(name)
        return EditMapping(
            mappings=rows_of(ports, table),
            review=Review(ports.target, self._sales, ports.states, table, ports.labels),
            clock=ports.clock,
            longest_code=longest_code(self.field_map, table),
        )

    @cached_property
    def sheets(self) -> "SpreadsheetFiles":
        """Spreadsheet files."""
        from shared.spreadsheets.files import SpreadsheetFiles

        return SpreadsheetFiles()

    @cached_property
    def registration(self) -> Registration:
        """What Dataverse posts, and where to."""
        from shared.dataverse.registry import DataverseRegistry

        field_map = self.field_map
        registry = DataverseRegistry(self.clients.dataverse)
        return Registration(registry, field_map.watched, field_map.related_rows.columns)

    @cached_property
    def find_account(self) -> FindAccount:
        """An account by whatever people call it."""
        return FindAccount(self._sales, self.ports.owners)

    @cached_property
    def name_accounts(self) -> NameAccounts:
        """Accounts as people call them."""
        company = self.field_map.company.setting
        return NameAccounts(
            self._sales,
            self.settings.dataverse_url,
            self.erp.links,
            (self.settings.named(company) if company else "") or "",
        )

    @cached_property
    def preview(self) -> PreviewSync:
        """What a sync would do."""
        return decide_over(self, PreviewSync)

    @cached_property
    def count_plan(self) -> CountPlan:
        """What a load would do."""
        most = self.erp.capabilities.most_concurrent_requests or _PREVIEWS
        return CountPlan(self.ports.accounts, self.preview, min(_PREVIEWS, most))

    @cached_property
    def explain(self) -> Explain:
        """Why an account stands as it does."""
        return Explain(
            states=self.ports.states,
            issues=self.ports.issues,
            sales=self._sales,
            control=self.ports.control,
            preview=self.preview,
            clock=self.ports.clock,
            erp=self.erp.capabilities.name,
        )

    @cached_property
    def read_status(self) -> ReadStatus:
        """How the whole stands."""
        return ReadStatus(
            queues=self.queue_depths,
            control=self.ports.control,
            issues=self.ports.issues,
            counts=self.ports.counts,
            clock=self.ports.clock,
            in_use=self.target_in_use,
            runs=self.ports.runs,
            longest_wait=timedelta(
                seconds=max(self.settings.retry_cap_seconds, self.settings.operator_retry_seconds)
            ),
        )

    @cached_property
    def reconcile(self) -> Reconcile:
        """Compares both systems."""
        return reconcile_of(self)

    @cached_property
    def repair(self) -> Repair:
        """Has the accounts checked that differ."""
        return repair_of(self)

    @cached_property
    def actions(self) -> Actions:
        """What people did on the operator's page."""
        from shared.storage.actions import ActionTable
        from shared.storage.tables import CONTROL

        return ActionTable(self.clients.tables.get_table_client(CONTROL))

    @cached_property
    def _sales(self) -> SalesInquiry:
        from shared.dataverse.inquiry import DataverseInquiry

        key = self.field_map.key
        return DataverseInquiry(self.clients.dataverse, key.column or key.number_column)

    @cached_property
    def queue_depths(self) -> QueueDepths:
        """The queues' counts."""
        return self.clients.queue_depths


@cache
def operator() -> Operator:
    """The operator's use cases in the process of the app, over the clients of the app."""
    app = application()
    made = Operator(app.settings, app.field_map)
    made.clients = app.clients
    return made
