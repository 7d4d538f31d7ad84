"""Connections that are lost, in every state, and many clients at once."""

import asyncio
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from tests.contract.servicebus.behaviours.messages import take
from tests.contract.servicebus.broker_process import PLAIN, SESSIONS, SHARED, Broker
from tests.contract.servicebus.sdks import Sdk


async def send(sdk: Sdk, queue: str, *new: ServiceBusMessage) -> None:
    async with sdk.new_sender(queue) as sender:
        await sender.send_messages(list(new))


async def a_sender_that_tries_again_outlives_its_connection(sdk: Sdk, broker: Broker) -> None:
    async with sdk.new_sender(PLAIN, patient=True) as sender:
        await sender.send_messages(ServiceBusMessage("before"))
        broker.disconnect(PLAIN)
        await sender.send_messages(ServiceBusMessage("after"))
    assert broker.counts(PLAIN)["active"] == 2


async def locks_outlive_the_connection_and_hold_for_the_next(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, PLAIN, ServiceBusMessage("x"))
    async with sdk.new_receiver(PLAIN, patient=True) as receiver:
        (message,) = await take(receiver, 1)
        broker.disconnect(PLAIN)
        assert broker.counts(PLAIN)["locked"] == 1
        await receiver.complete_message(message)  # on a new connection, by its lock token
    assert broker.counts(PLAIN)["locked"] == 0


async def a_receiver_that_tries_again_outlives_its_connection(sdk: Sdk, broker: Broker) -> None:
    async with (
        sdk.new_receiver(PLAIN, patient=True) as receiver,
        sdk.new_sender(PLAIN, patient=True) as sender,
    ):
        broker.disconnect(PLAIN)
        await sender.send_messages(ServiceBusMessage("x"))
        await receiver.complete_message((await take(receiver, 1))[0])


async def a_lost_connection_frees_its_session(sdk: Sdk, broker: Broker) -> None:
    await send(sdk, SESSIONS, *(ServiceBusMessage(text, session_id="s") for text in ("1", "2")))
    async with sdk.next_session(SESSIONS) as receiver:
        (message,) = await take(receiver, 1)
        broker.disconnect(SESSIONS)
        with pytest.raises(ServiceBusError):
            await receiver.complete_message(message)
    await broker.until(SESSIONS, lambda c: c["sessions_locked"] == 0)
    async with sdk.next_session(SESSIONS) as receiver:
        assert [(str(m), m.delivery_count) for m in await take(receiver, 2)] == [("1", 0), ("2", 0)]


async def a_lost_waiting_receiver_takes_no_session(sdk: Sdk, broker: Broker) -> None:
    async def wait() -> None:
        async with sdk.next_session(SESSIONS, wait=5):
            pass

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(1.0)  # so that it most likely waits already; lost earlier, it takes no session either
    broker.disconnect(SESSIONS)
    with pytest.raises(ServiceBusError):
        await waiting
    await send(sdk, SESSIONS, ServiceBusMessage("x", session_id="s"))
    async with sdk.next_session(SESSIONS) as receiver:
        assert receiver.session.session_id == "s"
        await receiver.complete_message((await take(receiver, 1))[0])


async def many_clients_share_the_work(sdk: Sdk, broker: Broker) -> None:
    count, seen = 300, list[str]()

    async def work(receiver: Any) -> None:
        async with receiver:
            while len(seen) < count:
                for message in await receiver.receive_messages(max_message_count=10, max_wait_time=0.5):
                    seen.append(str(message))
                    await receiver.complete_message(message)

    async def send_some(start: int) -> None:
        async with sdk.new_sender(SHARED) as sender:
            await sender.send_messages([ServiceBusMessage(str(n)) for n in range(start, start + 50)])

    workers = [work(sdk.new_receiver(SHARED, prefetch_count=prefetch)) for prefetch in (0, 5, 20) * 2]
    await asyncio.gather(*workers, *(send_some(start) for start in range(0, count, 50)))
    assert sorted(seen, key=int) == [str(n) for n in range(count)]
    assert broker.counts(SHARED)["locked"] == 0
