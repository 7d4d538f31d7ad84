"""The ports of the app, and the real adapters behind them.

One client for each system and process, imported and opened when first needed.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from shared.clock import SystemClock
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.mapping import CURRENCIES, MappingTable
from shared.ports import (
    AccountReader,
    ChangeQueue,
    Clock,
    Control,
    CustomerOwners,
    Issues,
    Probe,
    RejectedEvents,
    SyncStates,
    Target,
)
from shared.ports.counts import Counts
from shared.ports.load import AccountPages, CheckedAccounts, WaitingChanges
from shared.ports.mappings import CurrencyMappings, OptionLabels
from shared.ports.pages import PageQueue, Runs
from shared.ports.queues import Leftovers, QueueDepths
from shared.resilience.retry_policy import Jitter
from shared.setting_types import Credential, TargetName
from shared.settings import Settings
from shared.telemetry import quieten_sdks
from shared.web.credentials import (
    BasicAuth,
    EntraTokens,
    FixedToken,
    Tokens,
    business_central_credential,
    entra_credential,
)
from shared.wiring.erp import Erp

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableServiceClient
    from azure.servicebus.aio import ServiceBusClient

    from shared.messaging.queues import QueueSender
    from shared.messaging.waiting import AdministeredChanges, LocalChanges
    from shared.ports.doctor import Diagnoses
    from shared.web.odata import ODataClient


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the app needs from outside: the adapters provide it, tests bring their own."""

    clock: Clock
    jitter: Jitter
    reader: AccountReader
    target: Target
    mappings: CurrencyMappings
    value_mappings: Callable[[MappingTable], CurrencyMappings]
    labels: OptionLabels
    states: SyncStates
    owners: CustomerOwners
    issues: Issues
    control: Control
    queue: ChangeQueue
    rejected: RejectedEvents
    leftovers: Leftovers
    runs: Runs
    pages: PageQueue
    accounts: AccountPages
    waiting: WaitingChanges
    checked: CheckedAccounts
    counts: Counts
    probes: Mapping[System, Probe]


