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
from shared.mappings.edit import EditMapping
from shared.mappings.review import Review
from shared.ports import SalesInquiry
from shared.ports.actions import Actions
from shared.ports.queues import QueueDepths
from shared.wiring import Application, application
from shared.wiring.deciding import decide_over
from shared.wiring.set_up_checks import longest_code

if TYPE_CHECKING:
    from shared.spreadsheets.files import SpreadsheetFiles

_PREVIEWS = 8  # at a time


class Operator(Application):
    """The app's use cases, and those that only people use."""

    @cached_property
    def edit_mapping(self) -> EditMapping:
        """The currency mapping as its editor sees it."""
        ports = self.ports
        return EditMapping(
            mappings=ports.mappings,
            review=Review(ports.target, self._sales, ports.states),
            clock=ports.clock,
            longest_code=longest_code(self.field_map),
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

        return Registration(DataverseRegistry(self.clients.dataverse), self.field_map.watched)

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
            longest_wait=timedelta(
                seconds=max(self.settings.retry_cap_seconds, self.settings.operator_retry_seconds)
            ),
        )

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
        from shared.messaging.depths import AdministeredQueues, LocalQueues

        if self.settings.servicebus_control:
            return LocalQueues(self.settings.servicebus_control)
        return AdministeredQueues(self.settings, self.clients.service_bus)


@cache
def operator() -> Operator:
    """The operator's use cases in the process of the app, over the clients of the app."""
    app = application()
    made = Operator(app.settings, app.field_map)
    made.clients = app.clients
    return made
