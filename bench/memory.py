"""The app's own code over Sales, the ERP, the queue and the tables in memory, with a clock that is told.

Nothing waits and nothing listens, so the counts of a run are the same each time and on every machine. The
stores are the real ones, over tables that count requests as the service charges them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4, uuid5

from azure.data.tables.aio import TableClient

from bench.stream import Event
from local.demo.currencies import CODES, MAPPED
from shared.field_maps import load_field_map
from shared.model.change import Source
from shared.model.faults import System
from shared.model.outcome import Ending
from shared.settings import Settings
from shared.storage import control, currency_mappings, issues, owners, states
from shared.storage.checked import CheckedTable
from shared.storage.counts import CountTable
from shared.storage.runs import RunTable
from shared.storage.tables import (
    ACCOUNT_SYNC,
    CONTROL,
    CURRENCY_MAPPING,
    CUSTOMER_OWNERS,
    ISSUES,
    TABLES,
)
from shared.wiring import Application
from shared.wiring.clients import Ports
from tests.fakes.bus import FakeLeftovers, FakeQueue, FakeRejected
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeLabels, FakeOperations, FakeSales
from tests.fakes.runs import FakeAccountPages, FakePages, FakeWaiting
from tests.fakes.table_client import TableService

ORGANIZATION = UUID("11111111-1111-1111-1111-111111111111")
NAMESPACE = UUID("22222222-2222-2222-2222-222222222222")
SETTINGS = {
    "ServiceBus": "Endpoint=sb://unused",
    "tables_connection": "AccountName=unused;AccountKey=unused",
    "dataverse_url": "https://sales.invalid",
    "operations_url": "https://operations.invalid",
    "operations_company": "usmf",
    "operations_customer_group": "10",
    "fingerprint_key": "0123456789abcdef",
}
LATE_BY = timedelta(hours=1)
MESSAGES = {"create": "Create"}


def account_id(account: int) -> UUID:
    """The id of an account of the stream."""
    return uuid5(NAMESPACE, str(account))


@dataclass
class Memory:
    """One process of the app, and all that is outside it; `tables` may be those of a real service."""

    clock: FakeClock = field(default_factory=FakeClock)
    tables: Mapping[str, TableClient] | None = None
    service: TableService = field(default_factory=TableService)
    endings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service.now = self.clock.now
        self.sales, self.operations = FakeSales(self.clock), FakeOperations(self.clock)
        self.operations.currencies = set(CODES)
        self.queue = FakeQueue(self.clock)
        self.of = self.tables or {name: cast(TableClient, self.service.table(name)) for name in TABLES}
        self.app = Application(Settings.model_validate(SETTINGS), load_field_map("operations"), self._ports())
        self._bodies: dict[int, bytes] = {}

    def _ports(self) -> Ports:
        of, clock = self.of, self.clock
        cache = Settings.model_validate(SETTINGS).currency_cache_seconds
        return Ports(
            clock=clock,
            jitter=lambda seconds: seconds / 2,
            reader=self.sales,
            target=self.operations,
            mappings=currency_mappings.CurrencyTable(of[CURRENCY_MAPPING], clock, cache),
            value_mappings=currency_mappings.tables_of(of.__getitem__, clock, cache),
            labels=FakeLabels(),
            states=states.StateTable(of[ACCOUNT_SYNC]),
            owners=owners.OwnerTable(of[CUSTOMER_OWNERS]),
            issues=issues.IssueTable(of[ISSUES]),
            control=control.ControlTable(of[CONTROL]),
            queue=self.queue,
            rejected=FakeRejected(),
            leftovers=FakeLeftovers(),
            runs=RunTable(of[CONTROL]),
            pages=FakePages(clock),
            accounts=FakeAccountPages(self.sales, clock),
            waiting=FakeWaiting(self.queue),
            checked=CheckedTable(of[ACCOUNT_SYNC]),
            counts=CountTable(of[CONTROL]),
            probes={System.DATAVERSE: self.sales.probe, System.OPERATIONS: self.operations.probe},
        )

    async def map_currencies(self) -> None:
        """Write the rows of the mapping table."""
        for currency in MAPPED:
            keys = {"PartitionKey": "currency", "RowKey": currency.row_key}
            await self.of[CURRENCY_MAPPING].upsert_entity(
                {**keys, "CurrencyCRM": currency.crm, "CurrencyAX": currency.ax}
            )

    async def take(self, events: Sequence[Event], a_second: float) -> None:
        """Let the events come at this pace, and each message be handled when it is due."""
        began = self.clock.now()
        for place, event in enumerate(events):
            comes_at = began + timedelta(seconds=place / a_second)
            await self._handle_all(until=comes_at)
            self.clock.advance_to(comes_at)
            await self._receive(event)
        await self._handle_all(until=datetime.max.replace(tzinfo=UTC))

    async def heal(self) -> None:
        """Do what the timer function `heal` does once a minute."""
        await self.app.report_waiting.run()
        await self.app.target_in_use.confirm()
        await self.app.breakers.admit()
        await self.app.heal.run()

    def restart(self) -> None:
        """Go on with a new process of the app, which has nothing in its memory."""
        self.app = Application(self.app.settings, self.app.field_map, self._ports())

    async def _receive(self, event: Event) -> None:
        """What happens in Sales, and the message of it, at the app's door."""
        if event.kind in ("create", "change", "unmapped", "equal"):
            columns: dict[str, Any] = dict(event.columns)
            currency = columns.pop("currency", None)
            if event.kind == "create":
                columns |= {"accountnumber": f"M-{event.account}"}
            self.sales.save(account_id(event.account), currency, **columns)
        if event.kind != "repeat":
            self._bodies[event.account] = _body(event, self.clock.now())
        body = self._bodies[event.account]
        await self.app.queue_change.receive(body, "application/json", Source.DATAVERSE_QUEUE, None)

    async def _handle_all(self, until: datetime) -> None:
        """Handle the messages that are due up to then, each at its time."""
        while (due := self.queue.next_due()) is not None and due <= until:
            self.clock.advance_to(due)
            change = self.queue.take()
            assert change is not None
            outcome = await self.app.sync_account.handle(change)
            if outcome.ending is not Ending.RETRYING:
                self.endings.append(str(outcome.ending))


def _body(event: Event, now: datetime) -> bytes:
    """The event as Dataverse posts it, as far as the app reads it."""
    made = now - LATE_BY if event.kind == "late" else now
    names = ["transactioncurrencyid" if name == "currency" else name for name in event.columns]
    target = {
        "__type": "Entity:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Attributes": [{"key": name, "value": None} for name in names or ["name"]],
        "Id": str(account_id(event.account)),
        "LogicalName": "account",
    }
    context = {
        "InputParameters": [{"key": "Target", "value": target}],
        "MessageName": MESSAGES.get(event.kind, "Update"),
        "Mode": 1,
        "OperationCreatedOn": f"/Date({made.timestamp() * 1000:.0f}+0000)/",
        "OperationId": str(uuid4()),
        "OrganizationId": str(ORGANIZATION),
        "PrimaryEntityId": str(account_id(event.account)),
        "PrimaryEntityName": "account",
    }
    return json.dumps(context).encode()
