"""What people see of the queues: how much they hold, and the messages that ended outside the pipeline."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class QueueDepth(NamedTuple):
    """One queue. `oldest_at` is None where there is nothing, or where it cannot be known."""

    name: str
    active: int
    scheduled: int
    dead_letters: int
    oldest_at: datetime | None


class Bin(StrEnum):
    """Where messages lie that ended outside the pipeline."""

    EVENT_DEAD_LETTERS = "dataverse-events/dead-letters"
    CHANGE_DEAD_LETTERS = "account-changes/dead-letters"
    REJECTED = "rejected-events"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One such message: its sequence number in the bin, why it is there, and its body."""

    sequence_number: int
    enqueued_at: datetime | None
    reason: str
    description: str
    body: bytes
    truncated: bool = False
