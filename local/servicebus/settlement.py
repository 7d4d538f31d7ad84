"""How locks end: by what a receiver does with a message, and by the loss of a session."""

from enum import Enum
from typing import Any, NamedTuple


class Settlement(Enum):
    """What a receiver can do with a message that it has locked."""

    COMPLETE = "completed"
    ABANDON = "abandoned"
    DEFER = "defered"  # sic, on the wire
    DEAD_LETTER = "suspended"
    RELEASE = "released"  # given back unread: the delivery does not count


class LostSession(NamedTuple):
    """Tells that `owner` no longer holds the session."""

    owner: Any
    session_id: str
