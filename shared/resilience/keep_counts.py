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

_NOTE = 2  # table requests that read and write the count
_DELETE = 2  # table requests that find and delete old minutes
_TOO_OLD = timedelta(minutes=90)  # a count that was begun before then begins anew
_FORGOT = "minutes"
_EVERY = timedelta(hours=1)
_MOST = 100  # rows that one run deletes


@dataclass(frozen=True, slots=True)
class KeepCounts:
    """A part of each run of healing."""

    issues: Issues
    counts: Counts

    async def run(self, progress: Progress, most: int) -> None:
        """Delete some old minutes if it is time, and count on, in at most so many table requests."""
        if most > _NOTE + 1 and self._is_time(progress):
            await self._forget(progress)
            most -= _DELETE
        if most > _NOTE:
            await self._count(progress, most - _NOTE)

    async def _count(self, progress: Progress, pages: int) -> None:
        noted, now = await self.counts.parked(), progress.clock.now()
        walk = noted.walk
        if walk is None or now - walk.so_far.at > _TOO_OLD:
            walk = Walk(ParkedCount(now, {}), "")
        for _ in range(pages):
            if progress.over:
                break
            page = await self.issues.all(walk.after)
            walk = Walk(walk.so_far.plus(page.rows), page.after)
            if not page.after:
                await self.counts.put_parked(NotedCount(walk.so_far))
                return
        await self.counts.put_parked(NotedCount(noted.ended, walk))

    def _is_time(self, progress: Progress) -> bool:
        last = progress.get(_FORGOT)
        return last is None or progress.clock.now() - last.at >= _EVERY

    async def _forget(self, progress: Progress) -> None:
        now = progress.clock.now()
        if await self.counts.remove_before(now - KEPT, _MOST) < _MOST:
            progress.note(_FORGOT, Bookmark(now))
