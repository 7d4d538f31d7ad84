"""How fast the local Service Bus is, and whether it loses, doubles or hoards messages.

`python3 dev.py bench broker` starts a broker and measures, through the Azure SDK, messages per second of each
way to send and receive. `--against CONNECTION_STRING` measures another broker (with a queue `bench`) in turn
with it and prints the ratio. `--soak 100000` sends so many messages through, twice, checks that each came
exactly once, and compares the broker's memory after both.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.aio import ServiceBusClient as AsyncClient
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender

QUEUE = "bench"
BODY = b"x" * 1000
CONFIG = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "sbemulatorns",
                "Queues": [{"Name": QUEUE, "Properties": {"LockDuration": "PT5M", "MaxDeliveryCount": 10}}],
                "Topics": [],
            }
        ],
        "Logging": {"Type": "Console"},
    }
}
BATCH = 100
BACKLOG = 5000  # messages of the soak in the queue at a time: memory must not depend on who is faster


# --- the broker --------------------------------------------------------------------------------


@contextlib.contextmanager
def broker() -> Iterator[tuple[str, int]]:
    """A broker of its own process: its connection string and process id."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
        json.dump(CONFIG, config)
        config.flush()
        command = [sys.executable, "-m", "local.servicebus", "--config", config.name, "--port", "0"]
        with subprocess.Popen(
            [*command, "--exit-with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())["connection_string"], process.pid
            finally:
                process.terminate()


def memory_of(pid: int) -> float:
    """Resident memory of a process in MB (Linux; elsewhere 0)."""
    status = Path(f"/proc/{pid}/statm")
    return int(status.read_text().split()[1]) * 4096 / 1e6 if status.exists() else 0.0


# --- cases --------------------------------------------------------------------------------


def sync_send(connection_string: str, count: int) -> float:
    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_sender(QUEUE) as sender,
    ):
        started = time.perf_counter()
        for _ in range(count):
            sender.send_messages(ServiceBusMessage(BODY))
        return count / (time.perf_counter() - started)


def sync_send_batches(connection_string: str, count: int) -> float:
    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_sender(QUEUE) as sender,
    ):
        started = time.perf_counter()
        for _ in range(count // BATCH):
            sender.send_messages([ServiceBusMessage(BODY) for _ in range(BATCH)])
        return count / (time.perf_counter() - started)


def sync_receive(connection_string: str, count: int, prefetch: int, page: int) -> float:
    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(QUEUE, prefetch_count=prefetch) as receiver,
    ):
        done, started = 0, time.perf_counter()
        while done < count:
            for message in receiver.receive_messages(min(page, count - done), 10):
                receiver.complete_message(message)
                done += 1
        return count / (time.perf_counter() - started)


async def with_sender(connection_string: str, run: Callable[[ServiceBusSender], Awaitable[None]]) -> float:
    async with (
        AsyncClient.from_connection_string(connection_string) as client,
        client.get_queue_sender(QUEUE) as sender,
    ):
        started = time.perf_counter()
        await run(sender)
        return time.perf_counter() - started


async def async_send(connection_string: str, count: int) -> float:
    async def run(sender: ServiceBusSender) -> None:
        for _ in range(count):
            await sender.send_messages(ServiceBusMessage(BODY))

    return count / await with_sender(connection_string, run)


