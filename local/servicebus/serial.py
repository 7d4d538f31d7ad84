"""Serial numbers, with which AMQP counts frames and deliveries: 32 bits that wrap around (RFC 1982).

Limits (windows, credit) are no serial numbers: every value up to 4,294,967,295 is a number of its own.
Source of the rules: OASIS AMQP 1.0, part 2, sections 2.5.6 and 2.6.7.
"""

_ALL, _HALF = 0xFFFFFFFF, 0x80000000


def advanced(number: int, by: int = 1) -> int:
    return (number + by) & _ALL


def offset(start: int, number: int) -> int:
    """The place of a number in a range that begins with `start`."""
    return (number - start) & _ALL


def distance(start: int, end: int) -> int:
    """How far `end` is ahead of `start`; negative if it is behind."""
    return offset(start, end + _HALF) - _HALF


def remaining(limit: int, seen: int, sent: int) -> int:
    """What is left of a limit that the peer gave when it had seen less (`seen`) than is sent by now."""
    return max(0, limit - max(0, distance(seen, sent)))
