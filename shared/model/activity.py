"""What the app did in a minute: how events and checks ended, and how long changes took; numbers only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.model.change import FROM_DATAVERSE, Source
from shared.model.outcome import Ending

KEPT = timedelta(days=8)
# Upper bounds in seconds of the buckets of lag; the last bucket has none.
LAG_BOUNDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
_EVENTS = frozenset({*map(str, FROM_DATAVERSE), str(Source.BURST)})
_WRITES = frozenset({Ending.CREATED, Ending.UPDATED, Ending.DELETED})


class Way(NamedTuple):
    """Where a change came from, and how its intake or check ended."""

    source: str
    ending: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The counts of one minute, of one instance or of all.

    `outcomes` are handled messages of `account-changes`, `intake` events as they came in. `lag` counts writes
    by bucket: from the change in Sales to the write in the ERP.
    """

    at: datetime
    outcomes: Counter[Way] = field(default_factory=Counter[Way])
    intake: Counter[Way] = field(default_factory=Counter[Way])
    lag: Counter[int] = field(default_factory=Counter[int])

    def plus(self, other: "Activity") -> "Activity":
        """Return both together."""
        added = (self.outcomes + other.outcomes, self.intake + other.intake, self.lag + other.lag)
        return Activity(self.at, *added)

    @property
    def endings(self) -> Counter[str]:
        """How many messages ended in which way."""
        found = Counter[str]()
        for way, number in self.outcomes.items():
            found[way.ending] += number
        return found

    @property
    def shows_events(self) -> bool:
        """Whether an event came from Sales."""
        return any(way.source in _EVENTS for way in (*self.outcomes, *self.intake))

    @property
    def shows_missed(self) -> bool:
        """Whether a check that catch-up sent wrote something: no event had told of it."""
        return any(way.source == Source.CATCH_UP and way.ending in _WRITES for way in self.outcomes)


def minute_of(moment: datetime) -> datetime:
    """Return the start of the minute."""
    return moment.replace(second=0, microsecond=0)


def together(at: datetime, activities: Iterable[Activity]) -> Activity:
    """Return the counts of several minutes."""
    total = Activity(at)
    for activity in activities:
        total = total.plus(activity)
    return total


def bucket_of(seconds: float) -> int:
    """Return the bucket of a lag."""
    return next((place for place, bound in enumerate(LAG_BOUNDS) if seconds <= bound), len(LAG_BOUNDS))


def lag_within(lag: Counter[int], share: float) -> float | None:
    """Return the seconds within which this share of the writes was made: the bound of a bucket.

    Infinite in the last bucket; None if there was no write.
    """
    wanted, so_far = share * lag.total(), 0
    for place, bound in enumerate((*LAG_BOUNDS, float("inf"))):
        so_far += lag[place]
        if so_far and so_far >= wanted:
            return float(bound)
    return None
