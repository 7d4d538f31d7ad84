"""The ports ChangeQueue and RejectedEvents: the fakes and the broker, read through the SDK, behave alike."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.child import Child
from local.ports import free_port
from shared.environment import load_settings
from shared.messaging.queues import (
    LONGEST_REJECTED,
    QueueSender,
    ServiceBusChanges,
    ServiceBusRejected,
    service_bus,
)
from shared.model.change import AccountChange, ChangeKind, Source, decode_change, session_id
from shared.model.faults import MessageRefused, QueueUnavailable
from shared.ports import ChangeQueue
from tests.contract.conftest import QUEUES, start_broker
from tests.fakes.bus import FakeQueue, FakeRejected
from tests.fakes.clock import FakeClock
from tests.unit.test_settings import EXAMPLE

PARTITIONS = 8
NUMBERS = count()
EVERY_BUS: list["Bus"] = []


def change(**members: Any) -> AccountChange:
    defaults: dict[str, Any] = {
        "organization_id": uuid4(),
        "account_id": uuid4(),
        "kind": ChangeKind.UPDATE,
        "occurred_at": datetime(2026, 11, 22, 12, 0, 0, 123456, UTC),
        "source": Source.WEBHOOK,
        "operation_id": uuid4(),
        "correlation_id": uuid4(),
    }
    return AccountChange(**defaults | members)


class Queue(NamedTuple):
    """The port; `take` waits for one message of an account and gives None if none comes soon."""

    queue: ChangeQueue
    take: Callable[[UUID], Awaitable[AccountChange | None]]
    now: Callable[[], datetime]
    wait_until: Callable[[datetime], Awaitable[None]]


@pytest.fixture(scope="session")
async def bus(broker: Child) -> AsyncIterator[ServiceBusClient]:
    async with client(broker.ready["connection_string"]) as found:
        yield found
        await asyncio.gather(*(each.close() for each in EVERY_BUS))


def client(connection_string: str) -> ServiceBusClient:
    """The app's own client."""
    settings, _ = load_settings(EXAMPLE | {"ServiceBus": connection_string})
    return service_bus(settings)


class Bus:
    """One queue of the broker, sent to by the adapters and read by the SDK."""

    def __init__(self, client: ServiceBusClient, kind: str) -> None:
        self.client, self.name = client, f"{kind}-{next(NUMBERS) % QUEUES}"
        self.sender = QueueSender(client, self.name)
        self.receivers: dict[str | None, ServiceBusReceiver] = {}
        self.open = AsyncExitStack()
        EVERY_BUS.append(self)

    async def receiver(self, session: str | None = None) -> ServiceBusReceiver:
        """The receiver of a session, or of a queue without sessions; it stays open."""
        if session not in self.receivers:
            options: dict[str, Any] = {"session_id": session} if session else {}
            receiver = self.client.get_queue_receiver(self.name, **options)
            self.receivers[session] = await self.open.enter_async_context(receiver)
        return self.receivers[session]

    async def close(self) -> None:
        await self.sender.close()
        await self.open.aclose()

    async def receive(self, session: str | None = None, wait: float = 5) -> ServiceBusReceivedMessage | None:
        """The next message, completed; None if none came within `wait` seconds."""
        receiver = await self.receiver(session)
        messages = await receiver.receive_messages(1, max_wait_time=wait)
        for message in messages:
            await receiver.complete_message(message)
        return messages[0] if messages else None


@pytest.fixture(scope="session")
def changes_bus(bus: ServiceBusClient) -> Bus:
    """One queue for all tests that take what they send; opening links is what costs time."""
    return Bus(bus, "account-changes")


@pytest.fixture(scope="session")
def rejected_bus(bus: ServiceBusClient) -> Bus:
    return Bus(bus, "rejected-events")


@pytest.fixture(params=["fake", "broker"])
async def queue(request: pytest.FixtureRequest, changes_bus: Bus) -> Queue:
    if request.param == "fake":
        clock = FakeClock()
        fake = FakeQueue(clock)

        async def take_fake(_account_id: UUID) -> AccountChange | None:
            return fake.take()

        async def wait_fake(moment: datetime) -> None:
            clock.advance_to(moment)

        return Queue(fake, take_fake, clock.now, wait_fake)
    real = changes_bus

    async def take(account_id: UUID) -> AccountChange | None:
        message = await real.receive(session_id(account_id, PARTITIONS), wait=0.4)
        return decode_change(b"".join(message.body)) if message else None  # type: ignore[arg-type] - bytes

    async def wait_until(moment: datetime) -> None:
        await asyncio.sleep((moment - datetime.now(UTC)).total_seconds())

    changes = ServiceBusChanges(real.sender, PARTITIONS)
    return Queue(changes, take, lambda: datetime.now(UTC), wait_until)


