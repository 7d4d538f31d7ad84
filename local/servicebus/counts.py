"""What a queue has done and what is in it, in numbers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What has happened to a queue since it was made."""

    accepted: int = 0  # all sends, the dropped duplicates counted in; of dead letters: what was moved in
    duplicates_dropped: int = 0
    delivered: int = 0
    completed: int = 0  # received and deleted counted in
    dead_lettered: int = 0
    expired: int = 0  # removed without being dead-lettered


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What is in a queue now. Every message is in exactly one of active, locked, deferred and scheduled."""

    active: int  # can be received
    locked: int
    deferred: int
    scheduled: int
    oldest_enqueued_at: float | None  # of the active and locked ones, seconds since 1970
    sessions_locked: int
