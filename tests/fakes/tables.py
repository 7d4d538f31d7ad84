"""The tables in memory, with the semantics that the app relies on: ETags, insert-if-absent."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.model.currency import CurrencyMapping, currency_key
from shared.model.customer import CustomerKey
from shared.model.faults import StateConflict
from shared.model.outcome import Problem
from shared.model.sync_state import Stored, SyncState
from shared.ports import Owner


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

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        _, times = self.rows.get((problem.key, account_id), (problem, 0))
        self.rows[problem.key, account_id] = (problem, times + 1)

    async def remove(self, key: str, account_id: UUID) -> None:
        self.rows.pop((key, account_id), None)


class FakeMappings:
    """Implements CurrencyMappings over rows that a test may change; it never caches."""

    def __init__(self, rows: dict[str, str] | None = None) -> None:
        self.rows = [CurrencyMapping(crm, ax) for crm, ax in (rows or {}).items()]

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        return [row for row in self.rows if _key_of(row) == key]


def _key_of(row: CurrencyMapping) -> str | None:
    try:
        return currency_key(row.crm)
    except ValueError:
        return None  # such a row is not used
