"""AMQP 1.0 types, measuring: where in the bytes encoded values start and end, without reading them.

Anything but well-formed bytes raises `MalformedBytes`. Source of the rules: OASIS AMQP 1.0, part 1 (types).
"""

import struct

from local.servicebus.encoder import EMPTY_LIST, NULL
from local.servicebus.errors import MalformedBytes

type Buffer = bytes | bytearray | memoryview

MAX_DEPTH = 24
# The values of fixed width: how many bytes follow the type code.
WIDTHS: dict[int, int] = {
    **dict.fromkeys(range(0x40, 0x46), 0),
    **dict.fromkeys(range(0x50, 0x57), 1),
    **dict.fromkeys(range(0x60, 0x62), 2),
    **dict.fromkeys(range(0x70, 0x75), 4),
    **dict.fromkeys(range(0x80, 0x85), 8),
    **dict.fromkeys((0x94, 0x98), 16),
}
LISTS, MAPS, ARRAYS = (0xC0, 0xD0), (0xC1, 0xD1), (0xE0, 0xF0)
_FOUR_BYTE_COUNT = 0xD0
_ARRAY8 = 0xE0
_ONE_NULL = b"\x01\x01\x40"  # size, count and type of an array of one null, its size one too small
_length = struct.Struct(">I").unpack_from


def variable_extent(code: int, data: Buffer, at: int) -> tuple[int, int]:
    """Start and end of the bytes of a string, symbol or binary whose size stands at `at`."""
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


def compound_extent(code: int, data: Buffer, at: int) -> tuple[int, int, int]:
    """Offset of the first item, end, and number of items of a list, map or array."""
    if code >= _FOUR_BYTE_COUNT and code != _ARRAY8:
        start, end, count = at + 8, at + 4 + _length(data, at)[0], _length(data, at + 4)[0]
    else:
        start, end, count = at + 2, _short_end(code, data, at), data[at + 1]
    # An item takes a byte or more, so a larger count is a lie (or an array of nothings, which nobody needs).
    if end > len(data) or count > end - start:
        raise MalformedBytes("A list, map or array is longer than its frame.")
    return start, end, count


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
    width = WIDTHS.get(code)
    if width is not None:
        end = at + width
    elif code >> 4 in (0xA, 0xC, 0xE):
        end = _short_end(code, data, at)
    elif code >> 4 in (0xB, 0xD, 0xF):
        end = at + 4 + _length(data, at)[0]
    else:
        raise MalformedBytes(f"Unknown type code 0x{code:02x}.")
    if end > len(data):
        raise MalformedBytes("A value is longer than its frame.")
    return end


def list_head(data: Buffer, at: int) -> tuple[int, int, int]:
    """Of the list at `at`: the offset of its first item, the offset behind the list, and its length."""
    try:
        code = data[at]
        if code == EMPTY_LIST[0]:
            return at + 1, at + 1, 0
        if code not in LISTS:
            raise MalformedBytes("A list was expected.")
        return compound_extent(code, data, at + 1)
    except (IndexError, struct.error) as error:
        raise MalformedBytes(f"The bytes are no AMQP list: {error}") from error


def list_items(data: Buffer, at: int = 0) -> tuple[list[tuple[int, int]], int]:
    """The extents (start, end) of the encoded items of the list at `at`, and the offset behind the list."""
    return item_extents(data, *list_head(data, at))


def item_extents(data: Buffer, at: int, end: int, count: int) -> tuple[list[tuple[int, int]], int]:
    """The extents of so many items from `at` on, and `end`, where they must end."""
    extents: list[tuple[int, int]] = []
    for _ in range(count):
        # Most fields are null; they need no closer look.
        behind = at + 1 if data[at : at + 1] == NULL else skip(data, at)
        extents.append((at, behind))
        at = behind
    if at != end:
        raise MalformedBytes("A list or map does not end where it says.")
    return extents, end
