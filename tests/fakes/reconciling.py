"""What a comparison of both systems needs, in memory: the differences kept, and the accounts of Sales."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shared.model.faults import Fault
from shared.model.reconciliation import Difference
from shared.ports.reconciling import AccountRow
from tests.fakes.dynamics import FakeSales


class FakeDifferences:
    """Implements Differences."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[UUID, Difference]] = {}

    async def keep(self, run: str, differences: Sequence[Difference]) -> None:
        self.rows.setdefault(run, {}).update({one.account_id: one for one in differences})

    async def of_run(self, run: str) -> Sequence[Difference]:
        return [one for _, one in sorted(self.rows.get(run, {}).items(), key=lambda item: str(item[0]))]

    async def remove_before(self, moment: datetime) -> None:
        self.rows = {run: rows for run, rows in self.rows.items() if run >= f"{moment:%Y%m%dT%H%M%S}"}


@dataclass
class FakeRows:
    """Implements AccountRows over the accounts of FakeSales."""

    sales: FakeSales
    trouble: Fault | None = None
    requests: int = 0

    async def after(self, version: str, size: int) -> Sequence[AccountRow]:
        self.requests += 1
        if self.trouble:
            raise self.trouble
        later = [account for account in self.sales.rows.values() if account.version > int(version or -1)]
        page, now = sorted(later, key=lambda account: account.version)[:size], self.sales.clock.now()
        return [AccountRow(replace(account, read_at=now), account.read_at) for account in page]

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        self.requests += 1
        return frozenset(account_ids) & self.sales.rows.keys()