async def test_a_change_arrives_whole(queue: Queue) -> None:
    sent = change(hop=2, attempt=1, verify=True)
    await queue.queue.send(sent)
    assert await queue.take(sent.account_id) == sent
    assert await queue.take(sent.account_id) is None


async def test_a_repeat_is_dropped(queue: Queue) -> None:
    sent = change()
    for source in (Source.WEBHOOK, Source.DATAVERSE_QUEUE):
        await queue.queue.send(change(**{**_members(sent), "source": source}))
    assert await queue.take(sent.account_id) == sent
    assert await queue.take(sent.account_id) is None


async def test_a_repeat_of_what_was_settled_already_is_dropped_too(queue: Queue) -> None:
    sent = change()
    await queue.queue.send(sent)
    assert await queue.take(sent.account_id) == sent
    await queue.queue.send(sent)
    assert await queue.take(sent.account_id) is None


async def test_our_own_copies_are_never_dropped(queue: Queue) -> None:
    sent = change()
    for message in (sent, sent.copy(tried=True), sent.copy(tried=True).copy(tried=False)):
        await queue.queue.send(message)
        assert await queue.take(sent.account_id) == message


async def test_changes_of_one_account_arrive_in_their_order(queue: Queue) -> None:
    first = change()
    sent = [change(**{**_members(first), "operation_id": uuid4()}) for _ in range(5)]
    for message in sent:
        await queue.queue.send(message)
    assert [await queue.take(first.account_id) for _ in sent] == sent


async def open_the_link(queue: Queue, account_id: UUID) -> None:
    """What comes first takes longest; times are counted from after it."""
    first = change(account_id=account_id)
    await queue.queue.send(first)
    assert await queue.take(account_id) == first


async def test_a_change_appears_when_it_is_due_and_not_before(queue: Queue) -> None:
    later = change()
    await open_the_link(queue, later.account_id)
    due = queue.now() + timedelta(seconds=2)
    now = change(**{**_members(later), "operation_id": uuid4()})
    await queue.queue.send(later, due)
    await queue.queue.send(now)
    assert await queue.take(later.account_id) == now
    assert await queue.take(later.account_id) is None
    await queue.wait_until(due + timedelta(seconds=0.2))
    assert await queue.take(later.account_id) == later


async def test_changes_sent_in_a_batch_appear_each_when_it_is_due(queue: Queue) -> None:
    first = change()
    await open_the_link(queue, first.account_id)
    sent = [change(**{**_members(first), "operation_id": uuid4()}) for _ in range(3)]
    due = queue.now() + timedelta(seconds=2)
    await queue.queue.send_all([(sent[0], queue.now()), (sent[1], due), (sent[2], due), (sent[0], due)])
    assert await queue.take(first.account_id) == sent[0]
    assert await queue.take(first.account_id) is None
    await queue.wait_until(due + timedelta(seconds=0.2))
    assert [await queue.take(first.account_id) for _ in range(3)] == [*sent[1:], None]


async def test_a_batch_holds_any_number_of_changes_of_any_account(changes_bus: Bus) -> None:
    sent = [change() for _ in range(600)]
    now = datetime.now(UTC)
    await ServiceBusChanges(changes_bus.sender, PARTITIONS).send_all([(one, now) for one in sent])
    found: set[str | None] = set()
    for session in {session_id(one.account_id, PARTITIONS) for one in sent}:
        receiver = await changes_bus.receiver(session)
        wanted = sum(session_id(one.account_id, PARTITIONS) == session for one in sent)
        taken = 0
        while taken < wanted:
            messages = await receiver.receive_messages(wanted - taken, max_wait_time=5)
            assert messages, f"only {taken} of {wanted} arrived"
            for message in messages:
                taken += 1
                found.add(message.message_id)
                await receiver.complete_message(message)
    assert found == {one.message_id for one in sent}