class Clients:
    """The outside systems, as the settings name them."""

    def __init__(self, settings: Settings, field_map: FieldMap, erp: Erp) -> None:
        self._settings = settings
        self._field_map = field_map
        self._erp = erp
        self._clock = SystemClock()
        self._senders: list[QueueSender] = []

    @cached_property
    def ports(self) -> Ports:
        """Every port, served by the real systems."""
        from shared.dataverse.account_pages import DataverseAccountPages
        from shared.dataverse.accounts import DataverseAccounts
        from shared.dataverse.labels import DataverseLabels
        from shared.messaging import queues
        from shared.messaging.leftovers import ServiceBusLeftovers
        from shared.messaging.pages import ServiceBusPages
        from shared.storage import control, currency_mappings, issues, owners, runs, states, tables
        from shared.storage.checked import CheckedTable
        from shared.storage.counts import CountTable

        quieten_sdks()
        settings, clock, table = self._settings, self._clock, self.tables.get_table_client
        target = self._erp.target(self.erp)
        mapping_table = currency_mappings.tables_of(table, clock, settings.currency_cache_seconds)
        return Ports(
            clock=clock,
            jitter=lambda seconds: random.uniform(0, seconds),  # noqa: S311 - spreads waits, keeps no secret
            reader=DataverseAccounts(self.dataverse, self._field_map),
            target=target,
            mappings=mapping_table(CURRENCIES),
            value_mappings=mapping_table,
            labels=DataverseLabels(self.dataverse, clock, settings.label_language),
            states=states.StateTable(table(tables.ACCOUNT_SYNC)),
            owners=owners.OwnerTable(table(tables.CUSTOMER_OWNERS)),
            issues=issues.IssueTable(table(tables.ISSUES), self._erp.capabilities.name),
            control=control.ControlTable(table(tables.CONTROL)),
            queue=queues.ServiceBusChanges(self._sender(queues.ACCOUNT_CHANGES), settings.sync_partitions),
            rejected=queues.ServiceBusRejected(self._sender(queues.REJECTED_EVENTS)),
            leftovers=ServiceBusLeftovers(self.service_bus, self._sender(queues.DATAVERSE_EVENTS)),
            runs=runs.RunTable(table(tables.CONTROL)),
            pages=ServiceBusPages(self._sender(queues.LOAD_PAGES)),
            accounts=DataverseAccountPages(self.dataverse),
            waiting=self.waiting,
            checked=CheckedTable(table(tables.ACCOUNT_SYNC)),
            counts=CountTable(table(tables.CONTROL)),
            probes=self._probes(target),
        )

    @cached_property
    def waiting(self) -> "AdministeredChanges | LocalChanges":
        """The count of the changes that wait."""
        from shared.messaging.waiting import AdministeredChanges, LocalChanges

        control = self._settings.servicebus_control
        return LocalChanges(control) if control else AdministeredChanges(self._settings)

    @cached_property
    def queue_depths(self) -> QueueDepths:
        """The queues' counts."""
        from shared.messaging.depths import AdministeredQueues, LocalQueues

        control = self._settings.servicebus_control
        return LocalQueues(control) if control else AdministeredQueues(self._settings, self.service_bus)

    @cached_property
    def tables(self) -> "TableServiceClient":
        """The Table service."""
        from shared.storage.tables import table_service

        return table_service(self._settings)

    @cached_property
    def diagnoses(self) -> "Diagnoses":
        """The doctor's row in the table Control."""
        from shared.storage.diagnoses import DiagnosisTable
        from shared.storage.tables import CONTROL

        return DiagnosisTable(self.tables.get_table_client(CONTROL))

    @cached_property
    def service_bus(self) -> "ServiceBusClient":
        """The Service Bus."""
        from shared.messaging.queues import service_bus

        return service_bus(self._settings)

    @cached_property
    def dataverse(self) -> "ODataClient":
        """Sales."""
        url = self._settings.dataverse_url
        return self._odata(System.DATAVERSE, url, self._bearer(System.DATAVERSE, f"{url}/.default"))

    @cached_property
    def erp(self) -> "ODataClient":
        """The ERP."""
        system = self._erp.capabilities.system
        authority = self._settings.nav_ca_file if system is System.NAV else None
        return self._odata(system, self._erp.url, self._erp_tokens(), authority)

    async def close(self) -> None:
        """Close whatever was opened; for processes that end, such as a command."""
        for sender in self._senders:
            await sender.close()
        opened = vars(self)
        for name in ("dataverse", "erp"):
            if name in opened:
                await opened[name].http.aclose()
        for name in ("tables", "service_bus", "waiting"):
            if name in opened:
                await opened[name].close()

    def _probes(self, target: Target) -> dict[System, Probe]:
        from shared.dataverse.accounts import PROBE as ACCOUNT
        from shared.messaging.queues import ACCOUNT_CHANGES, probe_queue
        from shared.storage.tables import probe_tables

        return {
            System.DATAVERSE: lambda: self.dataverse.probe(ACCOUNT),
            target.capabilities.system: target.probe,
            System.TABLES: lambda: probe_tables(self.tables),
            System.SERVICE_BUS: lambda: probe_queue(self.service_bus, ACCOUNT_CHANGES),
        }

    def _sender(self, queue: str) -> "QueueSender":
        from shared.messaging.queues import QueueSender

        sender = QueueSender(self.service_bus, queue)
        self._senders.append(sender)
        return sender

    def _odata(self, system: System, url: str, tokens: Tokens, authority: str | None = None) -> "ODataClient":
        import ssl

        import httpx

        from shared.web.odata import TIMEOUT, ODataClient

        verify = ssl.create_default_context(cafile=authority) if authority else True
        http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, verify=verify)
        return ODataClient(system, http, tokens, self._clock)

    def _erp_tokens(self) -> Tokens:
        settings, erp = self._settings, self._erp
        match settings.target:
            case TargetName.OPERATIONS:
                return self._bearer(System.OPERATIONS, f"{erp.url}/.default")
            case TargetName.BUSINESS_CENTRAL:
                own = business_central_credential
                return self._bearer(System.BUSINESS_CENTRAL, settings.business_central_scope, own)
            case TargetName.NAV:
                key = settings.nav_access_key
                return BasicAuth(settings.nav_user or "", key.get_secret_value() if key else "")

    def _bearer(
        self,
        system: System,
        scope: str,
        credential: "Callable[[Settings], AsyncTokenCredential]" = entra_credential,
    ) -> Tokens:
        token = self._settings.local_token
        if self._settings.credential is Credential.LOCAL and token is not None:
            return FixedToken(token.get_secret_value())
        return EntraTokens(partial(credential, self._settings), scope, system)
