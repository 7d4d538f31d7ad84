"""One queue as a state machine: messages are sent, locked, settled, delayed, given back, dead-lettered.

`advance` does what has become due, and `next_due` says when to call it. Refusals are `BrokerFault`s. Sources:
learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement, message-sequencing,
message-deferral, message-sessions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from local.servicebus.contents import QueueContents
from local.servicebus.errors import message_not_found, not_allowed
from local.servicebus.message import Message, with_application_properties
from local.servicebus.sessions import Session
from local.servicebus.settlement import LostSession, Settlement
from local.servicebus.stored import MessageState, StoredMessage

DEFERRED, SCHEDULED = MessageState.DEFERRED, MessageState.SCHEDULED


class Queue(QueueContents):
    """What clients and the clockwork do with a queue."""

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
