"""AMQP 1.0 types, reading: bytes in, plain Python values out.

Yields None, bool, int, float, str, bytes, UUID, list, dict and `Described`; symbols are str, timestamps
are int (milliseconds since 1970). Anything but well-formed bytes raises `MalformedBytes`; work and memory
are bounded by the length of the input.
Source of the rules: OASIS AMQP 1.0, part 1 (types).
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from local.servicebus.encoder import NULL
from local.servicebus.errors import MalformedBytes
from local.servicebus.layout import (
    ARRAYS,
    LISTS,
    MAPS,
    MAX_DEPTH,
    WIDTHS,
    Buffer,
    compound_extent,
    item_extents,
    variable_extent,
)


class Described(NamedTuple):
    """A described value; `code` is the numeric descriptor, or a str for a symbolic one."""

    code: Any
    value: Any


def _unpack(layout: str) -> Callable[[Buffer, int], Any]:
    unpack_from = struct.Struct(layout).unpack_from
    return lambda data, at: unpack_from(data, at)[0]


_unpack_character = _unpack(">I")
_READERS: dict[int, Callable[[Buffer, int], Any]] = {
    0x40: lambda _data, _at: None,
    0x41: lambda _data, _at: True,
    0x42: lambda _data, _at: False,
    0x43: lambda _data, _at: 0,
    0x44: lambda _data, _at: 0,
    0x45: lambda _data, _at: [],
    0x50: lambda data, at: data[at],
    0x51: _unpack(">b"),
    0x52: lambda data, at: data[at],
    0x53: lambda data, at: data[at],
    0x54: _unpack(">b"),
    0x55: _unpack(">b"),
    0x56: lambda data, at: bool(data[at]),
    0x60: _unpack(">H"),
    0x61: _unpack(">h"),
    0x70: _unpack(">I"),
    0x71: _unpack(">i"),
    0x72: _unpack(">f"),
    0x73: lambda data, at: chr(_unpack_character(data, at)),
    0x74: lambda data, at: bytes(data[at : at + 4]),
    0x80: _unpack(">Q"),
    0x81: _unpack(">q"),
    0x82: _unpack(">d"),
    0x83: _unpack(">q"),
    0x84: lambda data, at: bytes(data[at : at + 8]),
    0x94: lambda data, at: bytes(data[at : at + 16]),
    0x98: lambda data, at: UUID(bytes=bytes(data[at : at + 16])),
}
_FIXED = {code: (read, WIDTHS[code]) for code, read in _READERS.items()}

_VARIABLE: dict[int, Callable[[Buffer], Any]] = {
    0xA0: bytes,
    0xB0: bytes,
    0xA1: lambda data: str(data, "utf-8"),
    0xB1: lambda data: str(data, "utf-8"),
    0xA3: lambda data: str(data, "ascii"),
    0xB3: lambda data: str(data, "ascii"),
}

_MALFORMED = (IndexError, struct.error, ValueError, OverflowError, TypeError)


def decode(data: Buffer, at: int = 0) -> tuple[Any, int]:
    """The value at `at` and the offset behind it. Raises MalformedBytes."""
    try:
        return _decode(data, at, 0)
    except _MALFORMED as error:
        raise MalformedBytes(f"The bytes are no AMQP value: {error}") from error


def _decode(data: Buffer, at: int, depth: int) -> tuple[Any, int]:
    code = data[at]
    if code == 0:
        if depth >= MAX_DEPTH:
            raise MalformedBytes("Values are nested too deeply.")
        descriptor, at = _decode(data, at + 1, depth + 1)
        value, at = _decode(data, at, depth + 1)
        return Described(descriptor, value), at
    return _decode_body(code, data, at + 1, depth)


def _decode_body(code: int, data: Buffer, at: int, depth: int) -> tuple[Any, int]:
    fixed = _FIXED.get(code)
    if fixed is not None:
        read, width = fixed
        if at + width > len(data):
            raise MalformedBytes("A value ends before its bytes do.")
        return read(data, at), at + width
    variable = _VARIABLE.get(code)
    if variable is None:
        return _decode_compound(code, data, at, depth)
    start, end = variable_extent(code, data, at)
    return variable(data[start:end]), end


def _decode_compound(code: int, data: Buffer, at: int, depth: int) -> tuple[Any, int]:
    if code not in LISTS and code not in MAPS and code not in ARRAYS:
        raise MalformedBytes(f"Unknown type code 0x{code:02x}.")
    if depth >= MAX_DEPTH:
        raise MalformedBytes("Values are nested too deeply.")
    at, end, count = compound_extent(code, data, at)
    items: list[Any] = []
    if code in ARRAYS and at < end:  # an empty one may do without a type
        at = _decode_array(data, at, count, items, depth)
    else:
        for _ in range(count):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
    if at != end:
        raise MalformedBytes("A list, map or array does not end where it says.")
    if code in MAPS:
        return dict(zip(items[::2], items[1::2], strict=True)), end
    return items, end


def _decode_array(data: Buffer, at: int, count: int, items: list[Any], depth: int) -> int:
    code = data[at]
    at += 1
    if code == 0:  # a described array: the descriptor is written once, and of no interest here
        _, at = _decode(data, at, depth + 1)
        code = data[at]
        at += 1
    for _ in range(count):
        item, at = _decode_body(code, data, at, depth + 1)
        items.append(item)
    return at


def descriptor(data: Buffer, at: int = 0) -> tuple[int, int]:
    """The numeric descriptor of the described value at `at`, and the offset of the value itself."""
    if len(data) < at + 3 or data[at] != 0:
        raise MalformedBytes("A described value was expected.")
    if data[at + 1] == 0x53:
        return data[at + 2], at + 3
    code, at = decode(data, at + 1)
    if not isinstance(code, int):
        raise MalformedBytes("A numeric descriptor was expected.")
    return code, at


def map_entries(data: Buffer, at: int = 0) -> tuple[dict[Any, bytes], int]:
    """The map at `at`, its values still encoded so that none changes its type, and the offset behind it."""
    try:
        code = data[at]
        if code == NULL[0]:
            return {}, at + 1
        if code not in MAPS:
            raise MalformedBytes("A map was expected.")
        extents, end = item_extents(data, *compound_extent(code, data, at + 1))
        pairs = zip(extents[::2], extents[1::2], strict=True)
        return {_decode(data, key[0], 0)[0]: bytes(data[value[0] : value[1]]) for key, value in pairs}, end
    except _MALFORMED as error:
        raise MalformedBytes(f"The bytes are no AMQP map: {error}") from error
