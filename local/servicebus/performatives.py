"""The performatives of AMQP 1.0 and of its SASL layer: frame bodies in, named tuples out, and back.

One class per performative, its fields in wire order; the annotation of a field says how it is read and
written. A field of kind `Raw` stays encoded (it is echoed, passed on, or read later by who needs it). A
body with a missing mandatory field, a field of the wrong type, or an unknown descriptor raises
`MalformedBytes`. Source of the rules: OASIS AMQP 1.0, part 2 (transport), sections 2.7 and 2.8, and part
5 (security).
"""

import struct
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin, get_type_hints

from local.servicebus import decoder, encoder, layout
from local.servicebus.errors import MalformedBytes
from local.servicebus.layout import Buffer

type Encoder = Callable[[Any], bytes]

Raw = Annotated[bytes, "raw"]
Boolean = Annotated[bool, encoder.boolean]
UByte = Annotated[int, encoder.ubyte]
UShort = Annotated[int, encoder.ushort]
UInt = Annotated[int, encoder.uint]
ULong = Annotated[int, encoder.ulong]
String = Annotated[str, encoder.string]
Symbol = Annotated[str, encoder.symbol]
Binary = Annotated[bytes, encoder.binary]

UINT_MAX = 0xFFFFFFFF


class SaslMechanisms(NamedTuple):
    mechanisms: Raw


class SaslInit(NamedTuple):
    mechanism: Symbol
    initial_response: Binary | None = None
    hostname: String | None = None


class SaslOutcome(NamedTuple):
    code: UByte


class Open(NamedTuple):
    container_id: String
    hostname: String | None = None
    max_frame_size: UInt | None = None
    channel_max: UShort | None = None
    idle_time_out: UInt | None = None  # milliseconds
    outgoing_locales: Raw | None = None
    incoming_locales: Raw | None = None
    offered_capabilities: Raw | None = None
    desired_capabilities: Raw | None = None
    properties: Raw | None = None


class Begin(NamedTuple):
    remote_channel: UShort | None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt
    handle_max: UInt | None = None
    offered_capabilities: Raw | None = None
    desired_capabilities: Raw | None = None
    properties: Raw | None = None


class Attach(NamedTuple):
    name: String
    handle: UInt
    role: Boolean  # True: the sender of this frame receives
    snd_settle_mode: UByte | None = None
    rcv_settle_mode: UByte | None = None
    source: Raw | None = None
    target: Raw | None = None
    unsettled: Raw | None = None
    incomplete_unsettled: Boolean | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: Raw | None = None
    desired_capabilities: Raw | None = None
    properties: Raw | None = None


class Flow(NamedTuple):
    next_incoming_id: UInt | None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: Boolean | None = None
    echo: Boolean | None = None
    properties: Raw | None = None


class Transfer(NamedTuple):
    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: Binary | None = None
    message_format: UInt | None = None
    settled: Boolean | None = None
    more: Boolean | None = None
    rcv_settle_mode: UByte | None = None
    state: Raw | None = None
    resume: Boolean | None = None
    aborted: Boolean | None = None
    batchable: Boolean | None = None


class Disposition(NamedTuple):
    role: Boolean  # True: sent by the receiver of the deliveries
    first: UInt
    last: UInt | None = None
    settled: Boolean | None = None
    state: Raw | None = None
    batchable: Boolean | None = None


class Detach(NamedTuple):
    handle: UInt
    closed: Boolean | None = None
    error: Raw | None = None


class End(NamedTuple):
    error: Raw | None = None


class Close(NamedTuple):
    error: Raw | None = None


type Performative = (
    SaslMechanisms | SaslInit | SaslOutcome | Open | Begin | Attach | Flow | Transfer | Disposition
    | Detach | End | Close
)  # fmt: skip

_CODES: dict[int, type[Any]] = {
    0x10: Open, 0x11: Begin, 0x12: Attach, 0x13: Flow, 0x14: Transfer, 0x15: Disposition, 0x16: Detach,
    0x17: End, 0x18: Close, 0x40: SaslMechanisms, 0x41: SaslInit, 0x44: SaslOutcome,
}  # fmt: skip


