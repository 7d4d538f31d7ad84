"""Messages in a queue, and the bytes of a delivery: the broker's header and annotations, then what was sent.

Source of the rules: OASIS AMQP 1.0, part 3, section 3.2;
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (annotations).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from local.servicebus import encoder
from local.servicebus.message import Message


class MessageState(IntEnum):
    """The values of x-opt-message-state."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


_SEQUENCE_NUMBER = encoder.symbol("x-opt-sequence-number")
_ENQUEUE_SEQUENCE_NUMBER = encoder.symbol("x-opt-enqueue-sequence-number")
_ENQUEUED_TIME = encoder.symbol("x-opt-enqueued-time")
_LOCKED_UNTIL = encoder.symbol("x-opt-locked-until")
_MESSAGE_STATE = encoder.symbol("x-opt-message-state")
_LOCK_TOKEN = encoder.symbol("x-opt-lock-token")
_DEAD_LETTER_SOURCE = encoder.symbol("x-opt-deadletter-source")
_HEADER_PREFIX = b"\x00\x53\x70\xc0"
_DELIVERY_ANNOTATIONS_PREFIX = b"\x00\x53\x71\xd1"
_ANNOTATIONS_PREFIX = b"\x00\x53\x72\xd1"
_STATES = {state: encoder.int32(state) for state in MessageState}


@dataclass(slots=True)
class StoredMessage:
    """A message in a queue, with all that changes about it. Times in seconds since 1970."""

    message: Message
    sequence_number: int
    enqueue_sequence_number: int
    enqueued_at: float
    expires_at: float | None
    state: MessageState = MessageState.ACTIVE
    delivery_count: int = 0
    lock_token: Any = None  # UUID while it is locked
    locked_until: float | None = None
    dead_letter_source: str | None = None


def encode_delivery(stored: StoredMessage, *, locked: bool = True) -> bytes:
    """The message as a receiver gets it: the broker's header and annotations, then the bytes of the sender.

    `locked=False`: for one who only looks, and does not get to know the lock of somebody else.
    """
    message = stored.message
    header = message.header + encoder.uint(stored.delivery_count)
    stamps = [
        message.annotations,
        _SEQUENCE_NUMBER,
        encoder.long(stored.sequence_number),
        _ENQUEUE_SEQUENCE_NUMBER,
        encoder.long(stored.enqueue_sequence_number),
        _ENQUEUED_TIME,
        encoder.timestamp(int(stored.enqueued_at * 1000)),
        _MESSAGE_STATE,
        _STATES[stored.state],
    ]
    count = message.annotation_count + 8
    if locked and stored.locked_until is not None:
        stamps += (_LOCKED_UNTIL, encoder.timestamp(int(stored.locked_until * 1000)))
        count += 2
    if stored.dead_letter_source is not None:
        stamps += (_DEAD_LETTER_SOURCE, encoder.string(stored.dead_letter_source))
        count += 2
    annotations = b"".join(stamps)
    return b"".join(
        (
            _HEADER_PREFIX,
            bytes((len(header) + 1, 5)),
            header,
            _encode_delivery_annotations(message, stored.lock_token if locked else None),
            _ANNOTATIONS_PREFIX,
            (len(annotations) + 4).to_bytes(4),
            count.to_bytes(4),
            annotations,
            message.properties,
            message.application_properties,
            message.body,
        )
    )


def _encode_delivery_annotations(message: Message, lock_token: UUID | None) -> bytes:
    """The section, or nothing."""
    entries, count = message.delivery_annotations, message.delivery_annotation_count
    if lock_token is not None:
        entries, count = entries + _LOCK_TOKEN + encoder.guid(lock_token), count + 2
    if not count:
        return b""
    return _DELIVERY_ANNOTATIONS_PREFIX + (len(entries) + 4).to_bytes(4) + count.to_bytes(4) + entries
