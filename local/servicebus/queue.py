"""One queue as a state machine: messages are sent, locked, settled, delayed, given back, dead-lettered.

No I/O and no timers of its own: time comes from the injected clock, `advance` does what has become due,
and `next_due` says when to call it. `has_news` is set when there may be something new for a receiver.
Refusals are `BrokerFault`s. Sources:
learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement, message-sequencing,
message-expiration, message-deferral, service-bus-dead-letter-queues.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from local.servicebus import encoder
from local.servicebus.clock import Clock
from local.servicebus.config import QueueSettings
from local.servicebus.counts import QueueCounts, Tally, count_messages
from local.servicebus.duplicates import DuplicateHistory
from local.servicebus.errors import message_not_found, not_allowed
from local.servicebus.locks import MessageLocks
from local.servicebus.message import Message, with_application_properties
from local.servicebus.ordering import LowestFirst
from local.servicebus.sessions import Session, Sessions
from local.servicebus.settlement import LostSession, Settlement
from local.servicebus.store import MessageStore
from local.servicebus.stored import MessageState, StoredMessage

ACTIVE, DEFERRED, SCHEDULED = MessageState.ACTIVE, MessageState.DEFERRED, MessageState.SCHEDULED


class Queue:
    """A queue and, in `dead_letters`, its dead-letter queue (None for a dead-letter queue itself)."""

    def __init__(self, settings: QueueSettings, clock: Clock, dead_letters: "Queue | None" = None) -> None:
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

    # --- in ---------------------------------------------------------------------------------------------

    def check(self, message: Message) -> None:
        """Raises not-allowed for a message that this queue can never take."""
        if self.dead_letters is None:
            raise not_allowed("Messages cannot be sent to a dead-letter queue.")
        if self.sessions is not None and message.session_id is None:
            raise not_allowed(f"Queue '{self.name}' requires sessions: set a session id on every message.")

    def send(self, message: Message) -> int | None:
        """Take a message, now or as scheduled. Its sequence number; None for a repeated message."""
        self.check(message)
        now = self._clock()
        self.tally.accepted += 1
        if self._history is not None and self._history.is_repeated(message.message_id, now):
            self.tally.duplicates_dropped += 1
            return None
        if message.scheduled_at is not None and message.scheduled_at > now:
            stored = self._store.add(message, message.scheduled_at)
            stored.state = SCHEDULED
            self._scheduled.add(stored.sequence_number, message.scheduled_at)
        else:
            stored = self._store.add(message, now)
            self._activate(stored, now)
        return stored.sequence_number

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
        if stored.state is not DEFERRED:
            self._index_ready(stored, now)
            self.has_news = True

    def _index_ready(self, stored: StoredMessage, now: float) -> None:
        number, session_id = stored.sequence_number, stored.message.session_id
        if self.sessions is None:
            self._ready.add(number, number)
        elif session_id is not None:
            self.sessions.add_ready(session_id, number, now)

    def cancel_scheduled(self, numbers: Iterable[int]) -> None:
        """Remove scheduled messages. Raises message-not-found, and then removes none."""
        wanted = list(numbers)
        for number in wanted:
            if number not in self._scheduled:
                raise message_not_found(number, "scheduled")
        for number in wanted:
            self._scheduled.discard(number)
            self._store.remove(number)

    # --- out --------------------------------------------------------------------------------------------

    def acquire(self, session: Session | None = None, *, delete: bool = False) -> StoredMessage | None:
        """Lock (or take out) the oldest available message, of the session if the queue has sessions."""
        now = self._clock()
        ready = self._ready if session is None else session.ready
        while (number := ready.pop_first()) is not None:
            stored = self._store[number]
            if stored.expires_at is not None and stored.expires_at <= now:
                self._expire(stored, now)
                continue
            self.tally.delivered += 1
            self._hand_out(stored, session, now, delete=delete)
            return stored
        return None

    def receive_deferred(
        self, numbers: Iterable[int], session: Session | None = None, *, delete: bool = False
    ) -> list[StoredMessage]:
        """Lock (or take out) deferred messages by number. Raises message-not-found, and then takes none."""
        found = [self._deferred(number, session) for number in dict.fromkeys(numbers)]
        now = self._clock()
        self.tally.delivered += len(found)
        for stored in found:
            self._hand_out(stored, session, now, delete=delete)
        return found

    def _deferred(self, number: int, session: Session | None) -> StoredMessage:
        stored = self._store.find(number)
        if stored is None or stored.state is not DEFERRED or stored.lock_token is not None:
            raise message_not_found(number, "deferred")
        if session is not None and stored.message.session_id != session.session_id:
            raise message_not_found(number, "deferred")
        return stored

    def _hand_out(self, stored: StoredMessage, session: Session | None, now: float, *, delete: bool) -> None:
        if delete:
            self.tally.completed += 1
            self._remove(stored)
            return
        if session is None:
            self._locks.lock(stored, now)
        else:
            session.tokens.add(self._locks.lock(stored, now, session.locked_until))

    def peek(self, from_number: int, limit: int, session_id: str | None = None) -> list[StoredMessage]:
        """Messages in any state from this sequence number on, without locking them."""
        return self._store.peek(from_number, limit, session_id)

    # --- settlement -------------------------------------------------------------------------------------

    def settle(self, token: UUID, how: Settlement, properties: Mapping[str, bytes] | None = None) -> None:
        """End a lock. `properties` (encoded values) are set on the message. Raises message-lock-lost."""
        now = self._clock()
        stored = self._locks.find(token, now)
        if how is Settlement.DEAD_LETTER and self.dead_letters is None:
            raise not_allowed("A message in a dead-letter queue cannot be dead-lettered again.")
        self._unlock(stored)
        if properties:
            stored.message = with_application_properties(stored.message, properties)
        match how:
            case Settlement.COMPLETE:
                self.tally.completed += 1
                self._remove(stored)
            case Settlement.ABANDON:
                self._return_failed(stored, now)
            case Settlement.DEFER:
                stored.state = DEFERRED
                stored.delivery_count += 1
            case Settlement.DEAD_LETTER:
                self._dead_letter(stored)
            case Settlement.RELEASE:
                self._make_ready(stored, now)

    def renew(self, token: UUID) -> float:
        """Prolong the lock of a message. The new end. Raises message-lock-lost."""
        return self._locks.renew(token, self._clock())

    def _unlock(self, stored: StoredMessage) -> None:
        token = self._locks.unlock(stored)
        if self.sessions is not None and stored.message.session_id is not None:
            session = self.sessions.find(stored.message.session_id)
            if session is not None:
                session.tokens.discard(token)

    def _return_failed(self, stored: StoredMessage, now: float) -> None:
        stored.delivery_count += 1
        limit = self.settings.max_delivery_count
        if limit is not None and stored.delivery_count >= limit and stored.state is not DEFERRED:
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

    # --- sessions ---------------------------------------------------------------------------------------

    def accept_session(self, session_id: str | None, owner: Any) -> Session | None:
        """Lock a session, or the next available one (None: there is none now).

        Raises session-cannot-be-locked, or not-allowed on a queue without sessions.
        """
        if self.sessions is None:
            raise not_allowed(f"Queue '{self.name}' does not require sessions: receive without a session.")
        return self.sessions.accept(session_id, owner, self._clock())

    def held_session(self, session_id: str | None, owner: Any) -> Session | None:
        """The session that this owner holds; None on a queue without sessions. Raises session-lock-lost."""
        if self.sessions is None:
            return None
        return self.sessions.held(session_id, owner, self._clock())

    def renew_session(self, session_id: str, owner: Any) -> float:
        """Prolong the lock, and with it those of the messages that are out. Raises session-lock-lost."""
        if self.sessions is None:
            raise not_allowed(f"Queue '{self.name}' does not require sessions.")
        until = self.sessions.renew(session_id, owner, self._clock())
        self._locks.set_session_end(self.sessions.get(session_id, until).tokens, until)
        return until

    def release_session(self, session_id: str, owner: Any) -> None:
        """The owner closes the session: its unsettled messages are available again, their count unchanged."""
        session = self.sessions.find(session_id) if self.sessions is not None else None
        if session is not None and session.owner is owner:
            self._end_session(session, self._make_ready)

    def _end_session(self, session: Session, give_back: Callable[[StoredMessage, float], None]) -> None:
        assert self.sessions is not None
        now = self._clock()
        for stored in self._locks.of(session.tokens):
            self._unlock(stored)
            give_back(stored, now)
        self.sessions.release(session)
        self.has_news = True

    # --- time -------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When `advance` has something to do, seconds since 1970."""
        due = self.sessions.next_due() if self.sessions is not None else None
        for first in (self._locks.next_due(), self._expiries.first_rank(), self._scheduled.first_rank()):
            if first is not None and (due is None or first < due):
                due = first
        return due

    def advance(self) -> list[LostSession]:
        """Do what has become due: scheduled messages, ends of locks, expiries. The lost sessions."""
        now = self._clock()
        for number in self._scheduled.pop_up_to(now):
            self._enqueue_scheduled(self._store.remove(number), now)
        for stored in self._locks.ended(now):
            self._unlock(stored)
            self._return_failed(stored, now)
        lost = self._end_expired_sessions(now)
        for number in self._expiries.pop_up_to(now):
            if self._store[number].lock_token is None:  # else the end of the lock decides
                self._expire(self._store[number], now)
        if self._history is not None:
            self._history.forget_old(now)
        return lost

    def _enqueue_scheduled(self, stored: StoredMessage, now: float) -> None:
        """A scheduled message enters the queue as if it were sent now, with a new sequence number."""
        self._activate(self._store.add(stored.message, now), now)

    def _end_expired_sessions(self, now: float) -> list[LostSession]:
        lost: list[LostSession] = []
        for session in self.sessions.expired(now) if self.sessions is not None else ():
            lost.append(LostSession(session.owner, session.session_id))
            self._end_session(session, self._return_failed)
        return lost

    def end_all_locks(self) -> None:
        """Make every lock of messages and sessions end now; `advance` does the rest."""
        now = self._clock()
        self._locks.end_all(now)
        if self.sessions is not None:
            self.sessions.end_all_locks(now)

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

    def size(self) -> int:
        """How many messages there are, in any state."""
        return len(self._store)

    def counts(self) -> QueueCounts:
        sessions_locked = self.sessions.locked_count() if self.sessions is not None else 0
        return count_messages(self._store.all(), sessions_locked)
