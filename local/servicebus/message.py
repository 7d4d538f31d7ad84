"""Messages as their senders sent them, split into their sections.

In: the encoded message of a transfer (or the envelope of a batch). Out: a `Message` whose body stays the
bytes that came. Refuses bytes that are no AMQP message with a `BrokerFault`, so that only this delivery fails
and not its connection. Source of the rules: OASIS AMQP 1.0, part 3, section 3.2;
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (annotations).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from local.servicebus import decoder, encoder, layout
from local.servicebus.errors import BrokerFault, MalformedBytes

BATCH_FORMAT = 0x80013700

_HEADER, _DELIVERY_ANNOTATIONS, _ANNOTATIONS = 0x70, 0x71, 0x72
_PROPERTIES, _APPLICATION_PROPERTIES, _DATA, _FOOTER = 0x73, 0x74, 0x75, 0x78

_SCHEDULED_KEY = "x-opt-scheduled-enqueue-time"
# What the broker says about a message; a sender's own values are dropped.
_BROKER_KEYS = frozenset(
    {
        "x-opt-sequence-number",
        "x-opt-enqueue-sequence-number",
        "x-opt-enqueued-time",
        "x-opt-locked-until",
        "x-opt-message-state",
        "x-opt-deadletter-source",
        "x-opt-lock-token",
    }
)
_LATEST = 253_402_300_799.0  # the last second of the year 9999
_TTL_UNBOUNDED = 0xFFFFFFFF  # milliseconds; longer ones are told by the two times in the properties


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its sender sent it. Times in seconds; everything of type bytes is still encoded."""

    message_id: Any
    session_id: str | None
    time_to_live: float | None
    scheduled_at: float | None
    header: bytes  # its first four fields: durable, priority, ttl, first-acquirer
    annotations: bytes  # keys and values, without those of the broker
    annotation_count: int  # keys plus values
    delivery_annotations: bytes  # likewise; the service hands those of the sender on
    delivery_annotation_count: int
    properties: bytes  # the section
    application_properties: bytes  # the section, or nothing
    body: bytes  # the body's sections and the footer


def parse_batch(payload: bytes) -> list[Message]:
    """The messages of a batch: an envelope with one data section for each."""
    try:
        parts = [
            decoder.decode(payload, start)[0] for code, start, _, _ in _sections(payload) if code == _DATA
        ]
        if not parts or not all(isinstance(part, bytes) for part in parts):
            raise MalformedBytes("A batch must hold one data section for each message.")
        return [_parse_message(part) for part in parts]
    except MalformedBytes as malformed:
        raise BrokerFault(malformed.condition, malformed.description) from malformed


def parse_message(payload: bytes) -> Message:
    """Read what the broker needs and keep the rest as it came."""
    try:
        return _parse_message(payload)
    except MalformedBytes as malformed:
        raise BrokerFault(malformed.condition, malformed.description) from malformed


def _parse_message(payload: bytes) -> Message:
    header, properties, application = _NO_HEADER, b"", b""
    annotations, delivery_annotations = dict[Any, bytes](), dict[Any, bytes]()
    ttl: int | None = None
    known = _Properties(None, None, None, None)
    body: list[bytes] = []
    for code, start, end, begin in _sections(payload):
        if code >= _DATA:
            body.append(payload[begin:end])
        elif code == _PROPERTIES:
            known = _read_properties(payload, start)
            properties = payload[begin:end]
        elif code == _APPLICATION_PROPERTIES:
            application = payload[begin:end]
        elif code == _ANNOTATIONS:
            annotations, _ = decoder.map_entries(payload, start)
        elif code == _DELIVERY_ANNOTATIONS:
            delivery_annotations, _ = decoder.map_entries(payload, start)
        elif code == _HEADER:
            header, ttl = _read_header(payload, start)
    message_id = known.message_id
    if message_id is None or message_id == "":
        message_id, properties = _with_new_id(properties)
    scheduled = decoder.decode(annotations[_SCHEDULED_KEY])[0] if _SCHEDULED_KEY in annotations else None
    kept, kept_delivery = _of_sender(annotations), _of_sender(delivery_annotations)
    return Message(
        message_id=message_id,
        session_id=known.group_id if isinstance(known.group_id, str) else None,
        time_to_live=_time_to_live(ttl, known),
        scheduled_at=min(scheduled / 1000, _LATEST) if isinstance(scheduled, int) else None,
        header=header,
        annotations=b"".join(kept),
        annotation_count=2 * len(kept),
        delivery_annotations=b"".join(kept_delivery),
        delivery_annotation_count=2 * len(kept_delivery),
        properties=properties,
        application_properties=application,
        body=b"".join(body),
    )


