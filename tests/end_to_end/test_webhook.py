"""What the webhook answers, and what becomes of bodies that are not understood."""

from uuid import uuid4

import httpx
import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually

LIMIT = 256 * 1024


async def test_an_event_is_queued_and_answered_with_its_operation(system: System) -> None:
    event = system.event(str(uuid4()))
    answer = await system.post(event)
    assert answer.status_code == 202
    assert answer.json() == {"status": "queued", "operation_id": event["OperationId"]}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"<RemoteExecutionContext/>", "application/json", 400, "xml"),
        (b"{not json", "application/json", 400, "not-json"),
        (b"[1, 2]", "application/json", 400, "not-a-context"),
        (b"\xff\xfe", "application/json", 400, "not-utf-8"),
        (b"{}", "text/plain", 415, "not-json"),
        (b"<RemoteExecutionContext/>", "application/xml", 415, "not-json"),
    ],
)
async def test_what_is_not_understood_is_refused_and_kept(
    system: System, body: bytes, content_type: str, status: int, reason: str
) -> None:
    correlation_id = str(uuid4())
    answer = await system.post(body, content_type, x_ms_correlation_request_id=correlation_id)
    assert answer.status_code == status
    assert answer.json()["status"] == "rejected"
    assert answer.json()["reason"] == reason
    assert "Traceback" not in answer.text
    if system.places.servicebus:
        kept = await _kept(system, correlation_id)
        assert kept == (body, reason)


async def test_a_body_on_the_queue_that_is_not_understood_is_kept(
    system: System, control: httpx.AsyncClient
) -> None:
    order = {"body": f"<xml id='{uuid4()}'/>", "content_type": "application/xml", "via": "queue"}
    (await control.post("/events", json=order)).raise_for_status()

    async def found() -> list[tuple[bytes, str]]:
        return [(body, reason) for _, body, reason in await _rejected(system)]

    wanted = (order["body"].encode(), "xml")
    await eventually(found, lambda rejected: wanted in rejected, "the body is kept")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(system: System) -> None:
    at_the_limit = await system.post(b" " * LIMIT)
    assert at_the_limit.status_code == 400
    over_it = await system.post(b" " * (LIMIT + 1))
    assert over_it.status_code == 413
    assert over_it.json() == {"status": "rejected", "reason": "too-large"}


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_nobody_gets_in_without_the_key(system: System, key: str) -> None:
    answer = await system.post(system.event(str(uuid4())), x_functions_key=key)
    assert answer.status_code == 401


async def test_health_tells_the_systems_only_to_those_who_have_the_key(system: System) -> None:
    answer = await system.app.get("/api/health")
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "build"}


async def _kept(system: System, correlation_id: str) -> tuple[bytes, str]:
    async def found() -> list[tuple[bytes, str]]:
        return [(body, reason) for key, body, reason in await _rejected(system) if key == correlation_id]

    return (await eventually(found, bool, "the body is kept"))[0]


async def _rejected(system: System) -> list[tuple[str | None, bytes, str]]:
    """Correlation id, body and reason of all that stands in rejected-events; nothing is taken out."""
    async with (
        ServiceBusClient.from_connection_string(system.places.servicebus) as client,
        client.get_queue_receiver("rejected-events") as receiver,
    ):
        messages = await receiver.peek_messages(max_message_count=250)
    return [(message.correlation_id, b"".join(message.body), _reason(message)) for message in messages]


def _reason(message: ServiceBusReceivedMessage) -> str:
    reason = (message.application_properties or {})[b"Reason"]
    assert isinstance(reason, bytes)
    return reason.decode()