class _Field(NamedTuple):
    name: str
    kind: type
    encoder: Encoder | None  # None: raw
    mandatory: bool
    largest: int


def _fields(performative: type[Any]) -> tuple[_Field, ...]:
    fields: list[_Field] = []
    for name, hint in get_type_hints(performative, include_extras=True).items():
        optional = get_origin(hint) is not Annotated
        kind, written = get_args(get_args(hint)[0] if optional else hint)
        written_by = None if written == "raw" else written
        largest = 0xFF if written is encoder.ubyte else 0xFFFF if written is encoder.ushort else UINT_MAX
        largest = 0xFFFFFFFFFFFFFFFF if written is encoder.ulong else largest
        fields.append(_Field(name, kind, written_by, not optional, largest))
    return tuple(fields)


_FIELDS = {performative: _fields(performative) for performative in _CODES.values()}
_LEAST = {  # how many fields there must be
    performative: max((i for i, field in enumerate(fields, 1) if field.mandatory), default=0)
    for performative, fields in _FIELDS.items()
}
_PREFIXES = {performative: b"\x00" + encoder.ulong(code) for code, performative in _CODES.items()}


def decode_body(body: Buffer) -> tuple[Performative, int]:
    """The performative at the start of a frame body and the offset of the payload behind it."""
    code, at = decoder.descriptor(body)
    performative = _CODES.get(code)
    if performative is None:
        raise MalformedBytes(f"Unknown performative 0x{code:02x}.")
    at, end, count = layout.list_head(body, at)
    fields = _FIELDS[performative]
    if not _LEAST[performative] <= count <= len(fields):
        raise MalformedBytes(f"{performative.__name__} has too few or too many fields.")
    values: list[Any] = [None] * len(fields)
    for index in range(count):
        values[index], at = _read_field(fields[index], body, at)
    if at != end:
        raise MalformedBytes(f"{performative.__name__} does not end where it says.")
    return performative(*values), end


def _read_field(field: _Field, body: Buffer, at: int) -> tuple[Any, int]:
    if body[at : at + 1] == encoder.NULL:
        if field.mandatory:
            raise MalformedBytes(f"The field {field.name} must not be null.")
        return None, at + 1
    if field.encoder is None:
        end = layout.skip(body, at)
        return bytes(body[at:end]), end
    value, end = decoder.decode(body, at)
    if not isinstance(value, field.kind):
        raise MalformedBytes(f"The field {field.name} has the wrong type.")
    if field.kind is int and not 0 <= value <= field.largest:
        raise MalformedBytes(f"The field {field.name} is out of range.")
    return value, end


def encode(performative: Performative) -> bytes:
    """The frame body of a performative; null fields at the end are left out."""
    kind = type(performative)
    parts: list[bytes] = []
    length = 0
    for field, value in zip(_FIELDS[kind], performative, strict=True):
        if value is None:
            parts.append(encoder.NULL)
            continue
        parts.append(cast(bytes, value) if field.encoder is None else field.encoder(value))
        length = len(parts)
    return _PREFIXES[kind] + encoder.list_of(parts[:length])


# The two that make up nearly all the traffic are written by hand, byte for byte as `encode` would.

_pack_settled = struct.Struct(">4sBBcBI2s").pack


def encode_settled(delivery_id: int, state: bytes, *, receiver: bool) -> bytes:
    """A disposition that settles one delivery; `receiver`: in the role of the receiver of the delivery."""
    if len(state) > 200:
        return encode(Disposition(receiver, delivery_id, None, True, state))
    head = _pack_settled(
        b"\x00\x53\x15\xc0", len(state) + 9, 5, encoder.boolean(receiver), 0x70, delivery_id, b"\x40\x41"
    )
    return head + state


def encode_transfer(handle: int, delivery_id: int, tag: bytes, *, settled: bool, more: bool) -> bytes:
    """The first or only transfer of a delivery; `tag` is at most 32 bytes long."""
    parts = (encoder.uint(handle), encoder.uint(delivery_id), bytes((0xA0, len(tag))), tag)
    fields = b"".join((*parts, b"\x43", encoder.boolean(settled), encoder.boolean(more)))
    return b"\x00\x53\x14\xc0" + bytes((len(fields) + 1, 6)) + fields
