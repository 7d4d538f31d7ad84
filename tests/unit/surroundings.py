"""Everything that the doctor looks at, in memory; all of it is right until a test changes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from shared.dataverse.endpoints import queue_endpoint, webhook_endpoint
from shared.dataverse.registered import RegisteredEndpoints
from shared.dataverse.registration import Registration
from shared.diagnostics.doctor.clocks import ClocksCheck
from shared.diagnostics.doctor.doctor import Doctor, Named
from shared.diagnostics.doctor.erp import ErpCheck
from shared.diagnostics.doctor.leftovers import LeftoversCheck
from shared.diagnostics.doctor.queues import QueueRightsCheck, QueuesCheck
from shared.diagnostics.doctor.registration import RegistrationCheck
from shared.diagnostics.doctor.sales import ChangeTrackingCheck, IdentityCheck, ReadingCheck, WriteBackCheck
from shared.diagnostics.doctor.settings import SettingsCheck, SetUp
from shared.diagnostics.doctor.tables import TablesCheck
from shared.diagnostics.doctor.tokens import TokenFor, TokensCheck
from shared.field_maps import load_field_map
from shared.model.faults import Fault, System
from shared.model.finding import Finding, Grade
from shared.model.observed import TokenClaims
from shared.model.queues import QueueDepth
from tests.fakes.clock import FakeClock
from tests.fakes.doctor import USER, FakeOrganization, FakeQueueSettings, FakeTableAccess
from tests.fakes.dynamics import FakeOperations
from tests.fakes.registry import ORGANIZATION, FakeRegistry

WATCHED = load_field_map("operations").watched
QUEUE = queue_endpoint("contoso.servicebus.windows.net", "dataverse-events", "dataverse-send")
WEBHOOK = webhook_endpoint("https://app.example.net/api/dataverse/events")
SALES, ERP = "https://contoso.crm.dynamics.com", "https://contoso.operations.dynamics.com"
TENANT, APP = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
RIGHT = SetUp(
    in_app=True,
    credential="managed-identity",
    addresses=(SALES, ERP),
    build="3f2a",
    has_health_key=True,
    max_creates=100,
    max_blocks=100,
    retry=(10, 900),
    breaker=(30, 300),
    longest_request=600,
    erp_longest=600,
    transaction_margin=300,
    deadline=120,
    queue_wait=20,
    write_back=True,
    written_back=True,
    has_integration_user=True,
    longest_run=600,
    longest_lock=86_400,
)


@dataclass
class Surroundings:
    """Everything that the doctor looks at; all of it is right until a test changes it."""

    clock: FakeClock = field(default_factory=FakeClock)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    queues: FakeQueueSettings = field(default_factory=FakeQueueSettings)
    organization: FakeOrganization = field(default_factory=lambda: FakeOrganization(ORGANIZATION))
    set_up: SetUp = RIGHT
    organization_id: UUID | None = ORGANIZATION
    user_id: UUID | None = USER
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])
    sales_time: Callable[[datetime], datetime | None] = lambda now: now
    dead_letters: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        self.tables = FakeTableAccess(self.clock)
        self.erp = FakeOperations(self.clock)
        expires = self.clock.now() + timedelta(hours=1)
        self.claims: TokenClaims | None = TokenClaims(f"{SALES}/", TENANT, APP, "object", expires)

    async def register(self) -> None:
        registration = Registration(self.registry, WATCHED)
        await registration.apply(await registration.plan(QUEUE), SecretStr("key"))

    async def token(self) -> TokenClaims | None:
        await self.meet("token")
        return self.claims

    async def meet(self, name: str) -> None:
        if fault := self.faults.get(name):
            raise fault

    async def send(self, queue: str) -> None:
        await self.meet(f"send {queue}")

    async def receive(self, queue: str) -> None:
        await self.meet(f"receive {queue}")

    async def time(self) -> datetime | None:
        await self.meet("time")
        return self.sales_time(self.clock.now())

    async def depths(self) -> Sequence[QueueDepth]:
        await self.meet("depths")
        return [
            QueueDepth("account-changes", 3, 0, self.dead_letters, None),
            QueueDepth("rejected-events", self.rejected, 0, 0, None),
        ]

    async def findings(self) -> list[Finding]:
        """What the doctor finds, besides what is fine."""
        found = await Doctor(self._checks()).examine()
        assert len(found) > 20, "every check says something"
        return [finding for finding in found if finding.grade is not Grade.FINE]

    def _checks(self) -> tuple[Named, ...]:
        token = TokenFor(System.DATAVERSE, self.token, SALES, TENANT, APP)
        registered = RegisteredEndpoints(self.registry, WATCHED, {}, QUEUE)
        accounts, currencies = (lambda name=name: self.meet(name) for name in ("accounts", "currencies"))
        times = {System.DATAVERSE: self.time}
        checks: dict[str, Any] = {
            "settings": SettingsCheck(self.set_up),
            "tokens": TokensCheck([token, TokenFor(System.TABLES, None, "")], self.clock),
            "tables": TablesCheck(self.tables, self.clock),
            "queues": QueuesCheck(self.queues, "Get the right."),
            "rights": QueueRightsCheck(self),
            "Sales": ReadingCheck(accounts, currencies),
            "identity": IdentityCheck(self.organization, self.organization_id, self.user_id),
            "tracking": ChangeTrackingCheck(self.organization),
            "write-back": WriteBackCheck(self.organization, "new_number"),
            "registration": RegistrationCheck(registered),
            "ERP": ErpCheck(self.erp, "usmf", lambda: self.meet("in use")),
            "clocks": ClocksCheck(times, self.clock),
            "leftovers": LeftoversCheck(self),
        }
        return tuple(Named(name, check.check) for name, check in checks.items())
