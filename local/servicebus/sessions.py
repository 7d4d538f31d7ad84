"""Sessions of a queue: who holds which one, until when, and which free ones have messages. No I/O.

A session is held by at most one owner (any object). It exists as long as it has messages, a state or an
owner. Source: learn.microsoft.com/azure/service-bus-messaging/message-sessions.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from local.servicebus import encoder
from local.servicebus.errors import session_cannot_be_locked, session_lock_lost
from local.servicebus.ordering import LowestFirst


@dataclass(slots=True, eq=False)
class Session:
    """One session. `state` is kept encoded, as it was set."""

    session_id: str
    updated_at: float
    ready: LowestFirst[int] = field(default_factory=LowestFirst)  # sequence numbers
    tokens: set[UUID] = field(default_factory=set)  # lock tokens of the messages that are out
    state: bytes = encoder.NULL
    owner: Any = None
    locked_until: float = 0.0


class Sessions:
    """All sessions of one queue."""

    def __init__(self, lock_duration: float) -> None:
        self._lock_duration = lock_duration
        self._sessions: dict[str, Session] = {}
        self._free: LowestFirst[str] = LowestFirst()  # with messages and without owner, oldest message first
        self._lock_ends: LowestFirst[str] = LowestFirst()

    def __len__(self) -> int:
        return len(self._sessions)

    def locked_count(self) -> int:
        return len(self._lock_ends)

    def has_free(self) -> bool:
        return len(self._free) > 0

    def find(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def get(self, session_id: str, now: float) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(session_id, now)
        return session

    def add_ready(self, session_id: str, sequence_number: int, now: float) -> None:
        session = self.get(session_id, now)
        session.ready.add(sequence_number, sequence_number)
        self.refresh(session)

    def accept(self, session_id: str | None, owner: Any, now: float) -> Session | None:
        """Lock this session, or the free one with the oldest message (None: there is no such session).

        Raises session-cannot-be-locked if somebody else holds it.
        """
        session_id = self._free.first() if session_id is None else session_id
        if session_id is None:
            return None
        session = self.get(session_id, now)
        if session.owner is not None:  # also when its time is up: it ends when the clockwork says so
            raise session_cannot_be_locked(session_id)
        session.owner = owner
        self._prolong(session, now)
        self.refresh(session)
        return session

    def held(self, session_id: str | None, owner: Any, now: float) -> Session:
        """The session, if this owner holds it now. Raises session-lock-lost."""
        session = self._sessions.get(session_id) if session_id is not None else None
        if session is None or owner is None or session.owner is not owner or session.locked_until <= now:
            raise session_lock_lost(session_id)
        return session

    def renew(self, session_id: str, owner: Any, now: float) -> float:
        """Prolong the lock; the messages that are out are covered by it too. The new end."""
        session = self.held(session_id, owner, now)
        self._prolong(session, now)
        return session.locked_until

    def release(self, session: Session) -> None:
        session.owner = None
        session.locked_until = 0.0
        self._lock_ends.discard(session.session_id)
        self.refresh(session)

    def expired(self, now: float) -> list[Session]:
        """The sessions whose lock has ended; each still has its owner, to be released by the caller."""
        return [self._sessions[session_id] for session_id in self._lock_ends.pop_up_to(now)]

    def end_all_locks(self, now: float) -> None:
        for session_id in self._lock_ends:
            self._sessions[session_id].locked_until = now
            self._lock_ends.add(session_id, now)

    def next_due(self) -> float | None:
        return self._lock_ends.first_rank()

    def refresh(self, session: Session) -> None:
        """Called when messages or owner of the session have changed."""
        oldest = session.ready.first_rank()
        if session.owner is None and oldest is not None:
            self._free.add(session.session_id, oldest)
            return
        self._free.discard(session.session_id)
        if session.owner is None and not session.tokens and session.state == encoder.NULL:
            self._sessions.pop(session.session_id, None)

    def listed(self, updated_since: float | None) -> list[str]:
        """Sessions with messages or a state; with a time, those whose state was set after it."""
        if updated_since is not None:
            return sorted(
                session.session_id
                for session in self._sessions.values()
                if session.state != encoder.NULL and session.updated_at > updated_since
            )
        return sorted(session.session_id for session in self._sessions.values())

    def _prolong(self, session: Session, now: float) -> None:
        session.locked_until = now + self._lock_duration
        self._lock_ends.add(session.session_id, session.locked_until)
