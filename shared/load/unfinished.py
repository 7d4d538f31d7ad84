"""Which of the load's checks have not ended: what keeps its share of the queue small, and tells its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.load import LoadRun, Sent
from shared.ports.load import CheckedAccounts

GIVEN_UP = timedelta(minutes=3)  # an account that is gone from Sales leaves no row


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Looks the accounts of the last pages up in AccountSync."""

    checked: CheckedAccounts

    async def of(self, run: LoadRun, now: datetime) -> Sequence[Sent]:
        """Return the checks that wait, are at work or are retried, except those due three minutes ago."""
        recent = [sent for sent in run.recent if now - sent.due <= GIVEN_UP]
        rows = await self.checked.of([sent.account_id for sent in recent])
        ended = {row.account_id for row in rows if row.result(run)}
        return [sent for sent in recent if sent.account_id not in ended]