async def test_a_batch_goes_into_the_partitions_that_are_given(changes_bus: Bus) -> None:
    sent, given, now = [change() for _ in range(4)], ["p01", "p00", "p01", "p03"], datetime.now(UTC)
    await ServiceBusChanges(changes_bus.sender, PARTITIONS).send_all([(one, now) for one in sent], given)
    for session in sorted({*given}):
        receiver = await changes_bus.receiver(session)
        wanted = [one.message_id for one, place in zip(sent, given, strict=True) if place == session]
        found: list[str | None] = []
        while len(found) < len(wanted):
            messages = await receiver.receive_messages(len(wanted), max_wait_time=5)
            assert messages, f"{session} has {found} of {wanted}"
            for message in messages:
                found.append(message.message_id)
                await receiver.complete_message(message)
        assert found == wanted


async def test_a_repeat_of_what_is_not_due_yet_is_dropped(queue: Queue) -> None:
    sent = change()
    await open_the_link(queue, sent.account_id)
    due = queue.now() + timedelta(seconds=1.5)
    await queue.queue.send(sent, due)
    await queue.queue.send(sent)
    assert await queue.take(sent.account_id) is None
    await queue.wait_until(due + timedelta(seconds=0.2))
    assert await queue.take(sent.account_id) == sent
    assert await queue.take(sent.account_id) is None


async def test_a_due_time_in_the_past_means_now(queue: Queue) -> None:
    sent = change()
    await queue.queue.send(sent, queue.now() - timedelta(days=1))
    assert await queue.take(sent.account_id) == sent


def _members(of: AccountChange) -> dict[str, Any]:
    return {name: getattr(of, name) for name in AccountChange.__dataclass_fields__}


async def test_the_message_carries_what_the_service_needs(changes_bus: Bus) -> None:
    real = changes_bus
    sent = change()
    await ServiceBusChanges(real.sender, PARTITIONS).send(sent)
    message = await real.receive(session_id(sent.account_id, PARTITIONS))
    assert message is not None
    assert message.message_id == sent.message_id
    assert message.session_id == session_id(sent.account_id, PARTITIONS)
    assert message.correlation_id == str(sent.correlation_id)
    assert (message.content_type, message.subject) == ("application/json", "update")


async def test_without_a_correlation_the_operation_is_the_correlation(changes_bus: Bus) -> None:
    real = changes_bus
    sent = change(correlation_id=None)
    await ServiceBusChanges(real.sender, PARTITIONS).send(sent)
    message = await real.receive(session_id(sent.account_id, PARTITIONS))
    assert message is not None
    assert message.correlation_id == str(sent.operation_id)


async def test_many_senders_at_once_lose_nothing(changes_bus: Bus) -> None:
    real = changes_bus
    first = change()
    sent = [change(**{**_members(first), "operation_id": uuid4()}) for _ in range(30)]
    changes = ServiceBusChanges(real.sender, PARTITIONS)
    await asyncio.gather(*(changes.send(message) for message in sent))
    receiver = await real.receiver(session_id(first.account_id, PARTITIONS))
    found: set[str | None] = set()
    while len(found) < len(sent):
        messages = await receiver.receive_messages(30, max_wait_time=5)
        assert messages, f"only {len(found)} arrived"
        for message in messages:
            found.add(message.message_id)
            await receiver.complete_message(message)
    assert found == {message.message_id for message in sent}


Kept = tuple[bytes, str, str, UUID | None]


@pytest.fixture(params=["fake", "broker"])
async def keep(
    request: pytest.FixtureRequest, rejected_bus: Bus
) -> Callable[[bytes, str, str, UUID | None], Awaitable[Kept]]:
    """Keeps a rejected body and gives back what is then in the queue."""
    fake, real = FakeRejected(), rejected_bus

    async def keep_in_fake(*given: Any) -> Kept:
        await fake.keep(*given)
        return fake.kept[-1]

    async def keep_in_broker(*given: Any) -> Kept:
        await ServiceBusRejected(real.sender).keep(*given)
        message = await real.receive()
        assert message is not None
        properties: Any = message.application_properties
        return (
            b"".join(message.body),  # type: ignore[arg-type] - a body of bytes
            properties[b"Reason"].decode(),
            properties[b"Description"].decode(),
            UUID(message.correlation_id) if message.correlation_id else None,
        )

    return keep_in_fake if request.param == "fake" else keep_in_broker