def _sections(payload: bytes) -> list[tuple[int, int, int, int]]:
    """For each section: its code, where its value starts, where it ends, where it begins."""
    at, length, found = 0, len(payload), []
    while at < length:
        code, start = decoder.descriptor(payload, at)
        if not _HEADER <= code <= _FOOTER:
            raise MalformedBytes(f"Unknown message section {code}.")
        end = layout.skip(payload, start)
        found.append((code, start, end, at))
        at = end
    return found


class _Properties(NamedTuple):
    """The properties that the broker reads, decoded."""

    message_id: Any
    expiry: Any
    creation: Any
    group_id: Any


_KNOWN_PROPERTIES = (0, 8, 9, 10)


def _read_properties(payload: bytes, start: int) -> _Properties:
    extents, _ = layout.list_items(payload, start)
    values = [
        decoder.decode(payload, extents[index][0])[0] if index < len(extents) else None
        for index in _KNOWN_PROPERTIES
    ]
    if not isinstance(values[0], str | int | bytes | UUID | None):
        raise MalformedBytes("A message id must be a string, a number, bytes or a UUID.")
    return _Properties(*values)


_NO_HEADER = encoder.NULL * 4
_LARGEST_HEADER_FIELD = 9  # a long with its type code


def _read_header(payload: bytes, start: int) -> tuple[bytes, int | None]:
    extents, _ = layout.list_items(payload, start)
    fields = [payload[begin:end] for begin, end in extents[:4]]
    if any(len(field) > _LARGEST_HEADER_FIELD for field in fields):
        raise MalformedBytes("The header of a message must hold booleans and numbers only.")
    ttl = decoder.decode(fields[2])[0] if len(fields) > 2 else None
    return b"".join(fields) + encoder.NULL * (4 - len(fields)), ttl if isinstance(ttl, int) else None


def _time_to_live(header_ttl: int | None, known: _Properties) -> float | None:
    """Seconds. The header can say 49 days at most; beyond, creation and expiry times tell."""
    expiry, creation = known.expiry, known.creation
    if header_ttl is None or header_ttl < _TTL_UNBOUNDED:
        return None if header_ttl is None else header_ttl / 1000
    if isinstance(expiry, int) and isinstance(creation, int) and expiry > creation:
        return (expiry - creation) / 1000
    return header_ttl / 1000


def _of_sender(annotations: dict[Any, bytes]) -> list[bytes]:
    """The annotations, encoded, without those that only the broker may set."""
    return [
        encoder.symbol(key) + value
        for key, value in annotations.items()
        if isinstance(key, str) and key.isascii() and key not in _BROKER_KEYS
    ]


def _with_new_id(properties: bytes) -> tuple[str, bytes]:
    """A message without an id gets one: the JavaScript SDK cannot settle a message that has none."""
    new_id = uuid4().hex
    parts: list[bytes] = []
    if properties:
        _, at = decoder.decode(properties, 1)
        parts = [properties[start:end] for start, end in layout.list_items(properties, at)[0]]
    return new_id, encoder.described(_PROPERTIES, encoder.list_of([encoder.string(new_id), *parts[1:]]))


def with_application_properties(message: Message, added: Mapping[str, bytes]) -> Message:
    """The message with these application properties (encoded values) added or replaced."""
    entries: dict[Any, bytes] = {}
    if message.application_properties:
        _, at = decoder.decode(message.application_properties, 1)
        entries, _ = decoder.map_entries(message.application_properties, at)
    entries |= added
    body = encoder.map_of((encoder.string(str(key)), value) for key, value in entries.items())
    return replace(message, application_properties=encoder.described(_APPLICATION_PROPERTIES, body))
