"""What runs over many accounts need, in memory: rows, queue, findings, and lists of accounts."""

from bisect import insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.model.faults import Fault, StateConflict
from shared.model.page import PageDue, RunKind
from shared.model.reconciliation import Difference
from shared.ports.pages import StoredRun
from shared.ports.reconciling import AccountRow
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeSales


class FakeRuns:
    """Implements Runs."""

    def __init__(self) -> None:
        self.rows: dict[RunKind, StoredRun] = {}
        self._versions = count(1)

    async def read(self, kind: RunKind) -> StoredRun | None:
        return self.rows.get(kind)

    async def write(self, kind: RunKind, document: str, etag: str | None) -> str:
        stored = self.rows.get(kind)
        if (stored.etag if stored else None) != etag:
            raise StateConflict
        new = f'W/"{next(self._versions)}"'
        self.rows[kind] = StoredRun(document, new)
        return new


@dataclass
class FakePages:
    """Implements PageQueue; `take` gives the next message and moves the clock to when it is due."""

    clock: FakeClock
    waiting: list[tuple[datetime, int, PageDue]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    trouble: Fault | None = None

    async def send(self, page: PageDue, due: datetime | None = None) -> None:
        if self.trouble:
            raise self.trouble
        if page.message_id not in self.seen:
            self.seen.add(page.message_id)
            insort(self.waiting, (due or self.clock.now(), len(self.seen), page), key=lambda item: item[:2])

    def take(self) -> PageDue | None:
        if not self.waiting:
            return None
        due, _, page = self.waiting.pop(0)
        self.clock.advance_to(max(due, self.clock.now()))
        return page


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
