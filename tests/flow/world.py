"""The whole pipeline on fakes: Sales, Operations, tables and queues in memory, a clock that is told."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from inspect import isasyncgenfunction
from typing import Any, cast
from uuid import UUID, uuid4, uuid5

from shared.diagnostics.preview import PreviewSync
from shared.field_maps import load_field_map
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import System
from shared.model.outcome import Ending, Outcome
from shared.model.state import SyncState
from shared.ports.mappings import CurrencyMappings
from shared.settings import Settings
from shared.telemetry.activity import COUNTED
from shared.wiring import Application
from shared.wiring.clients import Ports
from shared.wiring.deciding import decide_over
from tests.fakes.bus import FakeDepths, FakeLeftovers, FakeQueue, FakeRejected
from tests.fakes.clock import FakeClock
from tests.fakes.counts import FakeCounts
from tests.fakes.dynamics import FakeLabels, FakeOperations, FakeSales
from tests.fakes.runs import FakeAccountPages, FakeChecked, FakePages, FakeRuns, FakeWaiting
from tests.fakes.tables import FakeControl, FakeIssues, FakeMappings, FakeOwners, FakeStates

ORGANIZATION = UUID("11111111-1111-1111-1111-111111111111")
NAMESPACE = UUID("22222222-2222-2222-2222-222222222222")
MAPPINGS = {"US Dollar": "USD", "Euro": "EUR", "Pound Sterling": "GBP"}
SETTINGS = {
    "ServiceBus": "Endpoint=sb://unused",
    "tables_connection": "AccountName=unused;AccountKey=unused",
    "dataverse_url": "https://sales.invalid",
    "operations_url": "https://operations.invalid",
    "operations_company": "usmf",
    "operations_customer_group": "10",
    "fingerprint_key": "0123456789abcdef",
}

field_map_of = cache(load_field_map)  # reading its file takes longer than most tests


class Crash(BaseException):
    """The process ends here: nothing after it runs, no fault is recorded."""


type Gate = Callable[[str], Awaitable[None]]


class Gated:
    """A port whose every call passes a gate before and after it."""

    def __init__(self, port: object, name: str, gate: Gate) -> None:
        self._port = port
        self._name = name
        self._gate = gate

    def __getattr__(self, method: str) -> Any:
        attribute: Any = getattr(self._port, method)
        if isasyncgenfunction(attribute) or not callable(attribute):
            return attribute
        before, after = f"before {self._name}.{method}", f"after {self._name}.{method}"

        async def gated(*args: object, **kwargs: object) -> object:
            call = cast(Callable[..., Awaitable[object]], getattr(self._port, method))
            await self._gate(before)
            result = await call(*args, **kwargs)
            await self._gate(after)
            return result

        setattr(self, method, gated)  # the next call finds it at once
        return gated


async def _open(step: str) -> None:
    """A gate that is always open."""


@dataclass
class World:
    """Everything outside the app, and workers of the app over it."""

    clock: FakeClock = field(default_factory=FakeClock)
    settings: dict[str, object] = field(default_factory=dict)
    field_map: str = "operations"
    erp: dict[str, object] = field(default_factory=dict)  # in what the ERP differs from Operations

    def __post_init__(self) -> None:
        self.sales = FakeSales(self.clock)
        self.operations = FakeOperations(self.clock)
        changed: Any = self.erp
        self.operations.capabilities = replace(self.operations.capabilities, **changed)
        self.states = FakeStates()
        self.owners = FakeOwners()
        self.issues = FakeIssues()
        self.mappings = FakeMappings(MAPPINGS, self.clock)
        self.tables: defaultdict[str, FakeMappings] = defaultdict(lambda: FakeMappings({}, self.clock))
        self.labels = FakeLabels()
        self.queue = FakeQueue(self.clock)
        self.rejected = FakeRejected()
        self.depths = FakeDepths(self.queue)
        self.leftovers = FakeLeftovers()
        self.control = FakeControl()
        self.runs = FakeRuns()
        self.pages = FakePages(self.clock)
        self.accounts = FakeAccountPages(self.sales, self.clock)
        self.waiting = FakeWaiting(self.queue)
        self.checked = FakeChecked(self.states)
        self.counts = FakeCounts()
        COUNTED.take(self.clock.now())  # of another world
        self.outcomes: list[tuple[AccountChange, Outcome]] = []

    def application(self, gate: Gate = _open) -> Application:
        """One worker process; its every call to the outside passes the gate."""
        gated = {
            name: Gated(port, name, gate)
            for name, port in {
                "reader": self.sales,
                "target": self.operations,
                "mappings": self.mappings,
                "labels": self.labels,
                "states": self.states,
                "owners": self.owners,
                "issues": self.issues,
                "queue": self.queue,
                "rejected": self.rejected,
                "control": self.control,
                "runs": self.runs,
                "pages": self.pages,
                "accounts": self.accounts,
                "waiting": self.waiting,
                "checked": self.checked,
            }.items()
        }
        ports = Ports(
            clock=self.clock,
            jitter=lambda seconds: seconds / 2,
            leftovers=self.leftovers,
            value_mappings=lambda of: cast(CurrencyMappings, Gated(self.tables[of.name], "table", gate)),
            counts=self.counts,
            probes={System.DATAVERSE: self.sales.probe, System.OPERATIONS: self.operations.probe},
            **gated,  # pyright: ignore[reportArgumentType]
        )
        settings = Settings.model_validate({**SETTINGS, **self.settings})
        application = Application(settings, field_map_of(self.field_map), ports)
        application.clients.queue_depths = self.depths
        application.erp = replace(application.erp, capabilities=self.operations.capabilities)
        return application

    def preview(self) -> PreviewSync:
        """The use case behind `accountsync preview`."""
        return decide_over(self.application(), PreviewSync)

    # --- Sales

    def save(self, name: str, currency: str | None = None, /, **columns: object) -> AccountChange:
        """Change an account in Sales and give the event of it, which is not queued yet."""
        account_id = account(name)
        kind = ChangeKind.UPDATE if account_id in self.sales.rows else ChangeKind.CREATE
        if kind is ChangeKind.CREATE:
            columns = {"accountnumber": name, "name": f"Account {name}", **columns}
            currency = currency or "US Dollar"
        self.sales.save(account_id, currency, **columns)
        return self.event(name, kind)

    def delete(self, name: str) -> AccountChange:
        """Delete an account in Sales and give the event of it."""
        self.sales.delete(account(name))
        return self.event(name, ChangeKind.DELETE)

    def event(self, name: str, kind: ChangeKind = ChangeKind.UPDATE) -> AccountChange:
        """An event that Dataverse would send now."""
        return AccountChange(
            organization_id=ORGANIZATION,
            account_id=account(name),
            kind=kind,
            occurred_at=self.clock.now(),
            source=Source.DATAVERSE_QUEUE,
            operation_id=uuid4(),
        )

    # --- the app

    async def deliver(self, change: AccountChange, application: Application | None = None) -> Outcome:
        """One delivery of one message to a worker."""
        application = application or self.application()
        outcome = await application.sync_account.handle(change)
        await application.keep_minutes.store()
        self.outcomes.append((change, outcome))
        return outcome

    async def send(self, *changes: AccountChange) -> None:
        """Queue events, a second apart from each other."""
        for change in changes:
            await self.queue.send(change)
            self.clock.advance(1)

    def take(self) -> AccountChange:
        """The message that is due now."""
        change = self.queue.take()
        assert change is not None
        return change

    async def drain(self, longest: timedelta = timedelta(days=2)) -> None:
        """Deliver until the queue is empty, moving the clock to whatever is due next."""
        end = self.clock.now() + longest
        application = self.application()
        while (due := self.queue.next_due()) is not None:
            assert due < end, "the queue does not come to rest"
            self.clock.advance_to(due)
            await self.deliver(self.take(), application)
        self.operations.settle_late()

    async def sync(self, *changes: AccountChange) -> list[str]:
        """Send, drain, and give the endings."""
        before = len(self.outcomes)
        await self.send(*changes)
        await self.drain()
        return [str(outcome.ending) for _, outcome in self.outcomes[before:]]

    # --- what stands there

    def customer(self, number: str) -> dict[str, FieldValue] | None:
        """The customer of this number."""
        return self.operations.customers.get(CustomerKey("usmf", number).folded)

    def state(self, name: str) -> SyncState:
        """The account's state."""
        return self.states.rows[account(name)].state

    def endings(self) -> list[Ending]:
        """All endings so far, those that only last a while left out."""
        return [o.ending for _, o in self.outcomes if o.ending is not Ending.RETRYING]

    def check(self, name: str, source: Source = Source.REPLAY, *, verify: bool = True) -> AccountChange:
        """A check of our own."""
        return replace(self.event(name, ChangeKind.CHECK), source=source, verify=verify)


def account(name: str) -> UUID:
    """The id of an account, from a short name."""
    return uuid5(NAMESPACE, name)
