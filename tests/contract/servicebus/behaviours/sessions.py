"""Sessions: held by one receiver at a time, in order, with a state: both Python SDKs against the broker."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    OperationTimeoutError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.contract.servicebus.behaviours.messages import take
from tests.contract.servicebus.broker_process import SESSIONS, Broker
from tests.contract.servicebus.sdks import Sdk


async def send(sdk: Sdk, session_id: str, *texts: str) -> None:
    messages = [ServiceBusMessage(text, session_id=session_id) for text in texts]
    await (await sdk.sender(SESSIONS)).send_messages(messages)


async def complete_all(receiver: Any, count: int) -> list[str]:
    messages = await take(receiver, count)
    for message in messages:
        await receiver.complete_message(message)
    return [str(message) for message in messages]


async def next_available_sessions_are_different_ones_in_order(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "a0", "a1")
    await send(sdk, "b", "b0")
    await send(sdk, "a", "a2")
    async with sdk.next_session(SESSIONS) as first, sdk.next_session(SESSIONS) as second:
        assert (first.session.session_id, second.session.session_id) == ("a", "b")
        ends = first.session.locked_until_utc - datetime.now(UTC)
        assert timedelta(seconds=50) < ends <= timedelta(seconds=60)
        assert broker.counts(SESSIONS)["sessions_locked"] == 2
        assert await complete_all(first, 3) == ["a0", "a1", "a2"]
        assert await complete_all(second, 1) == ["b0"]
    await broker.until(SESSIONS, lambda c: c["sessions_locked"] == 0)


async def a_session_has_one_holder(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "x")
    async with sdk.new_receiver(SESSIONS, session_id="a"):
        with pytest.raises(SessionCannotBeLockedError):
            async with sdk.new_receiver(SESSIONS, session_id="a"):
                pass


async def waiting_for_a_session_ends_with_a_time_out(sdk: Sdk, broker: Broker) -> None:
    with pytest.raises(OperationTimeoutError):
        async with sdk.next_session(SESSIONS, wait=1):
            pass


async def a_waiting_receiver_gets_the_session_that_comes(sdk: Sdk, broker: Broker) -> None:
    async def wait() -> list[str]:
        async with sdk.next_session(SESSIONS) as receiver:
            return [receiver.session.session_id, *await complete_all(receiver, 1)]

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.3)  # so that it most likely waits already; the outcome does not depend on it
    await send(sdk, "late", "x")
    assert await waiting == ["late", "x"]
    await broker.until(SESSIONS, lambda c: c["sessions_locked"] == 0)


async def closing_frees_the_session_without_counting_deliveries(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "x", "y")
    async with sdk.next_session(SESSIONS) as receiver:
        await take(receiver, 2)
    await broker.until(SESSIONS, lambda c: c["sessions_locked"] == 0)
    async with sdk.next_session(SESSIONS) as receiver:
        messages = await take(receiver, 2)
        assert [(str(m), m.delivery_count) for m in messages] == [("x", 0), ("y", 0)]


async def a_session_whose_lock_ends_is_lost_and_its_deliveries_count(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "x", "y")
    async with sdk.next_session(SESSIONS) as receiver:
        x, _ = await take(receiver, 2)
        broker.expire_locks(SESSIONS)
        with pytest.raises(SessionLockLostError):
            await receiver.complete_message(x)
        with pytest.raises(SessionLockLostError):
            await receiver.session.renew_lock()
    async with sdk.next_session(SESSIONS) as receiver:
        messages = await take(receiver, 2)
        assert [(str(m), m.delivery_count) for m in messages] == [("x", 1), ("y", 1)]


async def renewal_prolongs_the_session(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "x")
    async with sdk.new_receiver(SESSIONS, session_id="a") as receiver:
        before = receiver.session.locked_until_utc
        (message,) = await take(receiver, 1)
        await asyncio.sleep(0.05)
        end = await receiver.session.renew_lock()
        assert end > before
        assert receiver.session.locked_until_utc == end
        await receiver.complete_message(message)


async def a_session_keeps_a_state(sdk: Sdk, broker: Broker) -> None:
    async with sdk.new_receiver(SESSIONS, session_id="stateful") as receiver:
        assert not await receiver.session.get_state()
        await receiver.session.set_state(b"\x00state")
        assert await receiver.session.get_state() == b"\x00state"
    async with sdk.new_receiver(SESSIONS, session_id="stateful") as receiver:
        assert await receiver.session.get_state() == b"\x00state"
        await receiver.session.set_state(None)
        assert not await receiver.session.get_state()


async def settling_works_in_sessions_too(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "abandon", "defer", "dead-letter", "complete")
    async with sdk.new_receiver(SESSIONS, session_id="a") as receiver:
        abandoned, deferred, dead, completed = await take(receiver, 4)
        await receiver.abandon_message(abandoned)
        await receiver.defer_message(deferred)
        await receiver.dead_letter_message(dead, reason="Bad")
        await receiver.complete_message(completed)
        (again,) = await take(receiver, 1)
        assert (str(again), again.delivery_count, again.session_id) == ("abandon", 1, "a")
        (late,) = await receiver.receive_deferred_messages(deferred.sequence_number)
        await receiver.complete_message(late)
        with pytest.raises(MessageNotFoundError):
            await receiver.receive_deferred_messages(deferred.sequence_number)
        await receiver.complete_message(again)
    async with sdk.new_receiver(SESSIONS, sub_queue="deadletter") as dead_letters:
        (dead,) = await take(dead_letters, 1)
        assert (str(dead), dead.session_id, dead.dead_letter_reason) == ("dead-letter", "a", "Bad")
        await dead_letters.complete_message(dead)
    counts = broker.counts(SESSIONS)
    assert (counts["active"], counts["locked"], counts["deferred"], counts["dead_letter"]) == (0, 0, 0, 0)


async def messages_of_a_session_can_be_scheduled(sdk: Sdk, broker: Broker) -> None:
    message = ServiceBusMessage("x", session_id="later")
    await (await sdk.sender(SESSIONS)).schedule_messages(message, datetime.now(UTC) + timedelta(seconds=0.5))
    async with sdk.next_session(SESSIONS) as receiver:
        assert receiver.session.session_id == "later"
        assert await complete_all(receiver, 1) == ["x"]


async def peeking_in_a_session_shows_only_its_messages(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "a", "a0")
    await send(sdk, "b", "b0")
    async with sdk.new_receiver(SESSIONS, session_id="b") as receiver:
        peeked = await receiver.peek_messages(max_message_count=5, sequence_number=1)
        assert [str(message) for message in peeked] == ["b0"]


async def sessions_with_messages_are_listed(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, "b", "x")
    await send(sdk, "a", "x")
    assert await sdk.list_sessions(SESSIONS) == ["a", "b"]
    broker.clear(SESSIONS)
    assert await sdk.list_sessions(SESSIONS) == []
