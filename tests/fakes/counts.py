"""What the app counts of itself, in memory."""

from collections.abc import Sequence
from datetime import datetime

from shared.model.activity import Activity, minute_of
from shared.model.faults import Fault
from shared.model.parked import NotedCount


class FakeCounts:
    """Implements Counts; `trouble` is what adding raises."""

    def __init__(self) -> None:
        self.minutes: dict[datetime, Activity] = {}
        self.noted = NotedCount()
        self.trouble: Fault | None = None

    async def add(self, activity: Activity) -> None:
        if self.trouble:
            raise self.trouble
        minute = minute_of(activity.at)
        self.minutes[minute] = self.minutes.get(minute, Activity(minute)).plus(activity)

    async def since(self, moment: datetime) -> Sequence[Activity]:
        return [self.minutes[at] for at in sorted(self.minutes) if at >= minute_of(moment)]

    async def remove_before(self, moment: datetime, most: int) -> int:
        old = sorted(at for at in self.minutes if at < minute_of(moment))[:most]
        for at in old:
            del self.minutes[at]
        return len(old)

    async def parked(self) -> NotedCount:
        return self.noted

    async def put_parked(self, noted: NotedCount) -> None:
        self.noted = noted
