"""Keeps what is shown of the whole app small and right: counts the parked accounts, forgets old minutes.

The count reads the table Issues page by page, so nothing that is polled has to, and what a crash left wrong
is right again at its end. A run reads a few pages; the next run goes on from there.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.model.activity import KEPT
from shared.model.control import Bookmark
from shared.model.parked import NotedCount, ParkedCount, Walk
from shared.ports import Issues
from shared.ports.counts import Counts
from shared.resilience.progress import Progress

_PAGES = 3  # of the parked accounts in one run
_TOO_OLD = timedelta(hours=1)  # a count that was begun before then begins anew
_FORGOT = "minutes"
_EVERY = timedelta(hours=1)
_MOST = 100  # rows that one run deletes


@dataclass(frozen=True, slots=True)
class KeepCounts:
    """A part of each run of healing."""

    issues: Issues
    counts: Counts

    async def run(self, progress: Progress) -> None:
        """Count on, and delete some old minutes if it is time."""
        await self._count(progress)
        await self._forget(progress)

    async def _count(self, progress: Progress) -> None:
        noted, now = await self.counts.parked(), progress.clock.now()
        walk = noted.walk
        if walk is None or now - walk.so_far.at > _TOO_OLD:
            walk = Walk(ParkedCount(now, {}), "")
        for _ in range(_PAGES):
            if progress.over:
                break
            page = await self.issues.all(walk.after)
            walk = Walk(walk.so_far.plus(page.rows), page.after)
            if not page.after:
                await self.counts.put_parked(NotedCount(walk.so_far))
                return
        await self.counts.put_parked(NotedCount(noted.ended, walk))

    async def _forget(self, progress: Progress) -> None:
        now, last = progress.clock.now(), progress.get(_FORGOT)
        if last is not None and now - last.at < _EVERY:
            return
        if await self.counts.remove_before(now - KEPT, _MOST) < _MOST:
            await progress.put(_FORGOT, Bookmark(now))
