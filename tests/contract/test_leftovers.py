"""Dead letters and rejected events on a real broker: listed, sent again, and what is not wanted stays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.child import Child
from shared.messaging.leftovers import ServiceBusLeftovers
from shared.messaging.pages import ServiceBusPages
from shared.messaging.queues import (
    ACCOUNT_CHANGES,
    DATAVERSE_EVENTS,
    LOAD_PAGES,
    REJECTED_EVENTS,
    QueueSender,
    ServiceBusChanges,
    ServiceBusRejected,
)
from shared.model.change import AccountChange, ChangeKind, Source, decode_change
from shared.model.faults import QueueUnavailable
from shared.model.page import PageDue, RunKind, decode_page
from shared.model.queues import Bin, Leftover
from shared.resilience.replay import Resubmit
from tests.contract.conftest import ROOT, start_broker
from tests.fakes.clock import START

ORGANIZATION = UUID("11111111-1111-1111-1111-111111111111")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Child]:
    """A broker of its own, with the queues as shipped."""
    child = await start_broker(ROOT / "local/servicebus/Config.json", tmp_path / "log")
    yield child
    await child.stop()


@pytest.fixture
async def senders(client: ServiceBusClient) -> AsyncIterator[dict[str, QueueSender]]:
    senders = {
        queue: QueueSender(client, queue)
        for queue in (ACCOUNT_CHANGES, DATAVERSE_EVENTS, REJECTED_EVENTS, LOAD_PAGES)
    }
    yield senders
    for sender in senders.values():
        await sender.close()


@pytest.fixture
def leftovers(client: ServiceBusClient, senders: dict[str, QueueSender]) -> ServiceBusLeftovers:
    return ServiceBusLeftovers(client, senders[DATAVERSE_EVENTS])


@pytest.fixture
def rejected(senders: dict[str, QueueSender]) -> ServiceBusRejected:
    return ServiceBusRejected(senders[REJECTED_EVENTS])


@pytest.fixture
def queue(senders: dict[str, QueueSender]) -> ServiceBusChanges:
    return ServiceBusChanges(senders[ACCOUNT_CHANGES], 1)


@pytest.fixture
def pages(senders: dict[str, QueueSender]) -> ServiceBusPages:
    return ServiceBusPages(senders[LOAD_PAGES])


@pytest.fixture
async def client(broker: Child) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(
        broker.ready["connection_string"], retry_total=0
    ) as client:
        yield client


async def _all(leftovers: ServiceBusLeftovers, place: Bin) -> list[Leftover]:
    return [leftover async for leftover in leftovers.peek(place)]


async def test_rejected_events_are_listed_and_sent_again_as_they_came(
    client: ServiceBusClient,
    leftovers: ServiceBusLeftovers,
    rejected: ServiceBusRejected,
    queue: ServiceBusChanges,
    pages: ServiceBusPages,
) -> None:
    await rejected.keep(b"<a/>", "xml", "Set the message format to JSON.", UUID(int=1))
    await rejected.keep(b"x" * 300_000, "not-json", "Too long.", None)
    first, second = await _all(leftovers, Bin.REJECTED)
    assert (first.reason, first.body, first.truncated) == ("xml", b"<a/>", False)
    assert (second.reason, second.truncated) == ("not-json", True)

    resubmit = Resubmit(leftovers, queue, pages)
    assert await resubmit.run(Bin.REJECTED, "anna: again") == (1, 1)
    assert [left.reason for left in await _all(leftovers, Bin.REJECTED)] == ["not-json"]
    async with client.get_queue_receiver("dataverse-events") as receiver:
        (message,) = await receiver.receive_messages(max_wait_time=5)
        assert b"".join(message.body) == b"<a/>"  # pyright: ignore[reportArgumentType, reportCallIssue]


async def test_dead_letters_of_a_session_come_back_under_an_operation_id_of_their_own(
    client: ServiceBusClient,
    leftovers: ServiceBusLeftovers,
    queue: ServiceBusChanges,
    pages: ServiceBusPages,
) -> None:
    change = AccountChange(
        organization_id=ORGANIZATION,
        account_id=uuid4(),
        kind=ChangeKind.DELETE,
        occurred_at=START,
        source=Source.WEBHOOK,
        operation_id=uuid4(),
        hop=7,
    )
    await queue.send(change)
    async with client.get_queue_sender(ACCOUNT_CHANGES) as sender:
        await sender.send_messages(ServiceBusMessage(b"garbage", session_id="p00", message_id="g"))
    async with client.get_queue_receiver(ACCOUNT_CHANGES, session_id="p00") as receiver:
        for message in await receiver.receive_messages(max_message_count=2, max_wait_time=5):
            await receiver.dead_letter_message(message, reason="MaxDeliveryCountExceeded")

    async with asyncio.timeout(10):
        while len(found := await _all(leftovers, Bin.CHANGE_DEAD_LETTERS)) < 2:  # noqa: ASYNC110 - the broker's
            await asyncio.sleep(0.05)
    assert {left.reason for left in found} == {"MaxDeliveryCountExceeded"}
    assert await Resubmit(leftovers, queue, pages).run(Bin.CHANGE_DEAD_LETTERS, "anna: again") == (1, 1)
    async with client.get_queue_receiver(ACCOUNT_CHANGES, session_id="p00") as receiver:
        (message,) = await receiver.receive_messages(max_wait_time=5)
        again = decode_change(b"".join(message.body))  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert again.operation_id != change.operation_id
    assert (again.kind, again.hop, again.verify, again.note) == (
        ChangeKind.DELETE,
        0,
        True,
        "anna: again",
    )


async def test_a_dead_page_comes_back_as_its_next_attempt(
    client: ServiceBusClient,
    leftovers: ServiceBusLeftovers,
    queue: ServiceBusChanges,
    pages: ServiceBusPages,
) -> None:
    page = PageDue(kind=RunKind.LOAD, run="r", page=3, attempt=2)
    await pages.send(page)
    await pages.send(page)  # a repeat, which is dropped
    async with client.get_queue_receiver(LOAD_PAGES) as receiver:
        (message,) = await receiver.receive_messages(max_message_count=5, max_wait_time=5)
        await receiver.dead_letter_message(message, reason="MaxDeliveryCountExceeded")
    assert [decode_page(left.body) for left in await _all(leftovers, Bin.PAGE_DEAD_LETTERS)] == [page]
    assert await Resubmit(leftovers, queue, pages).run(Bin.PAGE_DEAD_LETTERS, "anna: again") == (1, 0)
    async with client.get_queue_receiver(LOAD_PAGES) as receiver:
        (message,) = await receiver.receive_messages(max_wait_time=5)
        again = decode_page(b"".join(message.body))  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert again == page.again()


async def test_only_the_wanted_numbers_are_sent(
    leftovers: ServiceBusLeftovers,
    rejected: ServiceBusRejected,
    queue: ServiceBusChanges,
    pages: ServiceBusPages,
) -> None:
    for number in range(3):
        await rejected.keep(b"%d" % number, "not-json", "", None)
    wanted = frozenset({(await _all(leftovers, Bin.REJECTED))[1].sequence_number})
    resubmit = Resubmit(leftovers, queue, pages)
    assert await resubmit.run(Bin.REJECTED, "", wanted) == (1, 2)
    assert [left.body for left in await _all(leftovers, Bin.REJECTED)] == [b"0", b"2"]


async def test_an_event_that_is_rejected_again_meanwhile_is_not_sent_a_second_time(
    leftovers: ServiceBusLeftovers, rejected: ServiceBusRejected
) -> None:
    for number in range(2):
        await rejected.keep(b"%d" % number, "not-json", "", None)

    async def sent_and_rejected_at_once(leftover: Leftover) -> bool:
        await rejected.keep(leftover.body, "not-json", "again", None)
        return True

    async with asyncio.timeout(20):
        assert await leftovers.take(Bin.REJECTED, lambda _: True, sent_and_rejected_at_once) == (2, 0)
    found = await _all(leftovers, Bin.REJECTED)
    assert [(left.body, left.description) for left in found] == [(b"0", "again"), (b"1", "again")]


async def test_a_bus_that_is_away_is_said_to_be(broker: Child, leftovers: ServiceBusLeftovers) -> None:
    await broker.stop()
    with pytest.raises(QueueUnavailable):
        await _all(leftovers, Bin.REJECTED)
