"""The tables in memory, with the semantics that the app relies on: ETags, insert-if-absent."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import count
from uuid import UUID

from shared.model.breaker import Breaker
from shared.model.control import Answered, Bookmark, Handled, InUse, Untaken
from shared.model.customer import CustomerKey, Waiting
from shared.model.faults import Fault, StateConflict, System
from shared.model.issue import Issue, ParkedAccount, Seen
from shared.model.mapping import (
    CURRENCIES,
    Changes,
    CurrencyMapping,
    MappingTable,
    Usage,
    currency_key,
    escape_key,
    unescape_key,
)
from shared.model.mapping_edit import (
    Edit,
    Mapped,
    MappingConflict,
    MappingRow,
    RowChange,
    Version,
)
from shared.model.outcome import Cause, Problem, keys_of_cause, of_mapping
from shared.model.state import Page, ScannedAccount, Stored, SyncState
from tests.fakes.clock import FakeClock


class FakeStates:
    """Implements SyncStates; a page of a scan reads `page_size` rows, `scans` counts pages of `waiting`."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Stored] = {}
        self.page_size = 1000
        self.scans = 0
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

    async def is_empty(self) -> bool:
        return not self.rows

    async def with_key(self, table: MappingTable, keys: Collection[str], after: str) -> Page[ScannedAccount]:
        wanted = {*keys}
        page = self._page(after, lambda state: ScannedAccount.of(state)._replace(keys=_keys(state, table)))
        return page._replace(rows=[account for account in page.rows if wanted.intersection(account.keys)])

    async def with_issue(self, after: str) -> Page[ScannedAccount]:
        page = self._page(after, ScannedAccount.of)
        return page._replace(rows=[account for account in page.rows if account.issue])

    async def waiting(self, after: str) -> Page[datetime]:
        self.scans += 1
        page = self._page(after, lambda state: state.retrying_since or state.unknown_until)
        return Page([since for since in page.rows if since], page.after)

    async def usage(self, table: MappingTable) -> Mapping[str, Usage]:
        found: dict[str, Usage] = {}
        for state in (stored.state for stored in self.rows.values()):
            parked = state.phase == "parked" and of_mapping(table, state.issue or "")
            for key in {*_keys(state, table)}:
                known = found.get(key, Usage())
                found[key] = Usage(known.accounts + 1, known.parked + parked)
        return found

    def _page[T](self, after: str, read: Callable[[SyncState], T]) -> Page[T]:
        """As the service does it: a page ends after so many rows were read, wanted or not."""
        ordered = sorted(id_ for id_ in self.rows if str(id_) > after)
        page = ordered[: self.page_size]
        found = [read(self.rows[id_].state) for id_ in page]
        return Page(found, str(page[-1]) if len(page) < len(ordered) else "")


def _keys(state: SyncState, table: MappingTable) -> tuple[str, ...]:
    if table.of_currencies:
        return (state.currency_key,) if state.currency_key else ()
    return tuple(key for field in table.fields for key in state.mapped_keys.get(field, ()))


class FakeOwners:
    """Implements CustomerOwners."""

    def __init__(self) -> None:
        self.rows: dict[CustomerKey, UUID] = {}
        self.waiters: dict[CustomerKey, frozenset[UUID]] = {}
        self._versions: Counter[CustomerKey] = Counter()

    async def claim(self, key: CustomerKey, account_id: UUID) -> UUID:
        return self.rows.setdefault(key.folded, account_id)

    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool:
        if self.rows.get(key.folded) != owner:
            return False
        self.waiters[key.folded] = self.waiters.get(key.folded, frozenset()) | {account_id}
        self._versions[key.folded] += 1
        return True

    async def waiting(self, key: CustomerKey) -> frozenset[UUID]:
        return self.waiters.get(key.folded, frozenset())

    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool:
        if self.rows.get(key.folded) != before:
            return False
        self.rows[key.folded] = account_id
        return True

    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None:
        if self.rows.get(key.folded) != account_id:
            return None
        accounts, version = await self.waiting(key), str(self._versions[key.folded])
        if accounts and version != told:
            return Waiting(accounts, version)
        del self.rows[key.folded]
        self.waiters.pop(key.folded, None)
        return None

    async def owner(self, key: CustomerKey) -> UUID | None:
        return self.rows.get(key.folded)

    async def by_number(self, number: str) -> Sequence[UUID]:
        wanted = CustomerKey("", number).folded.number
        return [owner for key, owner in self.rows.items() if (key.number, key.by) == (wanted, "")]


