"""The composition root: settings -> adapters -> use cases.

Whatever is heavy is imported here at the moment it is first needed. Every part can be replaced by keyword,
which is how tests bring their fakes.
"""

import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from shared.adapters.clock import SystemClock
from shared.adapters.credentials import EntraTokens, FixedToken, Tokens, entra_credential
from shared.intake.filters import Filter
from shared.intake.queue_change import QueueChange
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.fingerprint import Fingerprints
from shared.ports import (
    AccountReader,
    ChangeQueue,
    Clock,
    CurrencyMappings,
    CustomerOwners,
    CustomerWriter,
    ErpCurrencies,
    Issues,
    RejectedEvents,
    SyncStates,
)
from shared.recover.policy import Jitter, RetryPolicy
from shared.resolve.currency import ResolveCurrency
from shared.resolve.customer_body import BuildCustomer
from shared.resolve.freshness import Margins
from shared.settings import OnGone, Settings, load_settings
from shared.setup.health import Health, Probe
from shared.sync import SyncAccount, SyncRules
from shared.write.apply import Apply, Rules
from shared.write.record import Record

if TYPE_CHECKING:
    from shared.adapters.odata import ODataClient

_ERP_CURRENCY_SECONDS = 3600.0
_BEYOND_DEADLINE = timedelta(seconds=60)  # what a fault may still take to be recorded


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The adapters, each behind its port."""

    clock: Clock
    reader: AccountReader
    writer: CustomerWriter
    erp_currencies: ErpCurrencies
    mappings: CurrencyMappings
    states: SyncStates
    owners: CustomerOwners
    issues: Issues
    queue: ChangeQueue
    rejected: RejectedEvents
    jitter: Jitter


class Application:
    """The use cases over one set of ports, and the ports' clients, one each."""

    def __init__(self, settings: Settings, field_map: FieldMap, ports: Ports | None = None) -> None:
        self.settings = settings
        self.field_map = field_map
        self._given = ports

    @cached_property
    def ports(self) -> Ports:
        """The ports given, or those of the real systems."""
        return self._given or self._real_ports()

    @cached_property
    def queue_change(self) -> QueueChange:
        """The use case behind both intakes."""
        settings = self.settings
        return QueueChange(
            queue=self.ports.queue,
            rejected=self.ports.rejected,
            filter=Filter(self.field_map.watched, settings.integration_user_id),
            clock=self.ports.clock,
            transaction_margin=timedelta(seconds=settings.transaction_margin_seconds),
        )

    @cached_property
    def sync_account(self) -> SyncAccount:
        """The use case behind the function `sync_account`."""
        settings, ports = self.settings, self.ports
        deadline = timedelta(seconds=settings.invocation_deadline_seconds)
        fingerprints = Fingerprints.under(settings.fingerprint_key.get_secret_value())
        return SyncAccount(
            clock=ports.clock,
            states=ports.states,
            reader=ports.reader,
            queue=ports.queue,
            currency=ResolveCurrency(ports.mappings, ports.erp_currencies),
            build=BuildCustomer(self.field_map, self._setting_texts()),
            apply=Apply(
                writer=ports.writer,
                owners=ports.owners,
                clock=ports.clock,
                field_map=self.field_map,
                fingerprints=fingerprints,
                rules=Rules(settings.existing_customer, deadline + _BEYOND_DEADLINE),
            ),
            record=Record(ports.queue, ports.issues, ports.clock),
            policy=RetryPolicy(
                first=settings.retry_first_seconds,
                cap=settings.retry_cap_seconds,
                attempts=settings.retry_attempts,
                operator=settings.operator_retry_seconds,
            ),
            margins=Margins(
                settle=timedelta(seconds=settings.settle_seconds),
                transaction=timedelta(seconds=settings.transaction_margin_seconds),
            ),
            rules=SyncRules(
                deadline=deadline,
                longest_request=settings.longest_request_seconds,
                block_on_delete=settings.on_delete is OnGone.BLOCK,
                block_on_deactivate=settings.on_deactivate is OnGone.BLOCK,
            ),
            jitter=ports.jitter,
        )

    @cached_property
    def health(self) -> Health:
        """The use case behind the function `health`."""
        from shared.adapters.probes import probe_dataverse, probe_operations, probe_queue, probe_tables
        from shared.adapters.service_bus import ACCOUNT_CHANGES

        probes: dict[System, Probe] = {
            System.DATAVERSE: lambda: probe_dataverse(self._dataverse),
            System.OPERATIONS: lambda: probe_operations(self._operations),
            System.TABLES: lambda: probe_tables(self._tables),
            System.SERVICE_BUS: lambda: probe_queue(self._service_bus, ACCOUNT_CHANGES),
        }
        return Health(self.settings.build_id, self.settings.health_key, probes, self.ports.clock)

    def _setting_texts(self) -> dict[str, str]:
        return {name: self.settings.named(name) or "" for name in self.field_map.settings}

    def _real_ports(self) -> Ports:
        from shared.adapters import currency_table, issue_table, owner_table, state_table, tables
        from shared.adapters.dataverse import DataverseAccounts
        from shared.adapters.operations import OperationsCurrencies, OperationsCustomers
        from shared.adapters.service_bus import (
            ACCOUNT_CHANGES,
            REJECTED_EVENTS,
            QueueSender,
            ServiceBusChanges,
            ServiceBusRejected,
        )

        _quieten_sdks()
        settings, clock, table = self.settings, self._clock, self._tables.get_table_client
        changes = QueueSender(self._service_bus, ACCOUNT_CHANGES)
        return Ports(
            clock=clock,
            reader=DataverseAccounts(self._dataverse, self.field_map),
            writer=OperationsCustomers(self._operations, self.field_map),
            erp_currencies=OperationsCurrencies(self._operations, clock, _ERP_CURRENCY_SECONDS),
            mappings=currency_table.CurrencyTable(
                table(tables.CURRENCY_MAPPING), clock, settings.currency_cache_seconds
            ),
            states=state_table.StateTable(table(tables.ACCOUNT_SYNC)),
            owners=owner_table.OwnerTable(table(tables.CUSTOMER_OWNERS)),
            issues=issue_table.IssueTable(table(tables.ISSUES)),
            queue=ServiceBusChanges(changes, settings.sync_partitions),
            rejected=ServiceBusRejected(QueueSender(self._service_bus, REJECTED_EVENTS)),
            jitter=lambda seconds: random.uniform(0, seconds),  # noqa: S311 - spreads waits, keeps no secret
        )

    @cached_property
    def _clock(self) -> Clock:
        return self._given.clock if self._given else SystemClock()

    @cached_property
    def _tables(self):
        from shared.adapters.tables import table_service

        return table_service(self.settings)

    @cached_property
    def _service_bus(self):
        from shared.adapters.service_bus import service_bus

        return service_bus(self.settings)

    @cached_property
    def _dataverse(self) -> "ODataClient":
        return self._odata(System.DATAVERSE, self.settings.dataverse_url)

    @cached_property
    def _operations(self) -> "ODataClient":
        return self._odata(System.OPERATIONS, self.settings.operations_url)

    def _odata(self, system: System, url: str) -> "ODataClient":
        import httpx

        from shared.adapters.odata import TIMEOUT, ODataClient

        http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT)
        return ODataClient(system, http, self._tokens(system, url), self._clock)

    def _tokens(self, system: System, url: str) -> Tokens:
        if self.settings.local_token is not None:
            return FixedToken(self.settings.local_token.get_secret_value())
        return EntraTokens(entra_credential(self.settings), f"{url}/.default", system)


def _quieten_sdks() -> None:
    """Their request logs would hold addresses and keys."""
    for name in ("httpx", "httpcore", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


@cache
def application() -> Application:
    """The one application of this process. Raises SettingsError."""
    return Application(*load_settings())
