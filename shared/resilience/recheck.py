"""Checks parked accounts because what they waited for is there, and marks their rows in Issues."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from shared.model.issue import ParkedAccount
from shared.model.state import ScannedAccount
from shared.ports import ChangeQueue, Issues, SyncStates
from shared.resilience.progress import check, spread

AT_ONCE = 100  # rows that are marked in one request


@dataclass(frozen=True, slots=True)
class Recheck:
    """Sends one check for each row, before the row is marked: a crash repeats checks, and loses none."""

    issues: Issues
    states: SyncStates
    queue: ChangeQueue

    async def run(self, rows: Sequence[ParkedAccount], version: str, due: datetime) -> tuple[int, datetime]:
        """Send the checks of rows of one key from `due` on, and mark the rows with the version.

        Return how many were sent, and the next free due time. A row that is parked again in between stays
        unmarked.
        """
        sent = 0
        for some in batched(rows, AT_ONCE, strict=False):
            stored = await asyncio.gather(*(self.states.get(row.account_id) for row in some))
            known = [(row, found.state) for row, found in zip(some, stored, strict=True) if found is not None]
            checks = [check(ScannedAccount.of(state), f"{row.key} {version}") for row, state in known]
            dated, due = spread(checks, due)
            await self.queue.send_all(dated)
            await self.issues.mark_healed([row for row, _ in known], version)
            sent += len(dated)
        return sent, due
