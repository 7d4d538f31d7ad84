"""Which of a walk's checks have not ended: what keeps its share of the queue small, and tells its end."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.model.sent import Sent, Walk
from shared.ports.load import CheckedAccounts

GIVEN_UP = timedelta(minutes=3)  # an account that is gone from Sales leaves no row
_LATE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Looks the accounts of the last pages up in AccountSync.

    A partition makes its checks in their order. So behind an account that was not checked yet no row is read:
    this keeps the reads at about one for each check. One that is late may be gone, and holds back no other.
    """

    checked: CheckedAccounts

    async def of(self, run: Walk, now: datetime) -> Sequence[Sent]:
        """Return the checks that wait, are at work or are retried, except those due three minutes ago."""
        partitions: defaultdict[str, list[Sent]] = defaultdict(list)
        for sent in run.recent:
            if now - sent.due <= GIVEN_UP:
                partitions[sent.partition].append(sent)
        kept = await asyncio.gather(*(self._of_partition(run, sent, now) for sent in partitions.values()))
        return [sent for some in kept for sent in some]

    async def known(self, checks: Sequence[Sent]) -> frozenset[UUID]:
        """Return those of the accounts that have a row."""
        rows = await self.checked.of([sent.account_id for sent in checks])
        return frozenset(row.account_id for row in rows)

    async def _of_partition(self, run: Walk, checks: Sequence[Sent], now: datetime) -> list[Sent]:
        kept = list[Sent]()
        for place, sent in enumerate(checks):
            rows = await self.checked.of([sent.account_id])
            result = rows[0].result(run) if rows else None
            if result is None and now - sent.due < _LATE:
                return [*kept, *checks[place:]]
            if not result:
                kept.append(sent)
        return kept
