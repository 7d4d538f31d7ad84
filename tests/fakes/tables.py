"""The tables in memory, with the semantics that the app relies on: ETags, insert-if-absent."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.model.breaker import Breaker
from shared.model.customer import CustomerKey
from shared.model.faults import Fault, StateConflict, System
from shared.model.mapping import CurrencyMapping, currency_key, unescape_key
from shared.model.outcome import Cause, Problem
from shared.model.state import Stored, SyncState
from shared.ports import Owner, Waiting
from shared.ports.recovery import Bookmark, Handled, Page, ParkedAccount, ScannedAccount
from shared.ports.waiting import Answered, WaitingPage
from tests.fakes.clock import FakeClock


class FakeStates:
    """Implements SyncStates and StateScan; a page of a scan reads `page_size` rows."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Stored] = {}
        self.page_size = 1000
        self._versions = count(1)

    async def get(self, account_id: UUID) -> Stored | None:
        return self.rows.get(account_id)

    async def put(self, state: SyncState, etag: str | None) -> str:
        stored = self.rows.get(state.account_id)
        if (stored.etag if stored else None) != etag:
            raise StateConflict
        new = f'W/"{next(self._versions)}"'
        self.rows[state.account_id] = Stored(state, new)
        return new

    async def with_currency(self, keys: Collection[str], after: str) -> Page[ScannedAccount]:
        return self._page(after, lambda account: account.currency_key in keys)

    async def with_issue(self, after: str) -> Page[ScannedAccount]:
        return self._page(after, lambda account: account.issue != "")

    def _page(self, after: str, wanted: Callable[[ScannedAccount], bool]) -> Page[ScannedAccount]:
        """As the service does it: a page ends after so many rows were read, wanted or not."""
        ordered = sorted(id_ for id_ in self.rows if str(id_) > after)
        read = ordered[: self.page_size]
        found = [account for id_ in read if wanted(account := ScannedAccount.of(self.rows[id_].state))]
        return Page(found, str(read[-1]) if len(read) < len(ordered) else "")


class FakeOwners:
    """Implements CustomerOwners."""

    def __init__(self) -> None:
        self.rows: dict[CustomerKey, Owner] = {}
        self.waiters: dict[CustomerKey, frozenset[UUID]] = {}
        self._versions: Counter[CustomerKey] = Counter()

    async def claim(self, key: CustomerKey, account_id: UUID) -> Owner:
        return self.rows.setdefault(key.folded, Owner(account_id, "claimed"))

    async def mark(self, key: CustomerKey, owner: Owner) -> None:
        self.rows[key.folded] = owner

    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool:
        row = self.rows.get(key.folded)
        if row is None or row.account_id != owner:
            return False
        self.waiters[key.folded] = self.waiters.get(key.folded, frozenset()) | {account_id}
        self._versions[key.folded] += 1
        return True

    async def waiting(self, key: CustomerKey) -> frozenset[UUID]:
        return self.waiters.get(key.folded, frozenset())

    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool:
        row = self.rows.get(key.folded)
        if row is None or row.account_id != before:
            return False
        self.rows[key.folded] = Owner(account_id, "claimed")
        return True

    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None:
        row = self.rows.get(key.folded)
        if row is None or row.account_id != account_id:
            return None
        accounts, version = await self.waiting(key), str(self._versions[key.folded])
        if accounts and version != told:
            return Waiting(accounts, version)
        del self.rows[key.folded]
        self.waiters.pop(key.folded, None)
        return None


