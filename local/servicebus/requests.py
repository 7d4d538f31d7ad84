"""Requests and answers of $cbs and $management: AMQP messages that name an operation in a property.

In: the encoded request. Out: the `Request`, and the encoded answer, correlated with it. Anything that is
no such request is refused, and with it only its delivery. Source of the rules:
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response.
"""

from dataclasses import dataclass
from typing import Any

from local.servicebus import decoder, encoder, layout
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
        entries, _ = decoder.map_entries(self.body)
        return {str(key): value for key, value in entries.items()}


def read_request(payload: bytes) -> Request:
    """Raises BrokerFault (or MalformedBytes) for what is no request."""
    message_id, properties, body, at = encoder.NULL, {}, encoder.NULL, 0
    while at < len(payload):
        code, start = decoder.decode(payload, at + 1)
        at = layout.skip(payload, start)
        if code == _PROPERTIES:
            extents, _ = layout.list_items(payload, start)
            message_id = payload[slice(*extents[0])] if extents else message_id
        elif code == _APPLICATION_PROPERTIES:
            properties, _ = decoder.decode(payload, start)
        elif code == _VALUE:
            body = payload[start:at]
    operation = properties.get("operation") if isinstance(properties, dict) else None
    operation = operation.decode("utf-8", "replace") if isinstance(operation, bytes) else operation
    if not isinstance(operation, str):
        raise MalformedBytes(
            "A request must name its operation in the application properties.", "amqp:not-allowed"
        )
    return Request(operation, message_id, properties, body)


def encode_answer(request: Request, status: int, text: str, body: bytes = encoder.NULL) -> bytes:
    """An answer. Both spellings of the status are given: $cbs reads one, $management the other."""
    return _encode(request, _status(status, text), body)


def encode_refusal(request: Request, fault: BrokerFault) -> bytes:
    """An answer that says what is wrong."""
    condition = (encoder.string("errorCondition"), encoder.symbol(fault.condition))
    return _encode(request, [*_status(fault.status, fault.description), condition], encoder.NULL)


def _status(status: int, text: str) -> list[tuple[bytes, bytes]]:
    return [
        (encoder.string("statusCode"), encoder.int32(status)),
        (encoder.string("statusDescription"), encoder.string(text)),
        (encoder.string("status-code"), encoder.int32(status)),
        (encoder.string("status-description"), encoder.string(text)),
    ]


def _encode(request: Request, properties: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    correlated = encoder.list_of([encoder.NULL] * 5 + [request.message_id])
    return b"".join(
        (
            encoder.described(_PROPERTIES, correlated),
            encoder.described(_APPLICATION_PROPERTIES, encoder.map_of(properties)),
            encoder.described(_VALUE, body),
        )
    )
