"""What runs need, in memory: their rows, the queue of pages, the accounts of Sales and what was checked."""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.model.account import Account
from shared.model.faults import ConditionRefused, Fault, StateConflict
from shared.model.load import Checked, Selection
from shared.model.page import PageDue, RunKind
from shared.model.related import Reference
from shared.model.state import Page, SyncState
from shared.ports.load import AccountPage
from shared.ports.pages import StoredRun
from tests.fakes.bus import FakeQueue
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeSales
from tests.fakes.tables import FakeStates

ORGANIZATION = UUID("11111111-1111-1111-1111-111111111111")


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
        self.rows[kind] = StoredRun(document, f'W/"{next(self._versions)}"')
        return self.rows[kind].etag


@dataclass
class FakePages:
    """Implements PageQueue, with duplicate detection; `take` gives what is due, oldest first."""

    clock: FakeClock
    waiting: list[tuple[datetime, int, PageDue]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    trouble: Fault | None = None

    async def send(self, page: PageDue, due: datetime | None = None) -> None:
        if self.trouble:
            raise self.trouble
        if page.message_id in self.seen:
            return
        self.seen.add(page.message_id)
        insort(self.waiting, (due or self.clock.now(), len(self.seen), page), key=lambda item: item[:2])

    def take(self) -> PageDue | None:
        """The next page that is due, or None."""
        if self.waiting and self.waiting[0][0] <= self.clock.now():
            return self.waiting.pop(0)[2]
        return None

    def take_next(self) -> PageDue | None:
        """The next page, whenever it is due; the clock moves to that moment."""
        if not self.waiting:
            return None
        due, _, page = self.waiting.pop(0)
        self.clock.advance_to(max(due, self.clock.now()))
        return page

    def next_due(self) -> datetime | None:
        return self.waiting[0][0] if self.waiting else None


@dataclass
class FakeAccountPages:
    """Implements AccountPages over the accounts of Sales; the one condition that it knows is `refused`."""

    sales: FakeSales
    clock: FakeClock
    sizes: list[int] = field(default_factory=list)
    trouble: Exception | None = None

    async def page(self, selection: Selection, after: str, most: int) -> AccountPage:
        if self.trouble is not None:
            raise self.trouble
        if selection.where == "refused":
            raise ConditionRefused("Could not find a property named 'refused'.")
        self.sizes.append(most)
        behind = [
            row
            for row in self.sales.rows.values()
            if row.version > int(after or -1) and _refers(row, selection.refers_to)
        ]
        page = sorted(behind, key=lambda row: row.version)[:most]
        last = str(page[-1].version) if page else after
        return AccountPage([row.account_id for row in page], last, self.clock.now())

    async def organization(self) -> UUID:
        return ORGANIZATION


def _refers(row: Account, to: Reference | None) -> bool:
    return to is None or any(str(row.columns.get(column)) == str(to.row_id) for column in to.columns)


@dataclass
class FakeWaiting:
    """Implements WaitingChanges over the queue in memory; `others` wait besides."""

    queue: FakeQueue
    trouble: Fault | None = None
    others: int = 0

    async def count(self) -> int:
        if self.trouble is not None:
            raise self.trouble
        return len(self.queue.waiting) + self.others


@dataclass
class FakeChecked:
    """Implements CheckedAccounts over the states in memory."""

    states: FakeStates
    trouble: Fault | None = None

    async def page(self, after: str) -> Page[Checked]:
        ordered = sorted(id_ for id_ in self.states.rows if str(id_) > after)
        page = ordered[: self.states.page_size]
        rows = [_checked(self.states.rows[id_].state) for id_ in page]
        return Page(rows, str(page[-1]) if len(page) < len(ordered) else "")

    async def of(self, account_ids: Sequence[UUID]) -> Sequence[Checked]:
        if self.trouble is not None:
            raise self.trouble
        return [_checked(self.states.rows[id_].state) for id_ in account_ids if id_ in self.states.rows]


def _checked(state: SyncState) -> Checked:
    return Checked(state.account_id, state.phase, state.issue or "", state.lease is not None, state.log)
