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
    """Implements AccountRows over the accounts of FakeSales, in an order that is not that of the texts."""

    sales: FakeSales
    trouble: Fault | None = None
    requests: int = 0

    async def after(self, account_id: str, size: int) -> Sequence[AccountRow]:
        self.requests += 1
        if self.trouble:
            raise self.trouble
        last = _order(UUID(account_id)) if account_id else b""
        behind = sorted((_order(known), known) for known in self.sales.rows if _order(known) > last)
        accounts = [self.sales.rows[known] for _, known in behind[:size]]
        now = self.sales.clock.now()
        return [AccountRow(replace(account, read_at=now), account.read_at) for account in accounts]

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        self.requests += 1
        return frozenset(account_ids) & self.sales.rows.keys()


def _order(account_id: UUID) -> bytes:
    """As the database of Sales sorts ids: the last group first."""
    return account_id.bytes[10:] + account_id.bytes[:10]
