"""What a queue has done and what is in it, in numbers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from local.servicebus.stored import MessageState, StoredMessage


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


def count_messages(messages: Iterable[StoredMessage], sessions_locked: int) -> QueueCounts:
    """Count the messages of a queue by what can be done with them."""
    kinds: Counter[str] = Counter()
    oldest: float | None = None
    for stored in messages:
        kind = "LOCKED" if stored.lock_token is not None else stored.state.name
        kinds[kind] += 1
        if kind in ("LOCKED", MessageState.ACTIVE.name):
            oldest = stored.enqueued_at if oldest is None else min(oldest, stored.enqueued_at)
    return QueueCounts(
        active=kinds[MessageState.ACTIVE.name],
        locked=kinds["LOCKED"],
        deferred=kinds[MessageState.DEFERRED.name],
        scheduled=kinds[MessageState.SCHEDULED.name],
        oldest_enqueued_at=oldest,
        sessions_locked=sessions_locked,
    )
