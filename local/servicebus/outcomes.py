"""Delivery states on the wire: what a receiver decided about a message, and what the broker answers.

Source of the rules: OASIS AMQP 1.0, part 3, section 3.4; the dead-letter condition and its info map:
learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide.
"""

from dataclasses import dataclass, field

from local.servicebus import decoder, encoder, layout
from local.servicebus.errors import BrokerFault, MalformedBytes
from local.servicebus.settlement import Settlement

_RECEIVED, _ACCEPTED, _REJECTED, _RELEASED, _MODIFIED = 0x23, 0x24, 0x25, 0x26, 0x27
_ERROR = 0x1D

ACCEPTED = encoder.described(_ACCEPTED, encoder.EMPTY_LIST)
REJECTED = encoder.described(_REJECTED, encoder.EMPTY_LIST)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A receiver's decision, the properties that it sets (encoded values), and the state to answer."""

    settlement: Settlement
    answer: bytes
    properties: dict[str, bytes] = field(default_factory=dict[str, bytes])


_COMPLETE = Outcome(Settlement.COMPLETE, ACCEPTED)


def read_outcome(state: bytes | None) -> Outcome | None:
    """The decision that a delivery state carries; None if it carries none yet. Raises MalformedBytes."""
    if state is None:
        return None
    if state == ACCEPTED:
        return _COMPLETE
    code, at = decoder.decode(state, 1)
    match code:
        case 0x24:
            return _COMPLETE
        case 0x25:
            return Outcome(Settlement.DEAD_LETTER, REJECTED, _rejection_info(state, at))
        case 0x26:
            return Outcome(Settlement.RELEASE, state)
        case 0x27:
            return _modified(state, at)
        case 0x23:
            return None
    raise MalformedBytes("Unknown delivery state; transactions are not supported.", "amqp:not-implemented")


def _modified(state: bytes, at: int) -> Outcome:
    extents, _ = layout.list_items(state, at)
    undeliverable = decoder.decode(state, extents[1][0])[0] if len(extents) > 1 else None
    entries, _ = decoder.map_entries(state, extents[2][0]) if len(extents) > 2 else ({}, 0)
    # The JavaScript SDK abandons without saying that the delivery failed; it counts all the same.
    return Outcome(Settlement.DEFER if undeliverable else Settlement.ABANDON, state, _text_keys(entries))


def _rejection_info(state: bytes, at: int) -> dict[str, bytes]:
    extents, _ = layout.list_items(state, at)
    if not extents or state[extents[0][0]] == encoder.NULL[0]:
        return {}
    _, error_at = decoder.decode(state, extents[0][0] + 1)
    error, _ = layout.list_items(state, error_at)
    if len(error) < 3:
        return {}
    entries, _ = decoder.map_entries(state, error[2][0])
    return _text_keys(entries)


def _text_keys(entries: dict[object, bytes]) -> dict[str, bytes]:
    """Null values say nothing (a dead letter without a description sends one)."""
    return {key: value for key, value in entries.items() if isinstance(key, str) and value != encoder.NULL}


def error(fault: BrokerFault | MalformedBytes) -> bytes:
    """An AMQP error, as links, sessions, connections and rejections carry it."""
    # The null at the end may be left out, but the Python SDK reads all three fields without looking.
    fields = (encoder.symbol(fault.condition), encoder.string(fault.description), encoder.NULL)
    return encoder.described(_ERROR, encoder.list_of(fields))


def rejected(fault: BrokerFault) -> bytes:
    """The state that tells that an operation failed."""
    return encoder.described(_REJECTED, encoder.list_of([error(fault)]))