class FakeIssues:
    """Implements Issues and IssueList."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, UUID], tuple[Problem, int]] = {}
        self.healed: dict[tuple[str, UUID], str] = {}
        self.page_size = 1000

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        _, times = self.rows.get((problem.key, account_id), (problem, 0))
        self.rows[problem.key, account_id] = (problem, times + 1)
        self.healed.pop((problem.key, account_id), None)

    async def remove(self, key: str, account_id: UUID) -> None:
        self.rows.pop((key, account_id), None)
        self.healed.pop((key, account_id), None)

    async def all(self, prefix: str = "") -> AsyncIterator[ParkedAccount]:
        for key, account_id in [*self.rows]:
            if key.startswith(prefix):
                yield self._parked(key, account_id)

    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]:
        keys = sorted((key, str(id_)) for key, id_ in self.rows if key.startswith(f"{cause}|"))
        behind = [(key, id_) for key, id_ in keys if f"{key} {id_}" > after]
        page = [self._parked(key, UUID(id_)) for key, id_ in behind[: self.page_size]]
        more = len(behind) > len(page)
        return Page(page, f"{page[-1].key} {page[-1].account_id}" if more else "")

    async def between(self, after: str, last: str) -> Sequence[ParkedAccount]:
        ids = [(key, id_) for key, id_ in self.rows if after < str(id_) and (not last or str(id_) <= last)]
        return [self._parked(key, id_) for key, id_ in ids]

    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str) -> None:
        for row in rows:
            place = row.key, row.account_id
            if place in self.rows and self._parked(*place).etag == row.etag:
                self.healed[place] = version

    async def restore(self, account: ScannedAccount, at: datetime) -> None:
        cause, _, value = account.issue.partition("|")
        problem = Problem(Cause(cause), value=unescape_key(value))
        self.rows.setdefault((account.issue, account.account_id), (problem, 1))

    def _parked(self, key: str, account_id: UUID) -> ParkedAccount:
        problem, times = self.rows[key, account_id]
        healed = self.healed.get((key, account_id), "")
        return ParkedAccount(key, account_id, problem.value, healed, f"{times} {healed}")


class FakeMappings:
    """Implements CurrencyMappings over rows that a test may change; it never caches.

    `asked` notes for each look-up whether it asked anew.
    """

    def __init__(self, rows: dict[str, str] | None = None) -> None:
        self.asked: list[bool] = []
        self.rows = [CurrencyMapping(crm, ax, f"{crm} {ax}") for crm, ax in (rows or {}).items()]

    def set(self, crm: str, ax: str) -> None:
        """Add or change a row, as an operator would."""
        others = [row for row in self.rows if currency_key(row.crm) != currency_key(crm)]
        self.rows = [*others, CurrencyMapping(crm, ax, f"{crm} {ax}")]

    def grouped(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        found: dict[str, list[CurrencyMapping]] = {}
        for row in self.rows:
            found.setdefault(currency_key(row.crm), []).append(row)
        return found

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        self.asked.append(fresh)
        return [row for row in self.rows if _key_of(row) == key]


def _key_of(row: CurrencyMapping) -> str | None:
    try:
        return currency_key(row.crm)
    except ValueError:
        return None  # such a row is not used


class FakeMappingRows:
    """Implements MappingRows over the same rows as `FakeMappings`."""

    def __init__(self, mappings: FakeMappings, clock: FakeClock) -> None:
        self._mappings = mappings
        self._clock = clock
        self._known: frozenset[CurrencyMapping] = frozenset()
        self._changed_at = clock.now()

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        return self._mappings.grouped()

    async def changed_since(self, moment: datetime) -> bool:
        """A row counts as changed when it is first seen, which is never before it was."""
        now = frozenset(self._mappings.rows)
        if now - self._known:
            self._changed_at = self._clock.now()
        self._known = now
        return self._changed_at >= moment


class FakeBreakers:
    """Implements BreakerRows."""

    def __init__(self) -> None:
        self.stored: dict[System, tuple[Breaker, str]] = {}
        self._versions = count(1)

    async def read(self) -> Mapping[System, tuple[Breaker, str]]:
        return dict(self.stored)

    async def put(self, breaker: Breaker, etag: str | None) -> str:
        _, known = self.stored.get(breaker.system, (None, None))
        if known != etag:
            raise StateConflict
        new = f'W/"{next(self._versions)}"'
        self.stored[breaker.system] = breaker, new
        return new


class FakeAllowances:
    """Implements Allowances."""

    def __init__(self) -> None:
        self.reserved: dict[tuple[str, datetime], int] = {}

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        taken = self.reserved.get((kind, hour), 0)
        granted = max(0, min(wanted, ceiling - taken))
        self.reserved[kind, hour] = taken + granted
        return granted


class FakeHandled:
    """Implements HandledMappings."""

    def __init__(self) -> None:
        self.rows: dict[str, Handled] = {}

    async def read(self) -> Mapping[str, Handled]:
        return dict(self.rows)

    async def of(self, scan: str) -> Mapping[str, Handled]:
        return {key: row for key, row in self.rows.items() if row.scan == scan}

    async def put(self, rows: Mapping[str, Handled]) -> None:
        self.rows.update(rows)

    async def remove(self, keys: Collection[str]) -> None:
        for key in keys:
            del self.rows[key]


class FakeWaiting:
    """Implements WaitingWork over the states, a few accounts a page."""

    def __init__(self, states: FakeStates, size: int = 1000) -> None:
        self._states = states
        self._size = size
        self.noted: dict[str, datetime] = {}
        self.requests = 0

    async def page(self, after: object | None) -> WaitingPage:
        self.requests += 1
        states = [stored.state for stored in self._states.rows.values()]
        start = after if isinstance(after, int) else 0
        since = [state.retrying_since or state.unknown_until for state in states[start : start + self._size]]
        end = start + self._size
        return WaitingPage([moment for moment in since if moment], end if end < len(states) else None)

    async def systems(self) -> Mapping[str, datetime]:
        return dict(self.noted)

    async def remember(self, systems: Mapping[str, datetime]) -> None:
        self.noted.update(systems)

    async def forget(self, systems: Collection[str]) -> None:
        for system in systems:
            del self.noted[system]


class FakeProbeAnswers:
    """Implements ProbeAnswers; `trouble` is what both raise."""

    def __init__(self) -> None:
        self.answered: Answered | None = None
        self.trouble: Fault | None = None

    async def last(self) -> Answered | None:
        if self.trouble:
            raise self.trouble
        return self.answered

    async def put(self, answered: Answered) -> None:
        if self.trouble:
            raise self.trouble
        self.answered = answered


class FakeBookmarks:
    """Implements Bookmarks."""

    def __init__(self) -> None:
        self.rows: dict[str, Bookmark] = {}

    async def read(self) -> Mapping[str, Bookmark]:
        return dict(self.rows)

    async def put(self, name: str, bookmark: Bookmark) -> None:
        self.rows[name] = bookmark

    async def remove(self, name: str) -> None:
        self.rows.pop(name, None)