@pytest.mark.parametrize(
    "given",
    [
        (b"<xml/>", "xml", "Set the message format to JSON.", uuid4()),
        (b"", "not-json", "The body is empty.", None),
        (bytes(range(256)) * 800, "not-utf-8", "ü€😀", uuid4()),
    ],
)
async def test_a_rejected_body_is_kept_as_it_came(
    keep: Callable[..., Awaitable[Kept]], given: tuple[Any, ...]
) -> None:
    assert await keep(*given) == given


async def test_a_long_body_is_cut_and_marked(rejected_bus: Bus) -> None:
    real = rejected_bus
    for length, cut in ((LONGEST_REJECTED, False), (LONGEST_REJECTED + 1, True), (900_000, True)):
        await ServiceBusRejected(real.sender).keep(b"x" * length, "not-json", "long", None)
        message = await real.receive()
        assert message is not None
        assert len(b"".join(message.body)) == min(length, LONGEST_REJECTED)  # type: ignore[arg-type] - bytes
        assert (message.application_properties or {}).get(b"Truncated", False) is cut


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(lambda: ServiceBusMessage(b"x" * 2_000_000), id="too large"),
        pytest.param(
            lambda: ServiceBusMessage(b"x", application_properties={"n": 2**70}), id="too large a number"
        ),
    ],
)
async def test_a_message_that_is_never_taken_is_told_from_a_bus_that_is_away(
    rejected_bus: Bus, message: Callable[[], ServiceBusMessage]
) -> None:
    with pytest.raises(MessageRefused, match="does not take this message"):
        await rejected_bus.sender.send(message())
    await ServiceBusRejected(rejected_bus.sender).keep(b"next", "not-json", "as ever", None)
    received = await rejected_bus.receive()
    assert received is not None
    assert b"".join(received.body) == b"next"  # type: ignore[arg-type] - a body of bytes


async def test_a_sender_that_was_shut_down_is_no_fault_of_the_message(rejected_bus: Bus) -> None:
    rejected = ServiceBusRejected(rejected_bus.sender)
    await rejected.keep(b"first", "not-json", "as ever", None)
    opened: Any = rejected_bus.sender._sender
    await opened.close()
    await rejected.keep(b"second", "not-json", "as ever", None)
    for body in (b"first", b"second"):
        received = await rejected_bus.receive()
        assert received is not None
        assert b"".join(received.body) == body  # type: ignore[arg-type] - a body of bytes


async def test_a_queue_that_is_not_there_is_unavailable(bus: ServiceBusClient) -> None:
    with pytest.raises(QueueUnavailable, match="nowhere"):
        await ServiceBusChanges(QueueSender(bus, "nowhere"), PARTITIONS).send(change())


# The SDK leaves the socket of a peer that died to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_bus_that_is_away_is_unavailable_until_it_is_back(queue_config: Path, tmp_path: Path) -> None:
    await away_and_back(queue_config, tmp_path)
    gc.collect()


async def away_and_back(queue_config: Path, tmp_path: Path) -> None:
    port = free_port()
    broker = await start_broker(queue_config, tmp_path / "log", port)
    async with client(broker.ready["connection_string"]) as bus:
        real = Bus(bus, "account-changes")
        changes = ServiceBusChanges(real.sender, PARTITIONS)
        sent = change()
        await changes.send(sent)
        await broker.wait_killed()
        async with asyncio.timeout(15):
            for _ in range(2):
                with pytest.raises(QueueUnavailable):
                    await changes.send(sent.copy(tried=True))
        broker = await start_broker(queue_config, tmp_path / "log", port)
        try:
            await changes.send(sent)
            message = await real.receive(session_id(sent.account_id, PARTITIONS))
            assert message is not None
            assert message.message_id == sent.message_id
        finally:
            await real.close()
            EVERY_BUS.remove(real)
            await broker.stop()


async def test_a_cancelled_send_does_not_spoil_the_next_one(bus: ServiceBusClient) -> None:
    real = Bus(bus, "account-changes")
    changes = ServiceBusChanges(real.sender, PARTITIONS)
    first = change()
    sending = asyncio.ensure_future(changes.send(first))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    last = change(**{**_members(first), "operation_id": uuid4()})
    await changes.send(last)
    found = [await real.receive(session_id(first.account_id, PARTITIONS), wait=0.4) for _ in range(2)]
    assert last.message_id in [message.message_id for message in found if message]
