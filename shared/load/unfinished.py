"""Which of a walk's checks have not ended: what keeps its share of the queue small, and tells its end."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.sent import Sent, Walk
from shared.ports.load import CheckedAccounts

GIVEN_UP = timedelta(minutes=3)  # an account that is gone from Sales leaves no row
_SILENT = 2


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Looks the accounts of the last pages up in AccountSync.

    A partition makes its checks in their order. So after two accounts that were not checked, those behind
    them were not either, and are not read: this keeps the reads at about one for each check.
    """

    checked: CheckedAccounts

    async def of(self, run: Walk, now: datetime) -> Sequence[Sent]:
        """Return the checks that wait, are at work or are retried, except those due three minutes ago."""
        partitions: defaultdict[str, list[Sent]] = defaultdict(list)
        for sent in run.recent:
            if now - sent.due <= GIVEN_UP:
                partitions[sent.partition].append(sent)
        kept = await asyncio.gather(*(self._of_partition(run, sent) for sent in partitions.values()))
        return [sent for some in kept for sent in some]

    async def _of_partition(self, run: Walk, checks: Sequence[Sent]) -> list[Sent]:
        kept, silent = list[Sent](), 0
        for place, sent in enumerate(checks):
            rows = await self.checked.of([sent.account_id])
            result = rows[0].result(run) if rows else None
            if result:
                silent = 0
                continue
            kept.append(sent)
            silent = silent + 1 if result is None else 0
            if silent == _SILENT:
                return [*kept, *checks[place + 1 :]]
        return kept
