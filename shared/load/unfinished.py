"""Which of the load's last checks have not ended: what a load goes by at its end, and without counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.model.load import LoadRun
from shared.ports.load import CheckedAccounts

GIVEN_UP = timedelta(minutes=3)  # an account that is gone from Sales leaves no row


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Looks the accounts of the last pages up in AccountSync."""

    checked: CheckedAccounts

    async def of(self, run: LoadRun, now: datetime) -> list[UUID]:
        """Return the accounts whose check has not ended; none from three minutes after the last check on."""
        last = max(filter(None, (run.sent_at, run.paced_until)), default=None)
        if last is None or now - last > GIVEN_UP:
            return []
        ended = {row.account_id for row in await self.checked.of(run.recent) if row.result(run)}
        return [account_id for account_id in run.recent if account_id not in ended]
