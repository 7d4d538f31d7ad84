"""What the app counts of itself, in the table Control: a row for each minute, and the parked accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.model.activity import Activity
from shared.model.parked import NotedCount


class Counts(Protocol):
    """Few rows, whatever the number of accounts: what is polled reads these."""

    # Add what an instance did to the row of its minute.
    async def add(self, activity: Activity) -> None: ...
    # The minutes since then in which something was done, the oldest first.
    async def since(self, moment: datetime) -> Sequence[Activity]: ...
    # Delete up to `most` rows of minutes before then, at most 100. Returns how many.
    async def remove_before(self, moment: datetime, most: int) -> int: ...
    # The counts of the parked accounts. One run of `heal` at a time writes them.
    async def parked(self) -> NotedCount: ...
    async def put_parked(self, noted: NotedCount) -> None: ...
