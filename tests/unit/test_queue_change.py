"""The use case behind both intakes."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.intake.filter import Filter
from shared.intake.queue_change import Filtered, QueueChange, Queued, Rejected
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.faults import MessageRefused, QueueUnavailable
from tests.fakes.bus import FakeQueue, FakeRejected
from tests.fakes.clock import FakeClock
from tests.fakes.runs import FakePages
from tests.unit.making import ACCOUNT, OPERATION, ORGANIZATION, body, field_map, sample_bytes, target

MARGIN = timedelta(seconds=300)
CORRELATION = UUID("3c1b8f6c-52d1-4b7e-8a55-3f9f0e6a7b10")
STRANGER = UUID(int=7)


class Intake:
    """The use case over fakes."""

    def __init__(self, organization_id: UUID | None = None) -> None:
        self.clock = FakeClock()
        self.queue = FakeQueue(self.clock)
        self.rejected = FakeRejected()
        self.pages = FakePages(self.clock)
        self.use_case = QueueChange(
            self.queue,
            self.pages,
            self.rejected,
            Filter(field_map().watched, related={"contact": frozenset({"emailaddress1"})}),
            self.clock,
            MARGIN,
            organization_id,
            {"contact": ("primarycontactid",)},
        )

    async def receive(self, content: bytes, source: Source = Source.DATAVERSE_QUEUE) -> Any:
        return await self.use_case.receive(content, "application/json", source, CORRELATION)


async def test_an_event_becomes_a_change() -> None:
    intake = Intake()
    assert await intake.receive(sample_bytes("account-create"), Source.WEBHOOK) == Queued(OPERATION)
    (change,) = intake.queue.sent
    assert (change.account_id, change.organization_id) == (ACCOUNT, ORGANIZATION)
    assert (change.kind, change.source) == (ChangeKind.CREATE, Source.WEBHOOK)
    assert (change.operation_id, change.hop, change.attempt, change.verify) == (OPERATION, 0, 0, False)
    assert intake.queue.next_due() == intake.clock.now()


async def test_the_same_event_twice_is_one_message() -> None:
    intake = Intake()
    for _ in range(2):
        assert await intake.receive(sample_bytes("account-update")) == Queued(OPERATION)
    assert len(intake.queue.sent) == 1


async def test_one_operation_on_two_accounts_is_two_messages() -> None:
    intake = Intake()
    await intake.receive(body())
    await intake.receive(body(PrimaryEntityId="11111111-1111-1111-1111-111111111111"))
    assert len(intake.queue.sent) == 2


@pytest.mark.parametrize("members", [{"Mode": 0}, {"IsInTransaction": True}])
async def test_an_event_inside_a_transaction_waits_for_its_end(members: dict[str, Any]) -> None:
    intake = Intake()
    assert isinstance(await intake.receive(body(**members)), Queued)
    assert intake.queue.next_due() == intake.clock.now() + MARGIN


async def test_a_filtered_event_is_neither_queued_nor_kept() -> None:
    intake = Intake()
    assert await intake.receive(body(InputParameters=target(description="x"))) == Filtered("columns")
    assert not intake.queue.sent
    assert not intake.rejected.kept


async def test_what_is_not_understood_is_kept_whole() -> None:
    intake = Intake()
    received = await intake.receive(b"<xml/>")
    assert isinstance(received, Rejected)
    assert intake.rejected.kept == [(b"<xml/>", "xml", received.description, CORRELATION)]


async def test_an_event_without_an_account_is_kept() -> None:
    intake = Intake()
    received = await intake.receive(body(PrimaryEntityId=None))
    assert isinstance(received, Rejected)
    assert received.reason == "no-account-id"
    assert len(intake.rejected.kept) == 1


async def test_events_of_another_organization_are_kept_and_never_queued() -> None:
    intake = Intake(STRANGER)
    for content in (body(), body(MessageName="Delete"), body(InputParameters=target(description="x"))):
        received = await intake.receive(content)
        assert isinstance(received, Rejected)
        assert received.reason == "foreign-organization"
        assert str(ORGANIZATION) in received.description
        assert "DATAVERSE_ORGANIZATION_ID" in received.description
    assert not intake.queue.sent
    assert len(intake.rejected.kept) == 3


async def test_events_of_the_own_organization_are_queued() -> None:
    assert isinstance(await Intake(ORGANIZATION).receive(body()), Queued)


@pytest.mark.parametrize("organization_id", [ORGANIZATION, STRANGER, ...])
async def test_the_table_is_asked_for_before_the_organization(organization_id: Any) -> None:
    intake = Intake(ORGANIZATION)
    event = body(
        PrimaryEntityName="mserp_custcustomerv3entity",
        OrganizationId=organization_id if organization_id is ... else str(organization_id),
        OperationId=...,
        OperationCreatedOn="soon",
    )
    assert await intake.receive(event) == Filtered("table")
    assert not intake.rejected.kept


class _NoBus:
    async def open(self) -> None:
        raise QueueUnavailable("away")

    async def send(self, change: AccountChange, due: object = None) -> None:
        raise QueueUnavailable("away")

    async def send_all(self, changes: object, partitions: object = ()) -> None:
        raise QueueUnavailable("away")

    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None:
        raise QueueUnavailable("away")


class _Choosy(_NoBus):
    async def send(self, change: AccountChange, due: object = None) -> None:
        raise MessageRefused("account-changes does not take this message, and never will")


async def test_an_event_whose_change_is_never_taken_is_kept_instead_of_tried_for_ever() -> None:
    kept = FakeRejected()
    clock = FakeClock()
    use_case = QueueChange(_Choosy(), FakePages(clock), kept, Filter(field_map().watched), clock, MARGIN)
    received = await use_case.receive(body(), None, Source.DATAVERSE_QUEUE, CORRELATION)
    assert isinstance(received, Rejected)
    ((content, reason, _, correlation),) = kept.kept
    assert (content, reason, correlation) == (body(), "not-sendable", CORRELATION)


@pytest.mark.parametrize("content", [body(), b"<xml/>"])
async def test_when_the_bus_takes_nothing_nothing_is_settled(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "account_sync")
    clock = FakeClock()
    use_case = QueueChange(_NoBus(), FakePages(clock), _NoBus(), Filter(field_map().watched), clock, MARGIN)
    with pytest.raises(QueueUnavailable):
        await use_case.receive(content, None, Source.DATAVERSE_QUEUE)
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "ending"),
    [(body(), "queued"), (body(MessageName="Assign"), "filtered"), (b"Max Mustermann", "rejected")],
)
async def test_each_event_is_one_log_line_without_its_texts(
    content: bytes, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "account_sync")
    await Intake().receive(content)
    (record,) = caplog.records
    assert record.__dict__["event"] == "intake"
    assert record.__dict__["ending"] == ending
    assert "Mustermann" not in str(record.__dict__)


@pytest.mark.parametrize("source", [Source.DATAVERSE_QUEUE, Source.WEBHOOK])
async def test_an_event_for_the_account_id_of_zeros_is_rejected_and_is_no_probe(source: Source) -> None:
    intake = Intake()
    zeros = str(UUID(int=0))
    entity = target(name="x")
    entity[0]["value"]["Id"] = zeros
    found = await intake.receive(body(PrimaryEntityId=zeros, InputParameters=entity), source)
    assert isinstance(found, Rejected)
    assert found.reason == "no-account-id"
    assert intake.queue.sent == []
