"""Events to a Service Bus queue through the unmodified SDK, with the local broker at the other end."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from local.dynamics.simulator import Options
from tests.contract.dynamics.simulator_stand import TOKEN, WebhookReceiver, start, wait_until

QUEUE = "dataverse-events"
CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims/"


@pytest.fixture(scope="module")
async def connection() -> AsyncIterator[str]:
    """The connection string of a broker that runs for all tests here; each of them empties the queue."""
    command = [sys.executable, "-m", "local.servicebus", "--config", "local/servicebus/Config.json"]
    process = await asyncio.create_subprocess_exec(
        *command, "--port", "0", "--control-port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    yield ready["connection_string"]
    process.terminate()
    await process.wait()


async def receive(connection: str, number: int) -> list[ServiceBusReceivedMessage]:
    found: list[ServiceBusReceivedMessage] = []
    async with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver(QUEUE) as receiver,
    ):
        while len(found) < number:
            batch = await receiver.receive_messages(number - len(found), max_wait_time=5)
            assert batch, f"only {len(found)} of {number} messages came"
            for message in batch:
                await receiver.complete_message(message)
            found += batch
    return found


def body_of(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    return json.loads(b"".join(message.body))


def claims_of(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    properties = message.application_properties or {}
    return {_text(name).removeprefix(CLAIMS): _text(value) for name, value in properties.items()}


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


async def test_an_event_has_its_claims_and_a_message_id_of_its_own(connection: str) -> None:
    stand = await start(Options(token=TOKEN, servicebus=connection))
    try:
        await stand.dataverse.post("accounts", json={"name": "Grüße €"})
        (message,) = await receive(connection, 1)
    finally:
        await stand.close()
    assert message.content_type == "application/json"
    assert re.fullmatch(r"[0-9a-f]{32}", message.message_id or "")
    assert message.session_id is None
    claims = claims_of(message)
    assert (claims["EntityLogicalName"], claims["RequestName"]) == ("account", "Create")
    assert claims["Organization"] == stand.addresses["dataverse"]
    assert claims["User"] == claims["InitiatingUser"] == body_of(message)["UserId"]
    assert "MessageMaxSizeExceeded" not in claims
    assert "Grüße €".encode() in b"".join(message.body)


async def test_a_lost_acknowledgement_sends_the_same_operation_twice(connection: str) -> None:
    stand = await start(Options(token=TOKEN, servicebus=connection))
    try:
        await stand.settings(retry_first_seconds=0.01)
        await stand.fault(system="events", kind="drop-after-commit", count=1)
        await stand.dataverse.post("accounts", json={"name": "A"})
        first, second = await receive(connection, 2)
        (event,) = (await stand.control.get("/events")).json()["events"]
    finally:
        await stand.close()
    assert body_of(first) == body_of(second)
    assert first.message_id != second.message_id
    assert (event["tries"], event["operation_id"]) == (2, body_of(first)["OperationId"])


async def test_stripping_for_the_queue_is_marked_by_a_claim(connection: str) -> None:
    stand = await start(Options(token=TOKEN, servicebus=connection))
    try:
        order = {"account_id": "11111111-1111-1111-1111-111111111111", "stripped": True}
        await stand.control.post("/events", json=order)
        (message,) = await receive(connection, 1)
    finally:
        await stand.close()
    assert "MessageMaxSizeExceeded" in claims_of(message)
    assert body_of(message)["PrimaryEntityId"] == order["account_id"]
    assert "InputParameters" not in body_of(message)


async def test_workers_that_post_at_the_same_time_post_each_event_once(connection: str) -> None:
    stand = await start(Options(token=TOKEN, servicebus=connection))
    try:
        await stand.settings(workers=16)
        for number in range(60):
            await stand.dataverse.post("accounts", json={"name": f"{number}"})
        await wait_until(lambda: stand.simulator.jobs.pending() == 0)
        events = (await stand.control.get("/events")).json()["events"]
        messages = await receive(connection, 60)
        async with (
            ServiceBusClient.from_connection_string(connection) as client,
            client.get_queue_receiver(QUEUE) as receiver,
        ):
            assert await receiver.peek_messages(1) == []
    finally:
        await stand.close()
    assert {event["tries"] for event in events} == {1}
    assert len({body_of(message)["OperationId"] for message in messages}) == 60


async def test_both_kinds_take_turns_when_both_are_there(connection: str, receiver: WebhookReceiver) -> None:
    stand = await start(Options(token=TOKEN, servicebus=connection, webhook=receiver.url, webhook_key="k"))
    try:
        for number in range(4):
            await stand.dataverse.post("accounts", json={"name": f"{number}"})
        await wait_until(lambda: stand.simulator.jobs.pending() == 0)
        events = (await stand.control.get("/events")).json()["events"]
        await stand.settings(via="registered")
        await stand.dataverse.post("accounts", json={"name": "both"})
        await wait_until(lambda: stand.simulator.jobs.pending() == 0)
        messages = await receive(connection, 3)
    finally:
        await stand.close()
    assert [event["via"] for event in events] == ["queue", "webhook", "queue", "webhook"]
    assert len(messages) == len(receiver.requests) == 3


async def test_an_event_waits_while_the_bus_is_away() -> None:
    """No bus listens at the address: the save goes through, the job waits and tries again."""
    stand = await start(Options(token=TOKEN, servicebus=nowhere()))
    jobs, rows = stand.simulator.jobs, stand.simulator.store.rows("asyncoperation")
    try:
        await stand.settings(retry_first_seconds=0.01, retry_cap_seconds=0.2)
        assert (await stand.dataverse.post("accounts", json={"name": "A"})).status_code == 204
        await wait_until(lambda: jobs.records[0].tries >= 2 and jobs.records[0].state == "waiting")
        (row,) = rows.values()
    finally:
        await stand.close()
    assert (row.get("statuscode"), row.id) == (10, jobs.records[0].operation_id)
    assert row.get("friendlymessage")


def nowhere() -> str:
    """The connection string of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys = "SharedAccessKeyName=k;SharedAccessKey=v;UseDevelopmentEmulator=true;"
    return f"Endpoint=sb://127.0.0.1:{port};{keys}"
