"""Locks on messages: which message is out under which token, and until when.

A lock of a queue with sessions has no end of its own: it lasts as long as the lock of its session.
"""

from collections.abc import Collection
from uuid import UUID, uuid4

from local.servicebus.errors import message_lock_lost
from local.servicebus.ordering import LowestFirst
from local.servicebus.stored import StoredMessage


class MessageLocks:
    """The locked messages of one queue, by lock token."""

    def __init__(self, duration: float) -> None:
        self._duration = duration
        self._locked: dict[UUID, StoredMessage] = {}
        self._ends: LowestFirst[UUID] = LowestFirst()

    def lock(self, stored: StoredMessage, now: float, session_end: float | None = None) -> UUID:
        """Lock a message on its own, or (with `session_end`) under the lock of its session."""
        token = stored.lock_token = uuid4()
        self._locked[token] = stored
        stored.locked_until = session_end
        if session_end is None:
            self._prolong(token, stored, now)
        return token

    def find(self, token: UUID, now: float) -> StoredMessage:
        """The message under a lock that still holds. Raises message-lock-lost."""
        stored = self._locked.get(token)
        if stored is None or (token in self._ends and (stored.locked_until or 0) <= now):
            raise message_lock_lost()
        return stored

    def renew(self, token: UUID, now: float) -> float:
        """Prolong a lock that has an end of its own. The new end. Raises message-lock-lost."""
        stored = self.find(token, now)
        if token not in self._ends:
            raise message_lock_lost()
        return self._prolong(token, stored, now)

    def unlock(self, stored: StoredMessage) -> UUID:
        """The token that the message had."""
        token, stored.lock_token, stored.locked_until = stored.lock_token, None, None
        del self._locked[token]
        self._ends.discard(token)
        return token

    def set_session_end(self, tokens: Collection[UUID], until: float) -> None:
        for token in tokens:
            self._locked[token].locked_until = until

    def of(self, tokens: Collection[UUID]) -> list[StoredMessage]:
        return [self._locked[token] for token in tokens]

    def ended(self, now: float) -> list[StoredMessage]:
        """The messages whose locks have ended, still to be unlocked."""
        return [self._locked[token] for token in self._ends.pop_up_to(now)]

    def end_all(self, now: float) -> None:
        for token in self._ends:
            self._locked[token].locked_until = now
            self._ends.add(token, now)

    def next_due(self) -> float | None:
        return self._ends.first_rank()

    def _prolong(self, token: UUID, stored: StoredMessage, now: float) -> float:
        stored.locked_until = end = now + self._duration
        self._ends.add(token, end)
        return end
