"""The world with contacts: their changes post no event of an account, and leave its version as it is."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from shared.intake.queue_change import Received
from shared.model.change import Source
from shared.model.page import PageDue, RunKind
from shared.wiring import Application
from tests.flow.world import NAMESPACE, ORGANIZATION, Crash, Gate, World

CONTACTS = str(Path(__file__).with_name("contacts.toml"))
SMALL: dict[str, object] = {"load_page_size": 4, "load_queued_per_partition": 4, "sync_partitions": 2}


async def open_gate(_: str) -> None:
    """Let every step pass."""


def stop_at(*steps: int) -> Gate:
    """End the process at these steps, counted from the first."""
    passed = count()

    async def gate(_: str) -> None:
        if next(passed) in steps:
            raise Crash

    return gate


def contact(name: str) -> UUID:
    """The id of a contact, from a short name."""
    return uuid5(NAMESPACE, f"contact {name}")


@dataclass
class Relating(World):
    """Pages and changes are delivered in the order in which they are due."""

    settings: dict[str, object] = field(default_factory=lambda: dict[str, object](SMALL))
    field_map: str = CONTACTS

    async def with_accounts(self, number: int, of: str = "Ann", prefix: str = "A") -> "Relating":
        """Let so many accounts with this contact be in step with their customers for a long time."""
        columns = {"primarycontactid": contact(of), "primarycontactid.emailaddress1": "old@example.com"}
        await self.sync(*(self.save(f"{prefix}{place}", None, **columns) for place in range(number)))
        self.clock.advance(10_000)
        return self

    def change(self, name: str, email: str) -> bytes:
        """Change a contact in Sales, and give the event of it."""
        for account_id, row in self.sales.rows.items():
            if row.columns.get("primarycontactid") == contact(name):
                columns = {**row.columns, "primarycontactid.emailaddress1": email}
                self.sales.rows[account_id] = replace(row, columns=columns)  # the version stays
        return self.event_of("contact", contact(name), "emailaddress1")

    def event_of(self, table: str, row_id: UUID, *columns: str, message: str = "Update") -> bytes:
        """The body that Dataverse would post now."""
        milliseconds = round(self.clock.now().timestamp() * 1000)
        attributes = [{"key": column, "value": "x"} for column in columns]
        context = {
            "OrganizationId": str(ORGANIZATION),
            "PrimaryEntityName": table,
            "PrimaryEntityId": str(row_id),
            "MessageName": message,
            "OperationId": str(uuid4()),
            "OperationCreatedOn": f"/Date({milliseconds})/",
            "Mode": 1,
            "InputParameters": [{"key": "Target", "value": {"Id": str(row_id), "Attributes": attributes}}],
        }
        return json.dumps(context).encode()

    async def receive(self, body: bytes, gate: Gate = open_gate) -> Received:
        intake = self.application(gate).queue_change
        return await intake.receive(body, "application/json", Source.DATAVERSE_QUEUE)

    async def work(
        self,
        gate: Gate = open_gate,
        longest: timedelta = timedelta(hours=12),
        after_each: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Deliver until nothing waits; what a worker died of is delivered again. Return how many died."""
        end, deaths = self.clock.now() + longest, 0
        pages, changes = self.application(gate), self.application()
        while (due := self.next_due()) is not None and due <= end:
            try:
                await self.step(pages, changes)
            except Crash:
                deaths, pages = deaths + 1, self.application(gate)
            if after_each is not None:
                await after_each()
        return deaths

    async def step(self, pages: Application, changes: Application) -> None:
        """Deliver what is due next: a page or a change. A page whose worker dies is delivered again."""
        due = self.next_due()
        assert due is not None
        self.clock.advance_to(due)
        if (page := self.pages.take()) is None:
            await self.deliver(self.take(), changes)
            self.clock.advance(0.1)
            return
        try:
            await pages.run_cases.handlers[page.kind](page)
        except Crash:
            self.pages.waiting.insert(0, (self.clock.now(), 0, page))
            raise

    def next_due(self) -> datetime | None:
        return min(filter(None, (self.queue.next_due(), self.pages.next_due())), default=None)

    def walks(self) -> list[PageDue]:
        """The pages of related changes that wait."""
        return [page for _, _, page in self.pages.waiting if page.kind is RunKind.RELATED]

    def checks(self) -> Counter[UUID]:
        """How many checks of related changes there were for each account, copies not counted."""
        sent = [one for one in self.queue.sent if one.source is Source.RELATED and not one.hop]
        return Counter(change.account_id for change in sent)

    def emails(self) -> Counter[object]:
        """The mail addresses in the ERP, with the number of their customers."""
        return Counter(customer["PrimaryContactEmail"] for customer in self.operations.customers.values())