class FakeIssues:
    """Implements Issues; every issue was parked at the same moment."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, UUID], tuple[Problem, int]] = {}
        self.healed: dict[tuple[str, UUID], str] = {}
        self.seen: dict[tuple[str, UUID], Seen] = {}
        self.page_size = 1000

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        _, times = self.rows.get((problem.key, account_id), (problem, 0))
        self.rows[problem.key, account_id] = (problem, times + 1)
        self.healed.pop((problem.key, account_id), None)

    async def remove(self, key: str, account_id: UUID) -> None:
        self.rows.pop((key, account_id), None)
        self.healed.pop((key, account_id), None)
        self.seen.pop((key, account_id), None)

    async def mark_seen(self, key: str, account_id: UUID, seen: Seen) -> bool:
        if (key, account_id) not in self.rows:
            return False
        self.seen[key, account_id] = seen
        return True

    async def all(self, after: str) -> Page[Issue]:
        place = int(after or 0)
        rows = await self.report()
        end = place + self.page_size
        return Page(rows[place:end], str(end) if end < len(rows) else "")

    async def report(self, cause: str = "") -> Sequence[Issue]:
        return [
            Issue(
                *(key, account_id, str(problem.cause), problem.value, problem.field, problem.remedy()),
                *(problem.status, problem.error_type, "", "", times, self.seen.get((key, account_id))),
            )
            for (key, account_id), (problem, times) in self.rows.items()
            if any(not one or key == one or key.startswith(f"{one}|") for one in keys_of_cause(cause))
        ]

    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]:
        keys = sorted((key, str(id_)) for key, id_ in self.rows if key.startswith(f"{cause}|"))
        behind = [(key, id_) for key, id_ in keys if f"{key} {id_}" > after]
        page = [self._parked(key, UUID(id_)) for key, id_ in behind[: self.page_size]]
        more = len(behind) > len(page)
        return Page(page, f"{page[-1].key} {page[-1].account_id}" if more else "")

    async def under(self, key: str, after: str) -> Page[ParkedAccount]:
        ids = sorted(str(id_) for other, id_ in self.rows if other == key and str(id_) > after)
        page = [self._parked(key, UUID(id_)) for id_ in ids[: self.page_size]]
        return Page(page, ids[self.page_size - 1] if len(ids) > len(page) else "")

    async def listed(self, after: str) -> Page[ParkedAccount]:
        ordered = sorted((f"{key} {id_}", key, id_) for key, id_ in self.rows)
        behind = [row for row in ordered if row[0] > after]
        page = behind[: self.page_size]
        more = len(behind) > len(page)
        return Page([self._parked(key, id_) for _, key, id_ in page], page[-1][0] if more else "")

    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str, remedy: str = "") -> None:
        for row in rows:
            place = row.key, row.account_id
            if place in self.rows and self._parked(*place).etag == row.etag:
                self.healed[place] = version
                problem, times = self.rows[place]
                self.rows[place] = replace(problem, advice=remedy or problem.advice), times

    async def restore(self, account: ScannedAccount, at: datetime) -> None:
        cause, _, value = account.issue.partition("|")
        problem = Problem(Cause(cause), value=unescape_key(value))
        self.rows.setdefault((account.issue, account.account_id), (problem, 1))

    def _parked(self, key: str, account_id: UUID) -> ParkedAccount:
        problem, times = self.rows[key, account_id]
        healed = self.healed.get((key, account_id), "")
        return ParkedAccount(key, account_id, problem.value, healed, f"{times} {healed}")


class FakeMappings:
    """Implements CurrencyMappings over rows that a test may change by hand; it never caches.

    `asked` notes for each look-up whether it asked anew; `fail_on` raises this fault at the part of an edit
    of that number.
    """

    def __init__(self, rows: Mapping[str, str] | None = None, clock: FakeClock | None = None) -> None:
        self.table: dict[str, MappingRow] = {}
        self.asked: list[bool] = []
        self.fail_on: Mapping[int, Fault] = {}
        self._clock = clock or FakeClock()
        self._versions = count(1)
        self._edits: dict[str, Edit] = {}
        self._parts: defaultdict[str, dict[int, list[RowChange]]] = defaultdict(dict)
        self._changed_at = self._clock.now()
        for crm, ax in (rows or {}).items():
            self.put(crm, crm, ax)

    def put(self, row_key: str, crm: str, ax: str) -> None:
        """Add or change the row of this key."""
        self.table[row_key] = MappingRow(row_key, Mapped(crm, ax), f'W/"{next(self._versions)}"')
        self._changed_at = self._clock.now()

    def set(self, crm: str, ax: str) -> None:
        """Add or change the one row of a currency, as an operator would."""
        key = currency_key(crm)
        self.table = {row_key: row for row_key, row in self.table.items() if row.key != key}
        self.put(escape_key(key), crm, ax)

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        self.asked.append(fresh)
        return [_mapping(row) for row in self.table.values() if _key(row) == key]

    async def by_name(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        found: dict[str, list[CurrencyMapping]] = {}
        for row in self.table.values():
            if row.key is not None:
                found.setdefault(row.key, []).append(_mapping(row))
        return found

    async def changed_since(self, moment: datetime, after: str = "") -> Changes:
        return Changes(found=self._changed_at >= moment, after="")

    async def tell(self, keys: Collection[str]) -> None:
        """Nothing to tell: nobody has a copy."""

    async def rows(self) -> Sequence[MappingRow]:
        return list(self.table.values())

    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None:
        if fault := self.fail_on.get(part):
            raise fault
        for change in changes:
            row = self.table.get(change.row_key)
            if (row.etag if row else "") != change.etag:
                raise MappingConflict(change.mapped.crm)
        for change in changes:
            if change.after is None:
                del self.table[change.row_key]
            else:
                self.put(change.row_key, *change.after)
        self._edits[edit.id] = edit
        self._parts[edit.id][part] = list(changes)

    async def history(self) -> Sequence[Version]:
        return [
            Version(edit, tuple(c for _, part in sorted(self._parts[id_].items()) for c in part))
            for id_, edit in sorted(self._edits.items())
        ]


@cache
def _key(row: MappingRow) -> str | None:
    return row.key


def _mapping(row: MappingRow) -> CurrencyMapping:
    return CurrencyMapping(*row.mapped, row.etag)


class FakeControl:
    """Implements Control; `trouble` is what the two methods for answers to probes raise."""

    def __init__(self) -> None:
        self.breaker_rows: dict[System, tuple[Breaker, str]] = {}
        self.reserved: dict[tuple[str, datetime], int] = {}
        self.handled_of: defaultdict[str, dict[str, Handled]] = defaultdict(dict)
        self.bookmark_rows: dict[str, Bookmark] = {}
        self.held: dict[str, datetime] = {}
        self.answered: Answered | None = None
        self.trouble: Fault | None = None
        self.in_use: InUse | None = None
        self.missing = ""
        self.untaken_now: Untaken | None = None
        self._versions = count(1)

    async def target_in_use(self) -> InUse | None:
        return self.in_use

    async def put_target_in_use(self, target: InUse) -> None:
        self.in_use = target

    async def untaken(self) -> Untaken | None:
        return self.untaken_now

    async def put_untaken(self, untaken: Untaken | None) -> None:
        self.untaken_now = untaken

    async def breakers(self) -> Mapping[System, tuple[Breaker, str]]:
        return dict(self.breaker_rows)

    async def put_breaker(self, breaker: Breaker, etag: str | None) -> str:
        _, known = self.breaker_rows.get(breaker.system, (None, None))
        if known != etag:
            raise StateConflict
        new = f'W/"{next(self._versions)}"'
        self.breaker_rows[breaker.system] = breaker, new
        return new

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        taken = self.reserved.get((kind, hour), 0)
        granted = max(0, min(wanted, ceiling - taken))
        self.reserved[kind, hour] = taken + granted
        return granted

    @property
    def handled_rows(self) -> dict[str, Handled]:
        """What healing noted of the rows of the currency mapping."""
        return self.handled_of[CURRENCIES.name]

    async def handled(self, table: MappingTable, scan: str = "") -> Mapping[str, Handled]:
        rows = self.handled_of[table.name]
        return {key: row for key, row in rows.items() if not scan or row.scan == scan}

    async def put_handled(self, table: MappingTable, rows: Mapping[str, Handled]) -> None:
        self.handled_of[table.name].update(rows)

    async def remove_handled(self, table: MappingTable, keys: Collection[str]) -> None:
        for key in keys:
            del self.handled_of[table.name][key]

    async def bookmarks(self) -> Mapping[str, Bookmark]:
        return dict(self.bookmark_rows)

    async def put_bookmarks(self, bookmarks: Mapping[str, Bookmark]) -> None:
        self.bookmark_rows.update(bookmarks)

    async def remove_bookmark(self, name: str) -> None:
        self.bookmark_rows.pop(name, None)

    async def held_since(self) -> Mapping[str, datetime]:
        return dict(self.held)

    async def put_held(self, systems: Mapping[str, datetime]) -> None:
        self.held.update(systems)

    async def remove_held(self, systems: Collection[str]) -> None:
        for system in systems:
            del self.held[system]

    async def last_answer(self) -> Answered | None:
        if self.trouble:
            raise self.trouble
        return self.answered

    async def events_missing(self) -> str:
        if self.trouble:
            raise self.trouble
        return self.missing

    async def put_answer(self, answered: Answered) -> None:
        if self.trouble:
            raise self.trouble
        self.answered = answered
