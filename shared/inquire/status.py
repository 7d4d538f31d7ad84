"""How the whole stands: queues, breakers, parked accounts, and the outcomes of the last minutes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.breaker import Breaker
from shared.model.faults import Fault
from shared.model.outcome import Ending
from shared.ports import Clock
from shared.ports.inquiry import IssueReport, QueueDepth, QueueDepths, RecentOutcomes
from shared.ports.recovery import BreakerRows

WINDOW = timedelta(minutes=10)
LONGEST_READING = 15.0  # seconds for one part
_DRAINED = "account-changes"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of all. `outcomes` by ending within `window`; `issues` by cause.

    `drain_seconds`: how long the queue of changes takes at the present rate; None if nothing was settled.
    `troubles` are parts that could not be read.
    """

    at: datetime
    queues: Sequence[QueueDepth]
    breakers: Sequence[Breaker]
    issues: Mapping[str, int]
    outcomes: Mapping[str, int]
    window: timedelta
    drain_seconds: float | None
    troubles: Sequence[str]

    @property
    def healthy(self) -> bool:
        """Nothing is paused, open, dead-lettered, parked or unreadable."""
        closed = all(not b.paused_by and (b.open_until or self.at) <= self.at for b in self.breakers)
        dead = sum(queue.dead_letters for queue in self.queues)
        return closed and not dead and not self.issues and not self.troubles


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """The use case behind `accountsync status` and `watch`."""

    queues: QueueDepths
    breakers: BreakerRows
    issues: IssueReport
    outcomes: RecentOutcomes
    clock: Clock

    async def now(self, window: timedelta = WINDOW) -> Status:
        """Read everything at the same time; what cannot be read is told, not raised."""
        now, troubles = self.clock.now(), list[str]()
        queues, breakers, issues, entries = await asyncio.gather(
            _or(self.queues.depths(), [], "queues", troubles),
            _or(self.breakers.read(), {}, "breakers", troubles),
            _or(self.issues.issues(), [], "issues", troubles),
            _or(self.outcomes.since(now - window), [], "outcomes", troubles),
        )
        endings = Counter(entry.outcome for entry in entries)
        return Status(
            at=now,
            queues=queues,
            breakers=[breaker for breaker, _ in breakers.values()],
            issues=dict(Counter(issue.cause for issue in issues).most_common()),
            outcomes=dict(endings.most_common()),
            window=window,
            drain_seconds=_drain(queues, endings, window),
            troubles=troubles,
        )


def _drain(queues: Sequence[QueueDepth], endings: Mapping[str, int], window: timedelta) -> float | None:
    waiting = sum(queue.active for queue in queues if queue.name == _DRAINED)
    settled = sum(count for ending, count in endings.items() if ending != Ending.RETRYING)
    if not waiting:
        return 0.0
    return waiting * window.total_seconds() / settled if settled else None


async def _or[T](reading: Awaitable[T], otherwise: T, what: str, troubles: list[str]) -> T:
    try:
        async with asyncio.timeout(LONGEST_READING):
            return await reading
    except TimeoutError:
        troubles.append(f"The {what} were not read: no answer within {LONGEST_READING:.0f} s.")
    except Fault as fault:
        troubles.append(f"The {what} were not read: {fault}")
    return otherwise