async def async_send_batches(connection_string: str, count: int) -> float:
    async def run(sender: ServiceBusSender) -> None:
        for _ in range(count // BATCH):
            await sender.send_messages([ServiceBusMessage(BODY) for _ in range(BATCH)])

    return count / await with_sender(connection_string, run)


async def async_receive(connection_string: str, count: int, prefetch: int, page: int) -> float:
    async with (
        AsyncClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(QUEUE, prefetch_count=prefetch) as receiver,
    ):
        done, started = 0, time.perf_counter()
        while done < count:
            for message in await receiver.receive_messages(min(page, count - done), 10):
                await receiver.complete_message(message)
                done += 1
        return count / (time.perf_counter() - started)


async def async_receive_and_delete(connection_string: str, count: int) -> float:
    async with (
        AsyncClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(
            QUEUE, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, prefetch_count=100
        ) as receiver,
    ):
        done, started = 0, time.perf_counter()
        while done < count:
            done += len(await receiver.receive_messages(min(100, count - done), 10))
        return count / (time.perf_counter() - started)


type Case = Callable[[str, int], float]

# In this order sends and receives balance: each receive finds what the send before it left.
CASES: dict[str, Case] = {
    "sync send one by one": sync_send,
    "sync receive+complete, prefetch 0, 1 a call": lambda c, n: sync_receive(c, n, 0, 1),
    "sync send, batches of 100": sync_send_batches,
    "sync receive+complete, prefetch 0, 100 a call": lambda c, n: sync_receive(c, n, 0, 100),
    "async send one by one": lambda c, n: asyncio.run(async_send(c, n)),
    "sync receive+complete, prefetch 100": lambda c, n: sync_receive(c, n, 100, 100),
    "async send, batches of 100": lambda c, n: asyncio.run(async_send_batches(c, n)),
    "async receive+complete, prefetch 0, 1 a call": lambda c, n: asyncio.run(async_receive(c, n, 0, 1)),
    "(send) ": sync_send_batches,
    "async receive+complete, prefetch 0, 100 a call": lambda c, n: asyncio.run(async_receive(c, n, 0, 100)),
    "(send)": sync_send_batches,
    "async receive+complete, prefetch 100": lambda c, n: asyncio.run(async_receive(c, n, 100, 100)),
    "(send)  ": sync_send_batches,
    "async receive and delete, prefetch 100": lambda c, n: asyncio.run(async_receive_and_delete(c, n)),
}


def measure(ours: str, other: str | None, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Messages per second of each case, the best of some rounds; both brokers in turn."""
    targets = {"rate": ours} | ({"other": other} if other else {})
    best: dict[str, dict[str, float]] = {case: dict.fromkeys(targets, 0.0) for case in CASES}
    for _ in range(rounds):
        for case, run in CASES.items():
            for target, connection_string in targets.items():
                best[case][target] = max(best[case][target], run(connection_string, count))
    return {case: rates for case, rates in best.items() if not case.startswith("(")}


# --- the soak --------------------------------------------------------------------------------


async def soak(connection_string: str, count: int) -> Counter[str]:
    """Send so many messages while two receivers take them. How often each came."""
    seen: Counter[str] = Counter()

    async def send(client: AsyncClient) -> None:
        async with client.get_queue_sender(QUEUE) as sender:
            for start in range(0, count, BATCH):
                while start - sum(seen.values()) > BACKLOG:  # noqa: ASYNC110 - two receivers count, and need not know of it
                    await asyncio.sleep(0.01)
                numbers = range(start, min(start + BATCH, count))
                await sender.send_messages([ServiceBusMessage(BODY, message_id=str(n)) for n in numbers])

    async def take(receiver: ServiceBusReceiver) -> None:
        while sum(seen.values()) < count:
            for message in await receiver.receive_messages(BATCH, 2):
                seen[str(message.message_id)] += 1
                await receiver.complete_message(message)

    async with (
        AsyncClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(QUEUE, prefetch_count=BATCH) as first,
        client.get_queue_receiver(QUEUE, prefetch_count=BATCH) as second,
    ):
        await asyncio.gather(send(client), take(first), take(second))
    return seen


def run_soak(connection_string: str, pid: int, count: int) -> dict[str, float]:
    """Lost and doubled messages in two rounds; the broker's memory in MB after each, its queue empty again.

    The first round leaves the allocator's pools as large as the greatest backlog; growth after it is a leak.
    """
    started = time.perf_counter()
    rounds: list[Counter[str]] = []
    memory: list[float] = []
    for _ in range(2):
        rounds.append(asyncio.run(soak(connection_string, count)))
        memory.append(memory_of(pid))
    seconds = time.perf_counter() - started
    return {
        "messages": 2 * count,
        "lost": sum(count - len(seen) for seen in rounds),
        "doubled": sum(times - 1 for seen in rounds for times in seen.values()),
        "memory_after_first_mb": round(memory[0], 1),
        "memory_after_second_mb": round(memory[1], 1),
        "seconds": round(seconds, 1),
    }
