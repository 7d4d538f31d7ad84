"""AMQP 1.0 types, reading: bytes in, plain Python values out, or where in the bytes they are.

Yields None, bool, int, float, str, bytes, UUID, list, dict and `Described`; symbols are str, timestamps
are int (milliseconds since 1970). Anything but well-formed bytes raises `MalformedBytes`; work and memory
are bounded by the length of the input.
Source of the rules: OASIS AMQP 1.0, part 1 (types).
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from local.servicebus.encoder import EMPTY_LIST, NULL
from local.servicebus.errors import MalformedBytes

type Buffer = bytes | bytearray | memoryview

MAX_DEPTH = 24


class Described(NamedTuple):
    """A described value; `code` is the numeric descriptor, or a str for a symbolic one."""

    code: Any
    value: Any


def _unpack(layout: str, convert: Callable[[Any], Any] | None = None) -> tuple[Callable[..., Any], int]:
    reader = struct.Struct(layout)
    if convert is None:
        return (lambda data, at: reader.unpack_from(data, at)[0]), reader.size
    return (lambda data, at: convert(reader.unpack_from(data, at)[0])), reader.size


_FIXED: dict[int, tuple[Callable[[Buffer, int], Any], int]] = {
    0x40: (lambda _data, _at: None, 0),
    0x41: (lambda _data, _at: True, 0),
    0x42: (lambda _data, _at: False, 0),
    0x43: (lambda _data, _at: 0, 0),
    0x44: (lambda _data, _at: 0, 0),
    0x45: (lambda _data, _at: [], 0),
    0x50: (lambda data, at: data[at], 1),
    0x51: _unpack(">b"),
    0x52: (lambda data, at: data[at], 1),
    0x53: (lambda data, at: data[at], 1),
    0x54: _unpack(">b"),
    0x55: _unpack(">b"),
    0x56: (lambda data, at: bool(data[at]), 1),
    0x60: _unpack(">H"),
    0x61: _unpack(">h"),
    0x70: _unpack(">I"),
    0x71: _unpack(">i"),
    0x72: _unpack(">f"),
    0x73: _unpack(">I", chr),
    0x74: (lambda data, at: bytes(data[at : at + 4]), 4),
    0x80: _unpack(">Q"),
    0x81: _unpack(">q"),
    0x82: _unpack(">d"),
    0x83: _unpack(">q"),
    0x84: (lambda data, at: bytes(data[at : at + 8]), 8),
    0x94: (lambda data, at: bytes(data[at : at + 16]), 16),
    0x98: (lambda data, at: UUID(bytes=bytes(data[at : at + 16])), 16),
}

_VARIABLE: dict[int, Callable[[Buffer], Any]] = {
    0xA0: bytes,
    0xB0: bytes,
    0xA1: lambda data: str(data, "utf-8"),
    0xB1: lambda data: str(data, "utf-8"),
    0xA3: lambda data: str(data, "ascii"),
    0xB3: lambda data: str(data, "ascii"),
}

_LISTS, _MAPS, _ARRAYS = (0xC0, 0xD0), (0xC1, 0xD1), (0xE0, 0xF0)
_FOUR_BYTE_COUNT = 0xD0
_ARRAY8 = 0xE0
_ONE_NULL = b"\x01\x01\x40"  # size, count and type of an array of one null, its size one too small
_length = struct.Struct(">I").unpack_from
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
    start, end = _variable_extent(code, data, at)
    return variable(data[start:end]), end


def _variable_extent(code: int, data: Buffer, at: int) -> tuple[int, int]:
    start, size = (at + 1, data[at]) if code < 0xB0 else (at + 4, _length(data, at)[0])
    end = start + size
    if end > len(data):
        raise MalformedBytes("A value is longer than its frame.")
    return start, end


def _short_end(code: int, data: Buffer, at: int) -> int:
    """The end of a value whose size is one byte, at `at`."""
    end = at + 1 + data[at]
    # The Python SDK writes an array of one null one byte longer than it says.
    return end + 1 if code == _ARRAY8 and data[at : at + 3] == _ONE_NULL else end


def _compound_extent(code: int, data: Buffer, at: int) -> tuple[int, int, int]:
    """Offset of the first item, end, and number of items of a list, map or array."""
    if code >= _FOUR_BYTE_COUNT and code != _ARRAY8:
        start, end, count = at + 8, at + 4 + _length(data, at)[0], _length(data, at + 4)[0]
    else:
        start, end, count = at + 2, _short_end(code, data, at), data[at + 1]
    # An item takes a byte or more, so a larger count is a lie (or an array of nothings, which nobody needs).
    if end > len(data) or count > end - start:
        raise MalformedBytes("A list, map or array is longer than its frame.")
    return start, end, count


def _decode_compound(code: int, data: Buffer, at: int, depth: int) -> tuple[Any, int]:
    if code not in _LISTS and code not in _MAPS and code not in _ARRAYS:
        raise MalformedBytes(f"Unknown type code 0x{code:02x}.")
    if depth >= MAX_DEPTH:
        raise MalformedBytes("Values are nested too deeply.")
    at, end, count = _compound_extent(code, data, at)
    items: list[Any] = []
    if code in _ARRAYS and at < end:  # an empty one may do without a type
        at = _decode_array(data, at, count, items, depth)
    else:
        for _ in range(count):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
    if at != end:
        raise MalformedBytes("A list, map or array does not end where it says.")
    if code in _MAPS:
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


def skip(data: Buffer, at: int = 0) -> int:
    """The offset behind the value at `at`, without reading it. Raises MalformedBytes."""
    try:
        for _ in range(MAX_DEPTH):
            code = data[at]
            if code != 0:
                return _skip_body(code, data, at + 1)
            at = _skip_body(data[at + 1], data, at + 2)
    except (IndexError, struct.error) as error:
        raise MalformedBytes(f"The bytes are no AMQP value: {error}") from error
    raise MalformedBytes("Values are nested too deeply.")


def _skip_body(code: int, data: Buffer, at: int) -> int:
    fixed = _FIXED.get(code)
    if fixed is not None:
        end = at + fixed[1]
    elif code >> 4 in (0xA, 0xC, 0xE):
        end = _short_end(code, data, at)
    elif code >> 4 in (0xB, 0xD, 0xF):
        end = at + 4 + _length(data, at)[0]
    else:
        raise MalformedBytes(f"Unknown type code 0x{code:02x}.")
    if end > len(data):
        raise MalformedBytes("A value is longer than its frame.")
    return end


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


def list_head(data: Buffer, at: int) -> tuple[int, int, int]:
    """Of the list at `at`: the offset of its first item, the offset behind the list, and its length."""
    try:
        code = data[at]
        if code == EMPTY_LIST[0]:
            return at + 1, at + 1, 0
        if code not in _LISTS:
            raise MalformedBytes("A list was expected.")
        return _compound_extent(code, data, at + 1)
    except (IndexError, struct.error) as error:
        raise MalformedBytes(f"The bytes are no AMQP list: {error}") from error


def list_items(data: Buffer, at: int = 0) -> tuple[list[tuple[int, int]], int]:
    """The extents (start, end) of the encoded items of the list at `at`, and the offset behind the list."""
    return _extents(data, *list_head(data, at))


def map_entries(data: Buffer, at: int = 0) -> tuple[dict[Any, bytes], int]:
    """The map at `at`, its values still encoded so that none changes its type, and the offset behind it."""
    try:
        code = data[at]
        if code == NULL[0]:
            return {}, at + 1
        if code not in _MAPS:
            raise MalformedBytes("A map was expected.")
        extents, end = _extents(data, *_compound_extent(code, data, at + 1))
        pairs = zip(extents[::2], extents[1::2], strict=True)
        return {_decode(data, key[0], 0)[0]: bytes(data[value[0] : value[1]]) for key, value in pairs}, end
    except _MALFORMED as error:
        raise MalformedBytes(f"The bytes are no AMQP map: {error}") from error


def _extents(data: Buffer, at: int, end: int, count: int) -> tuple[list[tuple[int, int]], int]:
    extents: list[tuple[int, int]] = []
    for _ in range(count):
        # Most fields are null; they need no closer look.
        behind = at + 1 if data[at : at + 1] == NULL else skip(data, at)
        extents.append((at, behind))
        at = behind
    if at != end:
        raise MalformedBytes("A list or map does not end where it says.")
    return extents, end
