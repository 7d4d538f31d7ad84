"""Messages, queues and a clock for the unit tests of the broker."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from local.servicebus import encoder
from local.servicebus.config import QueueSettings
from local.servicebus.message import Message, parse_message
from local.servicebus.queue import Queue
from local.servicebus.stored import StoredMessage

NOW = 1_800_000_000.0


@dataclass
class FakeClock:
    """Time that passes when it is told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds


def payload(
    body: bytes = b"body",
    *,
    message_id: str | None = "id",
    session_id: str | None = None,
    ttl: float | None = None,
    at: float | None = None,
) -> bytes:
    """An encoded message as an SDK sends it."""
    sections: list[bytes] = []
    if ttl is not None:
        fields = [encoder.NULL, encoder.NULL, encoder.uint(int(ttl * 1000))]
        sections.append(encoder.described(0x70, encoder.list_of(fields)))
    if at is not None:
        entry = (encoder.symbol("x-opt-scheduled-enqueue-time"), encoder.timestamp(int(at * 1000)))
        sections.append(encoder.described(0x72, encoder.map_of([entry])))
    properties = [encoder.NULL] * 13
    properties[0] = encoder.string(message_id) if message_id is not None else encoder.NULL
    properties[10] = encoder.string(session_id) if session_id is not None else encoder.NULL
    sections.append(encoder.described(0x73, encoder.list_of(properties)))
    sections.append(encoder.described(0x75, encoder.binary(body)))
    return b"".join(sections)


def message(
    body: bytes = b"body",
    *,
    message_id: str | None = "id",
    session_id: str | None = None,
    ttl: float | None = None,
    at: float | None = None,
) -> Message:
    return parse_message(payload(body, message_id=message_id, session_id=session_id, ttl=ttl, at=at))


def queue_with(clock: FakeClock, **settings: Any) -> Queue:
    standard = QueueSettings("q", max_delivery_count=3, default_time_to_live=None)
    values = replace(standard, **settings)
    return Queue(values, clock, Queue(values.of_dead_letters(), clock))


def body_of(stored: StoredMessage | None) -> bytes | None:
    """The data of a message, without the five bytes before it."""
    return None if stored is None else stored.message.body[5:]


def token_of(stored: StoredMessage | None) -> UUID:
    assert stored is not None
    assert isinstance(stored.lock_token, UUID)
    return stored.lock_token
