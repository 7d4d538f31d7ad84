"""What people see of the queues: their counts, and messages that were dead-lettered or rejected."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

CHANGES = "account-changes"  # where changes wait for their check


class QueueDepth(NamedTuple):
    """The counts of one queue. `oldest_at` is None if the queue is empty or the time cannot be known.

    `locked`: how many of the active messages are in work now; None if the broker does not tell it (in Azure).
    """

    name: str
    active: int
    scheduled: int
    dead_letters: int
    oldest_at: datetime | None
    locked: int | None = None


class Bin(StrEnum):
    """The queues of messages that were dead-lettered or rejected."""

    EVENT_DEAD_LETTERS = "dataverse-events/dead-letters"
    CHANGE_DEAD_LETTERS = "account-changes/dead-letters"
    PAGE_DEAD_LETTERS = "load-pages/dead-letters"
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
