"""The messages of one queue, and what can become of each: ready, expired, dead-lettered, removed.

No I/O and no timers: time comes from the clock that is given. `has_news` is set when there may be something
new for a receiver. Sources: learn.microsoft.com/azure/service-bus-messaging/message-sequencing,
message-expiration, service-bus-dead-letter-queues.
"""

from typing import Self

from local.servicebus import encoder
from local.servicebus.clock import Clock
from local.servicebus.config import QueueSettings
from local.servicebus.counts import QueueCounts, Tally, count_messages
from local.servicebus.duplicates import DuplicateHistory
from local.servicebus.locks import MessageLocks
from local.servicebus.message import with_application_properties
from local.servicebus.ordering import LowestFirst
from local.servicebus.sessions import Sessions
from local.servicebus.store import MessageStore
from local.servicebus.stored import MessageState, StoredMessage


class QueueContents:
    """What is in a queue; `dead_letters` is its dead-letter queue (None for a dead-letter queue itself)."""

    def __init__(self, settings: QueueSettings, clock: Clock, dead_letters: Self | None = None) -> None:
        self.settings = settings
        self.name = settings.name
        self.dead_letters = dead_letters
        self.sessions = Sessions(settings.lock_duration) if settings.requires_session else None
        self.tally = Tally()
        self.has_news = False
        self._clock = clock
        self._store = MessageStore()
        self._locks = MessageLocks(settings.lock_duration)
        self._ready: LowestFirst[int] = LowestFirst()  # of a queue without sessions; sequence numbers
        self._scheduled: LowestFirst[int] = LowestFirst()
        self._expiries: LowestFirst[int] = LowestFirst()
        detects = settings.requires_duplicate_detection
        self._history = DuplicateHistory(settings.duplicate_window) if detects else None

    def now(self) -> float:
        return self._clock()

    def peek(self, from_number: int, limit: int, session_id: str | None = None) -> list[StoredMessage]:
        """Messages in any state from this sequence number on, without locking them."""
        return self._store.peek(from_number, limit, session_id)

    def size(self) -> int:
        """How many messages there are, in any state."""
        return len(self._store)

    def counts(self) -> QueueCounts:
        sessions_locked = self.sessions.locked_count() if self.sessions is not None else 0
        return count_messages(self._store.all(), sessions_locked)

    def next_due(self) -> float | None:
        """When `advance` has something to do, seconds since 1970."""
        due = self.sessions.next_due() if self.sessions is not None else None
        for first in (self._locks.next_due(), self._expiries.first_rank(), self._scheduled.first_rank()):
            if first is not None and (due is None or first < due):
                due = first
        return due

    def clear(self) -> int:
        """Remove all messages, locked ones too; their receivers find the locks lost. How many there were."""
        found = list(self._store.all())
        for stored in found:
            if stored.lock_token is not None:
                self._unlock(stored)
            self._scheduled.discard(stored.sequence_number)
            self._remove(stored)
            self._refresh_session(stored, self._clock())
        return len(found)

    # --- what becomes of a message -----------------------------------------------------------------------

    def _activate(self, stored: StoredMessage, now: float) -> None:
        limits = (stored.message.time_to_live, self.settings.default_time_to_live)
        time_to_live = min((limit for limit in limits if limit is not None), default=None)
        if time_to_live is not None:
            stored.expires_at = now + time_to_live
            self._expiries.add(stored.sequence_number, stored.expires_at)
        self._make_ready(stored, now)

    def _make_ready(self, stored: StoredMessage, now: float) -> None:
        if stored.expires_at is not None and stored.expires_at <= now:
            self._expire(stored, now)
            return
        if stored.state is not MessageState.DEFERRED:
            self._index_ready(stored, now)
            self.has_news = True

    def _index_ready(self, stored: StoredMessage, now: float) -> None:
        number, session_id = stored.sequence_number, stored.message.session_id
        if self.sessions is None:
            self._ready.add(number, number)
        elif session_id is not None:
            self.sessions.add_ready(session_id, number, now)

    def _enqueue_scheduled(self, stored: StoredMessage, now: float) -> None:
        """A scheduled message enters the queue as if it were sent now, with a new sequence number."""
        self._activate(self._store.add(stored.message, now), now)

    def _unlock(self, stored: StoredMessage) -> None:
        token = self._locks.unlock(stored)
        if self.sessions is not None and stored.message.session_id is not None:
            session = self.sessions.find(stored.message.session_id)
            if session is not None:
                session.tokens.discard(token)

    def _return_failed(self, stored: StoredMessage, now: float) -> None:
        stored.delivery_count += 1
        limit = self.settings.max_delivery_count
        if limit is not None and stored.delivery_count >= limit and stored.state is not MessageState.DEFERRED:
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._dead_letter(stored, "MaxDeliveryCountExceeded", text)
        else:
            self._make_ready(stored, now)

    def _expire(self, stored: StoredMessage, now: float) -> None:
        if self.settings.dead_letter_on_expiration and self.dead_letters is not None:
            text = "The message expired and was dead lettered."
            self._dead_letter(stored, "TTLExpiredException", text)
        else:
            self.tally.expired += 1
            self._remove(stored)
        self._refresh_session(stored, now)

    def _refresh_session(self, stored: StoredMessage, now: float) -> None:
        if self.sessions is not None and stored.message.session_id is not None:
            session = self.sessions.get(stored.message.session_id, now)
            session.ready.discard(stored.sequence_number)
            self.sessions.refresh(session)

    def _dead_letter(self, stored: StoredMessage, reason: str | None = None, text: str | None = None) -> None:
        assert self.dead_letters is not None
        self._remove(stored)
        self.tally.dead_lettered += 1
        if reason is not None and text is not None:
            added = {
                "DeadLetterReason": encoder.string(reason),
                "DeadLetterErrorDescription": encoder.string(text),
            }
            stored.message = with_application_properties(stored.message, added)
        self.dead_letters.take_dead_letter(stored, self.name)

    def take_dead_letter(self, stored: StoredMessage, source: str) -> None:
        """Take over a message of the queue that this dead-letter queue belongs to. It never expires here."""
        kept = self._store.add(stored.message, stored.enqueued_at)
        kept.enqueue_sequence_number = stored.enqueue_sequence_number
        kept.delivery_count = stored.delivery_count
        kept.dead_letter_source = source
        self.tally.accepted += 1
        self._make_ready(kept, self._clock())

    def _remove(self, stored: StoredMessage) -> None:
        self._store.remove(stored.sequence_number)
        self._expiries.discard(stored.sequence_number)
        self._ready.discard(stored.sequence_number)
