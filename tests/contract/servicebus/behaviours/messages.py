"""Messages go in and come out as they were, once each, in order: both Python SDKs against the broker."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from tests.contract.servicebus.broker_process import PLAIN, SESSIONS, SHARED, Broker
from tests.contract.servicebus.sdks import Sdk


async def take(receiver: Any, count: int, wait: float = 10) -> list[Any]:
    """Receive exactly so many messages."""
    messages: list[Any] = []
    while len(messages) < count:
        page = await receiver.receive_messages(max_message_count=count - len(messages), max_wait_time=wait)
        assert page, f"only {len(messages)} of {count} messages came"
        messages += page
    return messages


async def a_message_arrives_with_all_that_its_sender_set(sdk: Sdk, broker: Broker) -> None:
    sent = ServiceBusMessage(
        b"\x00\xff body",
        message_id="id-1",
        subject="subject",
        content_type="application/json",
        correlation_id="correlation",
        reply_to="reply",
        to="to",
        partition_key="key",
        application_properties={"text": "ä", "number": 7, "float": 1.5, "flag": True, "guid": uuid4()},
    )
    before = datetime.now(UTC) - timedelta(seconds=1)
    await (await sdk.sender(PLAIN)).send_messages(sent)
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    assert b"".join(message.body) == b"\x00\xff body"
    assert (message.message_id, message.subject, message.content_type) == (
        "id-1",
        "subject",
        "application/json",
    )
    assert (message.correlation_id, message.reply_to, message.to) == ("correlation", "reply", "to")
    assert message.partition_key == "key"
    properties = {key.decode(): value for key, value in message.application_properties.items()}
    assert properties["text"] in (b"\xc3\xa4", "ä")
    assert (properties["number"], properties["float"], properties["flag"]) == (7, 1.5, True)
    assert (message.delivery_count, message.state.value) == (0, 0)
    assert before <= message.enqueued_time_utc <= message.locked_until_utc
    assert message.locked_until_utc - message.enqueued_time_utc > timedelta(seconds=59)
    await receiver.complete_message(message)
    assert (await broker.until(PLAIN, lambda c: c["locked"] == 0))["active"] == 0


async def bodies_of_other_kinds_come_through(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(PLAIN), await sdk.receiver(PLAIN)
    await sender.send_messages(AmqpAnnotatedMessage(value_body={"key": ["list", 1, None]}))
    await sender.send_messages(AmqpAnnotatedMessage(sequence_body=[[1, "two"], [3]]))
    value, sequence = await take(receiver, 2)
    assert value.raw_amqp_message.body == {b"key": [b"list", 1, None]}
    assert list(sequence.raw_amqp_message.body) == [[1, b"two"], [3]]


async def annotations_of_both_kinds_come_through(sdk: Sdk, broker: Broker) -> None:
    sent = AmqpAnnotatedMessage(
        data_body=b"x", annotations={"own": 1}, delivery_annotations={"own": "a", "x-opt-lock-token": "b"}
    )
    await (await sdk.sender(PLAIN)).send_messages(sent)
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    raw = message.raw_amqp_message
    assert raw.annotations[b"own"] == 1
    assert raw.delivery_annotations == {b"own": b"a", b"x-opt-lock-token": message.lock_token}
    await receiver.complete_message(message)


async def a_message_without_an_id_gets_one(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage("no id"))
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    assert message.message_id
    await receiver.complete_message(message)


async def batches_and_lists_arrive_in_order(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(PLAIN), await sdk.receiver(PLAIN)
    batch = await sender.create_message_batch()
    for number in range(30):
        batch.add_message(ServiceBusMessage(str(number)))
    await sender.send_messages(batch)
    await sender.send_messages([ServiceBusMessage(str(number)) for number in range(30, 40)])
    await sender.send_messages(ServiceBusMessage("40"))
    messages = await take(receiver, 41)
    assert [str(message) for message in messages] == [str(number) for number in range(41)]
    numbers = [message.sequence_number for message in messages]
    assert numbers == list(range(numbers[0], numbers[0] + 41))
    for message in messages:
        await receiver.complete_message(message)
    assert broker.counts(PLAIN)["completed"] >= 41


async def a_large_message_travels_in_many_frames(sdk: Sdk, broker: Broker) -> None:
    body = bytes(range(256)) * 800
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage(body))
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    assert b"".join(message.body) == body
    await receiver.complete_message(message)


async def a_message_over_256_kb_is_refused_and_the_link_lives_on(sdk: Sdk, broker: Broker) -> None:
    sender = await sdk.sender(PLAIN)
    with pytest.raises(MessageSizeExceededError):
        await sender.send_messages(ServiceBusMessage(b"x" * 256 * 1024))
    await sender.send_messages(ServiceBusMessage("small"))
    assert broker.counts(PLAIN)["active"] == 1


async def a_batch_can_hold_as_much_as_a_message(sdk: Sdk, broker: Broker) -> None:
    batch = await (await sdk.sender(PLAIN)).create_message_batch()
    assert batch.max_size_in_bytes == 256 * 1024
    batch.add_message(ServiceBusMessage(b"x" * 200_000))
    with pytest.raises(MessageSizeExceededError):
        batch.add_message(ServiceBusMessage(b"x" * 100_000))


async def an_unknown_queue_is_not_found(sdk: Sdk, broker: Broker) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        async with sdk.new_sender("nowhere"):
            pass
    with pytest.raises(MessagingEntityNotFoundError):
        async with sdk.new_receiver("nowhere"):
            pass


async def queue_names_do_not_care_for_case(sdk: Sdk, broker: Broker) -> None:
    async with sdk.new_sender(PLAIN.upper()) as sender:
        await sender.send_messages(ServiceBusMessage("x"))
    receiver = await sdk.receiver(PLAIN)
    await receiver.complete_message((await take(receiver, 1))[0])


async def a_queue_with_sessions_refuses_messages_and_receivers_without(sdk: Sdk, broker: Broker) -> None:
    with pytest.raises(ServiceBusError, match="requires sessions"):
        await (await sdk.sender(SESSIONS)).send_messages(ServiceBusMessage("x"))
    with pytest.raises(ServiceBusError, match="requires sessions"):
        async with sdk.new_receiver(SESSIONS):
            pass
    with pytest.raises(ServiceBusError, match="does not require sessions"):
        async with sdk.new_receiver(PLAIN, session_id="s"):
            pass
    mixed = [ServiceBusMessage("good", session_id="s"), ServiceBusMessage("bad")]
    with pytest.raises(ServiceBusError, match="requires sessions"):
        await (await sdk.sender(SESSIONS)).send_messages(mixed)
    assert broker.counts(SESSIONS)["active"] == 0  # all of a batch, or none


async def a_dead_letter_queue_takes_no_messages_of_senders(sdk: Sdk, broker: Broker) -> None:
    async with sdk.new_sender(f"{PLAIN}/$DeadLetterQueue") as sender:
        with pytest.raises(ServiceBusError, match="dead-letter queue"):
            await sender.send_messages(ServiceBusMessage("x"))


async def an_empty_queue_gives_nothing_after_the_wait(sdk: Sdk, broker: Broker) -> None:
    async with sdk.new_receiver(SHARED) as receiver:
        assert await receiver.receive_messages(max_message_count=1, max_wait_time=0.3) == []


async def receive_and_delete_leaves_nothing_behind(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(SHARED)).send_messages([ServiceBusMessage(str(n)) for n in range(3)])
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with sdk.new_receiver(SHARED, receive_mode=mode) as receiver:
        assert [str(message) for message in await take(receiver, 2)] == ["0", "1"]
    counts = broker.counts(SHARED)
    assert (counts["active"], counts["locked"]) == (1, 0)


async def closing_gives_prefetched_messages_back_uncounted(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(SHARED)).send_messages([ServiceBusMessage(str(n)) for n in range(20)])
    async with sdk.new_receiver(SHARED, prefetch_count=10) as receiver:
        await receiver.complete_message((await take(receiver, 1))[0])
        await broker.until(SHARED, lambda c: c["locked"] >= 9)
    await broker.until(SHARED, lambda c: c["active"] == 19)
    async with sdk.new_receiver(SHARED) as receiver:
        messages = await take(receiver, 19)
    assert {message.delivery_count for message in messages} == {0}
    assert sorted(int(str(message)) for message in messages) == list(range(1, 20))


async def peeking_shows_every_state_and_locks_nothing(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(PLAIN), await sdk.receiver(PLAIN)
    await sender.send_messages([ServiceBusMessage(text) for text in ("locked", "deferred", "active")])
    await sender.schedule_messages(ServiceBusMessage("scheduled"), datetime.now(UTC) + timedelta(minutes=5))
    _, deferred = await take(receiver, 2)
    await receiver.defer_message(deferred)
    peeked = await receiver.peek_messages(max_message_count=10, sequence_number=1)
    assert [str(message) for message in peeked] == ["locked", "deferred", "active", "scheduled"]
    assert [message.state.value for message in peeked] == [0, 1, 0, 2]
    assert all(message.locked_until_utc is None for message in peeked)
    later = await receiver.peek_messages(max_message_count=2, sequence_number=peeked[2].sequence_number)
    assert [str(message) for message in later] == ["active", "scheduled"]
    counts = broker.counts(PLAIN)
    assert [counts[kind] for kind in ("active", "locked", "deferred", "scheduled")] == [1, 1, 1, 1]


async def peeking_an_empty_queue_gives_nothing(sdk: Sdk, broker: Broker) -> None:
    assert await (await sdk.receiver(PLAIN)).peek_messages(max_message_count=5, sequence_number=1) == []


async def several_receivers_share_a_queue_without_sharing_messages(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(SHARED)).send_messages([ServiceBusMessage(str(n)) for n in range(40)])
    seen: list[str] = []
    async with sdk.new_receiver(SHARED, prefetch_count=5) as first, sdk.new_receiver(SHARED) as second:
        while len(seen) < 40:
            for receiver in (first, second):
                for message in await receiver.receive_messages(max_message_count=5, max_wait_time=0.5):
                    seen.append(str(message))
                    await receiver.complete_message(message)
    assert sorted(seen, key=int) == [str(n) for n in range(40)]
