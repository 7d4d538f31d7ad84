"""The use case of both intakes: reads a body and queues an `AccountChange`, or says why not.

An event of a row that accounts refer to becomes one `RelatedChange` on `load-pages`: which accounts these are
is asked later, so that an event is taken also while Sales does not answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from opentelemetry.trace import get_current_span

from shared.intake.dataverse_context import TABLE, DataverseEvent, read_event
from shared.intake.filter import KINDS, Filter
from shared.model.change import AccountChange, Source
from shared.model.faults import MessageRefused, RejectedEvent
from shared.model.page import PageDue
from shared.model.related import RelatedChange
from shared.ports import ChangeQueue, Clock, RejectedEvents
from shared.ports.pages import PageQueue
from shared.telemetry import SPAN, Intake, log_intake


@dataclass(frozen=True, slots=True)
class Queued:
    """The change was queued, or a related change."""

    operation_id: UUID


@dataclass(frozen=True, slots=True)
class Filtered:
    """The event needs no check; `rule` says why."""

    rule: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The body could not be understood; it is stored in `rejected-events`."""

    reason: str
    description: str


type Received = Queued | Filtered | Rejected
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class QueueChange:
    """Filters events and queues changes. Only events of `organization_id` are taken; None takes all.

    `look_ups` are the columns of the account that refer to rows of each related table.
    """

    queue: ChangeQueue
    pages: PageQueue
    rejected: RejectedEvents
    filter: Filter
    clock: Clock
    transaction_margin: timedelta
    organization_id: UUID | None = None
    look_ups: Mapping[str, tuple[str, ...]] = _NONE

    @SPAN("intake")
    async def receive(
        self, body: bytes, content_type: str | None, source: Source, correlation_id: UUID | None = None
    ) -> Received:
        """Take one event. If it raises QueueUnavailable, the event must be delivered again."""
        try:
            return await self._take(body, content_type, source)
        except RejectedEvent as fault:
            return await self.reject(body, fault, source, correlation_id)

    async def _take(self, body: bytes, content_type: str | None, source: Source) -> Queued | Filtered:
        event = read_event(body, content_type, self.clock.now(), self.filter.tables)
        if event is None:
            log_intake(Intake("filtered", source, None, None, "table"))
            return Filtered("table")
        get_current_span().set_attribute("correlation_id", str(event.correlation_id))
        self._check_organization(event)
        # A synchronous step runs inside the transaction of the save: its change is not committed yet, and
        # refusing the event would roll the user's save back.
        due = self.clock.now() + self.transaction_margin if event.in_transaction else None
        rule, related = self.filter.rule_against(event), ""
        if self.filter.concerns_referring(event):
            related = await self._queue_related(event, due)
        if rule is None:
            return await self._queue_own(_change(event, source), due)
        ending, detail = ("related", related) if related else ("filtered", rule)
        account = event.row_id if event.table == TABLE else None
        log_intake(Intake(ending, source, event.operation_id, account, detail))
        return Queued(event.operation_id) if related else Filtered(rule)

    async def _queue_own(self, change: AccountChange, due: datetime | None) -> Queued:
        try:
            await self.queue.send(change, due)
        except MessageRefused as refusal:
            raise RejectedEvent("not-sendable", f"{refusal}. Report this as a defect.") from refusal
        queued = Intake("queued", change.source, change.operation_id, change.account_id, change.message_id)
        log_intake(queued)
        return Queued(change.operation_id)

    async def _queue_related(self, event: DataverseEvent, due: datetime | None) -> str:
        """Queue the walk through the accounts that refer to the row. Return its message id."""
        page = PageDue.related(
            RelatedChange(
                organization_id=event.organization_id,
                table=event.table,
                row_id=_row(event),
                columns=self.look_ups[event.table],
                occurred_at=event.occurred_at,
                operation_id=event.operation_id,
            )
        )
        await self.pages.send(page, due)
        return page.message_id

    def _check_organization(self, event: DataverseEvent) -> None:
        if self.organization_id not in {None, event.organization_id}:
            raise RejectedEvent(
                "foreign-organization",
                f"The event is of organization {event.organization_id}. This app takes events of "
                f"{self.organization_id} only: see the setting DATAVERSE_ORGANIZATION_ID.",
            )

    async def reject(
        self, body: bytes, fault: RejectedEvent, source: Source, correlation_id: UUID | None = None
    ) -> Rejected:
        """Store a body that could not be understood. Raises QueueUnavailable."""
        await self.rejected.keep(body, fault.reason, fault.description, correlation_id)
        log_intake(Intake("rejected", source, None, None, fault.reason))
        return Rejected(fault.reason, fault.description)


def _row(event: DataverseEvent) -> UUID:
    if event.row_id is None:
        raise RejectedEvent("no-account-id", "The event names no row: PrimaryEntityId and Target are empty.")
    return event.row_id


def _change(event: DataverseEvent, source: Source) -> AccountChange:
    return AccountChange(
        organization_id=event.organization_id,
        account_id=_row(event),
        kind=KINDS[event.message],
        occurred_at=event.occurred_at,
        source=source,
        operation_id=event.operation_id,
        correlation_id=event.correlation_id,
    )
