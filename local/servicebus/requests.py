"""Requests and answers of $cbs and $management: AMQP messages that name an operation in a property.

In: the encoded request. Out: the `Request`, and the encoded answer, correlated with it. Anything that is
no such request is refused, and with it only its delivery. Source of the rules:
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response.
"""

from dataclasses import dataclass
from typing import Any

from local.servicebus import codec
from local.servicebus.errors import BrokerFault, MalformedBytes

_PROPERTIES, _APPLICATION_PROPERTIES, _VALUE = 0x73, 0x74, 0x77


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `message_id` and `body` are still encoded."""

    operation: str
    message_id: bytes
    properties: dict[str, Any]
    body: bytes

    def fields(self) -> dict[str, bytes]:
        """The body as a map with encoded values."""
        entries, _ = codec.map_entries(self.body)
        return {str(key): value for key, value in entries.items()}


def read_request(payload: bytes) -> Request:
    """Raises BrokerFault (or MalformedBytes) for what is no request."""
    message_id, properties, body, at = codec.NULL, {}, codec.NULL, 0
    while at < len(payload):
        code, start = codec.decode(payload, at + 1)
        at = codec.skip(payload, start)
        if code == _PROPERTIES:
            extents, _ = codec.list_items(payload, start)
            message_id = payload[slice(*extents[0])] if extents else message_id
        elif code == _APPLICATION_PROPERTIES:
            properties, _ = codec.decode(payload, start)
        elif code == _VALUE:
            body = payload[start:at]
    operation = properties.get("operation") if isinstance(properties, dict) else None
    operation = operation.decode("utf-8", "replace") if isinstance(operation, bytes) else operation
    if not isinstance(operation, str):
        raise MalformedBytes(
            "A request must name its operation in the application properties.", "amqp:not-allowed"
        )
    return Request(operation, message_id, properties, body)


def encode_answer(request: Request, status: int, text: str, body: bytes = codec.NULL) -> bytes:
    """An answer. Both spellings of the status are given: $cbs reads one, $management the other."""
    return _encode(request, _status(status, text), body)


def encode_refusal(request: Request, fault: BrokerFault) -> bytes:
    """An answer that says what is wrong."""
    condition = (codec.string("errorCondition"), codec.symbol(fault.condition))
    return _encode(request, [*_status(fault.status, fault.description), condition], codec.NULL)


def _status(status: int, text: str) -> list[tuple[bytes, bytes]]:
    return [
        (codec.string("statusCode"), codec.int32(status)),
        (codec.string("statusDescription"), codec.string(text)),
        (codec.string("status-code"), codec.int32(status)),
        (codec.string("status-description"), codec.string(text)),
    ]


def _encode(request: Request, properties: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    correlated = codec.list_of([codec.NULL] * 5 + [request.message_id])
    return b"".join(
        (
            codec.described(_PROPERTIES, correlated),
            codec.described(_APPLICATION_PROPERTIES, codec.map_of(properties)),
            codec.described(_VALUE, body),
        )
    )
