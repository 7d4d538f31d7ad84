"""Sends checks for accounts whose cause a person has corrected: once a minute, on one instance, idempotent.

In: the mapping tables and the issues as they are now. Out: checks of the accounts concerned. The rows' ETags
show changes, whoever made them and with whatever tool. A run does what it can in its time; the next run
continues from the bookmarks in the table Control.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.ports import Clock, Control
from shared.resilience.compare_issues import CompareIssues
from shared.resilience.follow_mappings import FollowMappings
from shared.resilience.keep_counts import KeepCounts
from shared.resilience.progress import Progress
from shared.resilience.release_children import ReleaseChildren
from shared.resilience.release_parked import ReleaseParked
from shared.telemetry import LOGGER

_LONGEST = timedelta(seconds=45)
_SCANS = 5  # table requests of a run for comparing Issues and for the counts, which share them
_COUNTS = 3  # of these, the least for the counts


@dataclass(frozen=True, slots=True)
class Heal:
    """One run a minute."""

    control: Control
    clock: Clock
    follow: Sequence[FollowMappings]
    release: ReleaseParked
    compare: CompareIssues
    counts: KeepCounts
    children: ReleaseChildren | None = None

    async def run(self) -> int:
        """Heal what can be healed now, and return how many checks were sent. May raise faults."""
        progress = await Progress.begin(self.control, self.clock, _LONGEST)
        try:
            return await self._heal(progress)
        finally:
            await progress.store()

    async def _heal(self, progress: Progress) -> int:
        if any([await follow.compare(progress) for follow in self.follow]):
            await self.release.begin_anew(progress)
        sent = await self.release.run(progress)
        scans = [await follow.go_on(progress) for follow in self.follow]
        followed = sum(checks for checks, _ in scans)
        if any(ended for _, ended in scans):  # who used the old row late may have been parked for it
            await self.release.begin_anew(progress)
        read = await self.compare.run(progress)
        await self.counts.run(progress, max(_COUNTS, _SCANS - read))
        sent += followed
        if self.children is not None:
            sent += await self.children.run(progress)
        if sent:
            LOGGER.info("healing: %d looks sent", sent, extra={"event": "healed", "looks": sent})
        return sent
