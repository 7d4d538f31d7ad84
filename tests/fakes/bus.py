"""The queues in memory: duplicate detection, due times, and one message at a time per account."""

from bisect import insort
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.model.change import AccountChange, session_id
from shared.model.faults import Fault
from shared.model.queues import CHANGES, Bin, Leftover, QueueDepth
from shared.ports.queues import Resend
from shared.telemetry import traced
from tests.fakes.clock import FakeClock


@dataclass
class FakeQueue:
    """Implements ChangeQueue; `take` gives what is due, oldest first."""

    clock: FakeClock
    waiting: list[tuple[datetime, int, AccountChange]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    repeated: list[AccountChange] = field(default_factory=list)
    sent: list[AccountChange] = field(default_factory=list)
    partitions: dict[str, str] = field(default_factory=dict)
    trouble: Fault | None = None

    async def open(self) -> None:
        if self.trouble:
            raise self.trouble

    async def send(self, change: AccountChange, due: datetime | None = None) -> None:
        if self.trouble:
            raise self.trouble
        change = traced(change)  # as the adapter does
        message_id = change.message_id
        if message_id in self.seen:
            self.repeated.append(change)
            return
        self.seen.add(message_id)
        self.sent.append(change)
        insort(self.waiting, (due or self.clock.now(), len(self.seen), change), key=lambda item: item[:2])

    async def send_all(
        self, changes: Sequence[tuple[AccountChange, datetime]], partitions: Sequence[str] = ()
    ) -> None:
        ids = [change.message_id for change, _ in changes]
        self.partitions = {**dict(zip(ids, partitions, strict=False)), **self.partitions}
        for change, due in changes:
            await self.send(change, due)

    def partition(self, change: AccountChange, number: int) -> str:
        """The partition that the change was put into, of `number`."""
        return self.partitions.get(change.message_id) or session_id(change.account_id, number)

    def take(self) -> AccountChange | None:
        """The next message that is due, or None."""
        if self.waiting and self.waiting[0][0] <= self.clock.now():
            return self.waiting.pop(0)[2]
        return None

    def next_due(self) -> datetime | None:
        return self.waiting[0][0] if self.waiting else None


@dataclass
class FakeDepths:
    """Implements QueueDepths: the queue of changes as it is, and `others`."""

    queue: FakeQueue
    others: Sequence[QueueDepth] = ()
    trouble: Fault | None = None

    async def depths(self) -> Sequence[QueueDepth]:
        if self.trouble:
            raise self.trouble
        due = sum(due <= self.queue.clock.now() for due, _, _ in self.queue.waiting)
        changes = QueueDepth(CHANGES, due, len(self.queue.waiting) - due, 0, None)
        return [changes, *self.others]


@dataclass
class FakeRejected:
    """Implements RejectedEvents."""

    kept: list[tuple[bytes, str, str, UUID | None]] = field(default_factory=list)

    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None:
        self.kept.append((body, reason, description, correlation_id))


@dataclass
class FakeLeftovers:
    """Implements Leftovers over lists; what is posted again as an event is kept in `posted`."""

    bins: dict[Bin, list[Leftover]] = field(default_factory=dict)
    posted: list[bytes] = field(default_factory=list)

    async def peek(self, place: Bin) -> AsyncIterator[Leftover]:
        for leftover in self.bins.get(place, []):
            yield leftover

    async def take(self, place: Bin, wanted: Callable[[Leftover], bool], resend: Resend) -> tuple[int, int]:
        kept = [item for item in self.bins.get(place, []) if not (wanted(item) and await resend(item))]
        sent = len(self.bins.get(place, [])) - len(kept)
        self.bins[place] = kept
        return sent, len(kept)

    async def post_event(self, body: bytes) -> None:
        self.posted.append(body)
