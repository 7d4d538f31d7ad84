"""The tables in memory, with the semantics that the app relies on: ETags, insert-if-absent."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.model.breaker import Breaker
from shared.model.currency import CurrencyMapping, currency_key, unescape_key
from shared.model.customer import CustomerKey
from shared.model.faults import Fault, StateConflict, System
from shared.model.outcome import Cause, Problem
from shared.model.sync_state import Phase, Stored, SyncState
from shared.ports import Owner
from shared.ports.recovery import Handled, ParkedAccount
from shared.ports.waiting import Answered, WaitingPage


class FakeStates:
    """Implements SyncStates."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Stored] = {}
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

    async def with_currency(self, keys: Collection[str]) -> AsyncIterator[SyncState]:
        for stored in [*self.rows.values()]:
            if stored.state.currency_key in keys:
                yield stored.state

    async def in_phase(self, phase: Phase) -> AsyncIterator[SyncState]:
        for stored in [*self.rows.values()]:
            if stored.state.phase is phase:
                yield stored.state


class FakeOwners:
    """Implements CustomerOwners."""

    def __init__(self) -> None:
        self.rows: dict[CustomerKey, Owner] = {}

    async def claim(self, key: CustomerKey, account_id: UUID) -> Owner:
        return self.rows.setdefault(key.folded, Owner(account_id, "claimed"))

    async def mark(self, key: CustomerKey, owner: Owner) -> None:
        self.rows[key.folded] = owner

    async def release(self, key: CustomerKey) -> None:
        self.rows.pop(key.folded, None)


class FakeIssues:
    """Implements Issues."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, UUID], tuple[Problem, int]] = {}
        self.healed: dict[tuple[str, UUID], str] = {}

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        _, times = self.rows.get((problem.key, account_id), (problem, 0))
        self.rows[problem.key, account_id] = (problem, times + 1)

    async def remove(self, key: str, account_id: UUID) -> None:
        self.rows.pop((key, account_id), None)
        self.healed.pop((key, account_id), None)

    async def all(self, prefix: str = "") -> AsyncIterator[ParkedAccount]:
        for (key, account_id), (problem, _) in [*self.rows.items()]:
            if key.startswith(prefix):
                yield ParkedAccount(key, account_id, problem.value, self.healed.get((key, account_id), ""))

    async def mark_healed(self, row: ParkedAccount, version: str) -> None:
        if (row.key, row.account_id) in self.rows:
            self.healed[row.key, row.account_id] = version

    async def restore(self, state: SyncState, at: datetime) -> None:
        if state.issue is not None:
            cause, _, value = state.issue.partition("|")
            problem = Problem(Cause(cause), value=unescape_key(value))
            self.rows.setdefault((state.issue, state.account_id), (problem, 1))


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

    def __init__(self, mappings: FakeMappings) -> None:
        self._mappings = mappings

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        return self._mappings.grouped()


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
        since = [state.retrying_since or state.doubtful_until for state in states[start : start + self._size]]
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
