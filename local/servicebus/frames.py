"""AMQP frames: a stream of bytes in, whole frames out, and back.

Refuses (with `MalformedBytes`) frames below 8 bytes, above the agreed size, or with a data offset that
points outside; so what is buffered never exceeds one frame plus what the network delivers at once. Source
of the rules: OASIS AMQP 1.0, part 2, section 2.3.
"""

import struct
from typing import NamedTuple

from local.servicebus.errors import MalformedBytes

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
HEADER_LENGTH = 8
AMQP_FRAME, SASL_FRAME = 0, 1
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"

_prefix = struct.Struct(">IBBH")


class Frame(NamedTuple):
    kind: int  # AMQP_FRAME or SASL_FRAME
    channel: int
    body: bytes  # empty: a sign of life


class FrameReader:
    """Cuts a stream into frames of at most `largest` bytes."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take_header(self) -> bytes | None:
        """The next protocol header, or None while it has not come whole."""
        if len(self._buffer) < HEADER_LENGTH:
            return None
        header = bytes(self._buffer[:HEADER_LENGTH])
        del self._buffer[:HEADER_LENGTH]
        return header

    def take_frame(self) -> Frame | None:
        """The next frame, or None while it has not come whole."""
        if len(self._buffer) < HEADER_LENGTH:
            return None
        size, offset, kind, channel = _prefix.unpack_from(self._buffer)
        self._check(size, offset * 4)
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[offset * 4 : size])
        del self._buffer[:size]
        return Frame(kind, channel, body)

    def _check(self, size: int, offset: int) -> None:
        if size < HEADER_LENGTH or size > self._largest or not HEADER_LENGTH <= offset <= size:
            raise MalformedBytes(
                f"A frame must have 8 to {self._largest} bytes, and its data must lie inside.",
                "amqp:connection:framing-error",
            )


def encode_frame(channel: int, body: bytes, kind: int = AMQP_FRAME) -> bytes:
    return _prefix.pack(HEADER_LENGTH + len(body), 2, kind, channel) + body
