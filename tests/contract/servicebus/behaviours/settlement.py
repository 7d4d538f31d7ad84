"""What a receiver does with a message that it holds: both Python SDKs against the broker."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import MessageLockLostError, MessageNotFoundError, ServiceBusError

from tests.contract.servicebus.behaviours.messages import take
from tests.contract.servicebus.broker_process import (
    BRIEF,
    DUPLICATES,
    EXPIRING,
    PLAIN,
    SHORT_LOCKS,
    Broker,
)
from tests.contract.servicebus.sdks import Sdk


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def an_abandoned_message_comes_again_before_later_ones(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages([ServiceBusMessage("first"), ServiceBusMessage("second")])
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    await receiver.abandon_message(message)
    again, second = await take(receiver, 2)
    assert (str(again), again.delivery_count, str(second), second.delivery_count) == ("first", 1, "second", 0)


async def too_many_deliveries_lead_to_the_dead_letters(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(
        ServiceBusMessage("poison", message_id="p", application_properties={"kept": 1})
    )
    receiver, dead_letters = await sdk.receiver(PLAIN), await sdk.dead_letters(PLAIN)
    for delivery in range(3):
        (message,) = await take(receiver, 1)
        assert message.delivery_count == delivery
        await receiver.abandon_message(message)
    (dead,) = await take(dead_letters, 1)
    assert (str(dead), dead.message_id, dead.application_properties[b"kept"]) == ("poison", "p", 1)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert "3 delivery attempts" in dead.dead_letter_error_description
    assert dead.dead_letter_source == broker.name_of(PLAIN)
    await dead_letters.complete_message(dead)
    assert broker.counts(PLAIN)["dead_letter"] == 0


async def a_dead_lettered_message_tells_why(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
    receiver, dead_letters = await sdk.receiver(PLAIN), await sdk.dead_letters(PLAIN)
    told, untold = await take(receiver, 2)
    await receiver.dead_letter_message(told, reason="Bad", error_description="very bad")
    await receiver.dead_letter_message(untold)
    peeked = await dead_letters.peek_messages(max_message_count=5, sequence_number=1)
    assert [str(message) for message in peeked] == ["a", "b"]
    first, second = await take(dead_letters, 2)
    assert (first.dead_letter_reason, first.dead_letter_error_description) == ("Bad", "very bad")
    assert (second.dead_letter_reason, second.dead_letter_error_description) == (None, None)
    await dead_letters.abandon_message(first)
    (again,) = await take(dead_letters, 1)
    assert (str(again), again.delivery_count) == ("a", 1)
    with pytest.raises(ServiceBusError, match="dead-lettered again"):
        await dead_letters.dead_letter_message(again)


async def a_deferred_message_is_only_found_by_its_number(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages([ServiceBusMessage("later"), ServiceBusMessage("now")])
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    await receiver.defer_message(message)
    (now,) = await take(receiver, 1)
    assert str(now) == "now"
    (deferred,) = await receiver.receive_deferred_messages(message.sequence_number)
    assert (str(deferred), deferred.delivery_count, deferred.state.value) == ("later", 1, 1)
    with pytest.raises(MessageNotFoundError):  # it is out
        await receiver.receive_deferred_messages([message.sequence_number])
    await receiver.abandon_message(deferred)
    (deferred,) = await receiver.receive_deferred_messages([message.sequence_number])
    assert deferred.delivery_count == 2
    await receiver.renew_message_lock(deferred)
    await receiver.complete_message(deferred)
    with pytest.raises(MessageNotFoundError):
        await receiver.receive_deferred_messages([message.sequence_number])


async def a_deferred_message_can_be_dead_lettered(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage("later"))
    receiver, dead_letters = await sdk.receiver(PLAIN), await sdk.dead_letters(PLAIN)
    (message,) = await take(receiver, 1)
    await receiver.defer_message(message)
    (deferred,) = await receiver.receive_deferred_messages(message.sequence_number)
    await receiver.dead_letter_message(deferred, reason="Bad", error_description="late")
    (dead,) = await take(dead_letters, 1)
    assert (str(dead), dead.dead_letter_reason, dead.state.value) == ("later", "Bad", 0)


async def the_message_itself_names_its_lock_token(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage("x"))
    receiver = await sdk.receiver(PLAIN)
    (peeked,) = await receiver.peek_messages(sequence_number=1)
    assert not peeked.raw_amqp_message.delivery_annotations
    (message,) = await take(receiver, 1)
    assert message.raw_amqp_message.delivery_annotations == {b"x-opt-lock-token": message.lock_token}
    await receiver.defer_message(message)
    (deferred,) = await receiver.receive_deferred_messages(message.sequence_number)
    token = deferred.lock_token
    deferred._received_lock_token = None  # a client that does not read the token beside the message
    assert deferred.lock_token == token
    await receiver.complete_message(deferred)
    assert broker.counts(PLAIN)["completed"] > 0


async def a_null_for_a_lock_token_is_refused_and_the_receiver_goes_on(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage("x"))
    receiver = await sdk.receiver(PLAIN)
    (message,) = await take(receiver, 1)
    with pytest.raises(ServiceBusError, match="null is no lock token"):
        await receiver._settle_message_via_mgmt_link("completed", [None])
    assert broker.counts(PLAIN)["locked"] == 1
    await receiver._settle_message_via_mgmt_link("completed", [message.lock_token])
    assert broker.counts(PLAIN)["locked"] == 0


async def a_lock_that_ends_gives_the_message_to_the_next(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).send_messages(ServiceBusMessage("x"))
    receiver = await sdk.receiver(PLAIN)
    (late,) = await take(receiver, 1)
    broker.expire_locks(PLAIN)
    with pytest.raises(MessageLockLostError):
        await receiver.renew_message_lock(late)
    (again,) = await take(receiver, 1)
    assert again.delivery_count == 1
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(late)
    await receiver.complete_message(again)


async def locks_end_by_themselves_and_renewal_prevents_it(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(SHORT_LOCKS), await sdk.receiver(SHORT_LOCKS)
    await sender.send_messages([ServiceBusMessage("kept"), ServiceBusMessage("lost")])
    kept, lost = await take(receiver, 2)
    end = await receiver.renew_message_lock(kept)
    assert end >= kept.locked_until_utc
    async with sdk.renewer(20) as renewer:
        renewer.register(sdk.unwrapped(receiver), kept)
        await broker.until(SHORT_LOCKS, lambda c: c["locked"] == 1)  # three seconds: the lock of `lost`
        assert datetime.now(UTC) >= lost.locked_until_utc - timedelta(seconds=0.1)
        await broker.until(SHORT_LOCKS, lambda _: datetime.now(UTC) > end)
        await receiver.complete_message(kept)
    assert broker.counts(SHORT_LOCKS)["locked"] == 0


async def a_scheduled_message_comes_when_it_is_due(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(PLAIN), await sdk.receiver(PLAIN)
    due = in_seconds(2)  # both are sent before, also on a busy machine
    (number,) = await sender.schedule_messages(ServiceBusMessage("by operation"), due)
    await sender.send_messages(ServiceBusMessage("by property", scheduled_enqueue_time_utc=due))
    assert broker.counts(PLAIN)["scheduled"] == 2
    messages = await take(receiver, 2)
    assert datetime.now(UTC) >= due
    assert {str(message) for message in messages} == {"by operation", "by property"}
    for message in messages:
        assert message.enqueued_time_utc >= due - timedelta(milliseconds=50)
        assert message.sequence_number > number  # the number while it waited is not the one it gets
        await receiver.complete_message(message)


async def a_scheduled_message_can_be_cancelled_once(sdk: Sdk, broker: Broker) -> None:
    sender = await sdk.sender(PLAIN)
    numbers = await sender.schedule_messages(
        [ServiceBusMessage("a"), ServiceBusMessage("b")], in_seconds(300)
    )
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages([numbers[0], 999_999])
    assert broker.counts(PLAIN)["scheduled"] == 2  # all or none
    await sender.cancel_scheduled_messages(numbers)
    assert broker.counts(PLAIN)["scheduled"] == 0
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages(numbers[0])


async def a_time_in_the_past_means_now(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(PLAIN)).schedule_messages(ServiceBusMessage("x"), in_seconds(-10))
    await take(await sdk.receiver(PLAIN), 1)


async def repeated_ids_are_dropped_even_after_completion(sdk: Sdk, broker: Broker) -> None:
    sender, receiver = await sdk.sender(DUPLICATES), await sdk.receiver(DUPLICATES)
    before = broker.counts(DUPLICATES)
    name = f"{sdk.is_async}"
    await sender.send_messages(
        [ServiceBusMessage("1", message_id=name), ServiceBusMessage("2", message_id=name)]
    )
    await receiver.complete_message((await take(receiver, 1))[0])
    await sender.send_messages(ServiceBusMessage("3", message_id=name))
    await sender.schedule_messages(ServiceBusMessage("4", message_id=name), in_seconds(0.1))
    await sender.schedule_messages(ServiceBusMessage("5", message_id=f"{name} scheduled"), in_seconds(300))
    await sender.send_messages(ServiceBusMessage("6", message_id=f"{name} scheduled"))
    after = broker.counts(DUPLICATES)
    assert after["accepted"] - before["accepted"] == 6
    assert after["duplicates_dropped"] - before["duplicates_dropped"] == 4
    assert (after["active"], after["scheduled"]) == (0, 1)


async def expired_messages_go_to_the_dead_letters_if_the_queue_says_so(sdk: Sdk, broker: Broker) -> None:
    await (await sdk.sender(EXPIRING)).send_messages(
        [ServiceBusMessage("old", time_to_live=timedelta(seconds=0.3)), ServiceBusMessage("young")]
    )
    await broker.until(EXPIRING, lambda c: c["dead_letter"] == 1)
    assert broker.counts(EXPIRING)["active"] == 1
    async with sdk.new_receiver(EXPIRING, sub_queue="deadletter") as dead_letters:
        (dead,) = await take(dead_letters, 1)
        assert (str(dead), dead.dead_letter_reason) == ("old", "TTLExpiredException")
        await dead_letters.complete_message(dead)


async def expired_messages_vanish_otherwise(sdk: Sdk, broker: Broker) -> None:
    expired = broker.counts(BRIEF)["expired"]
    await (await sdk.sender(BRIEF)).send_messages(
        [
            ServiceBusMessage("by the queue"),
            ServiceBusMessage("longer than allowed", time_to_live=timedelta(hours=1)),
        ]
    )
    counts = await broker.until(BRIEF, lambda c: c["active"] == 0)
    assert (counts["expired"] - expired, counts["dead_letter"]) == (2, 0)
