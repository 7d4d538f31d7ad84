"""AMQP 1.0 types, writing: one function per type, so that no value travels under a type that was guessed.

Each returns bytes; lists, maps and arrays are put together from parts that are encoded already.
Source of the rules: OASIS AMQP 1.0, part 1 (types).
"""

import struct
from collections.abc import Iterable
from uuid import UUID

NULL = b"\x40"
TRUE = b"\x41"
FALSE = b"\x42"
EMPTY_LIST = b"\x45"

_pack_byte_and_uint = struct.Struct(">BI").pack
_pack_byte_and_long = struct.Struct(">Bq").pack
_pack_compound = struct.Struct(">BII").pack


def boolean(value: bool) -> bytes:
    return TRUE if value else FALSE


def ubyte(value: int) -> bytes:
    return bytes((0x50, value))


def ushort(value: int) -> bytes:
    return struct.pack(">BH", 0x60, value)


def uint(value: int) -> bytes:
    if value < 256:
        return bytes((0x52, value)) if value else b"\x43"
    return _pack_byte_and_uint(0x70, value)


def int32(value: int) -> bytes:
    return struct.pack(">Bi", 0x71, value)


def ulong(value: int) -> bytes:
    return bytes((0x53, value)) if value < 256 else struct.pack(">BQ", 0x80, value)


def long(value: int) -> bytes:
    return _pack_byte_and_long(0x81, value)


def timestamp(milliseconds: int) -> bytes:
    return _pack_byte_and_long(0x83, milliseconds)


def guid(value: UUID) -> bytes:
    return b"\x98" + value.bytes


def string(value: str) -> bytes:
    return _sized(0xA1, value.encode())


def symbol(value: str) -> bytes:
    return _sized(0xA3, value.encode("ascii"))


def binary(value: bytes) -> bytes:
    return _sized(0xA0, value)


def _sized(short_code: int, data: bytes) -> bytes:
    if len(data) < 256:
        return bytes((short_code, len(data))) + data
    return _pack_byte_and_uint(short_code + 0x10, len(data)) + data


def list_of(items: Iterable[bytes]) -> bytes:
    """A list of already encoded items."""
    parts = list(items)
    body = b"".join(parts)
    if not parts:
        return EMPTY_LIST
    if len(body) < 255 and len(parts) < 256:
        return bytes((0xC0, len(body) + 1, len(parts))) + body
    return _pack_compound(0xD0, len(body) + 4, len(parts)) + body


def map_of(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A map of already encoded keys and values."""
    parts = [part for entry in entries for part in entry]
    body = b"".join(parts)
    if len(body) < 255 and len(parts) < 256:
        return bytes((0xC1, len(body) + 1, len(parts))) + body
    return _pack_compound(0xD1, len(body) + 4, len(parts)) + body


def described(code: int, value: bytes) -> bytes:
    """A described value with a numeric descriptor."""
    return b"\x00" + ulong(code) + value


def array_of(code: int, bodies: Iterable[bytes]) -> bytes:
    """An array; `code` is the type of its items, `bodies` the items without that type code."""
    parts = list(bodies)
    body = bytes((code,)) + b"".join(parts)
    return _pack_compound(0xF0, len(body) + 4, len(parts)) + body


def array_of_symbols(values: Iterable[str]) -> bytes:
    return array_of(0xA3, (bytes((len(value),)) + value.encode("ascii") for value in values))


def array_of_strings(values: Iterable[str]) -> bytes:
    texts = (value.encode() for value in values)
    return array_of(0xB1, (struct.pack(">I", len(text)) + text for text in texts))


def array_of_longs(values: Iterable[int]) -> bytes:
    return array_of(0x81, (struct.pack(">q", value) for value in values))


def array_of_timestamps(values: Iterable[int]) -> bytes:
    return array_of(0x83, (struct.pack(">q", value) for value in values))
