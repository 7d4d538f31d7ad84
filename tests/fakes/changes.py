"""What catch-up needs from outside, in memory: the changes of FakeSales, the versions of FakeStates."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.model.catch_up import (
    CatchUpState,
    ChangedAccount,
    ChangePage,
    KnownAccount,
    Noted,
    Refusal,
    Request,
)
from shared.model.faults import StateConflict
from shared.model.state import Page, SyncState
from tests.fakes.dynamics import FakeSales
from tests.fakes.tables import FakeControl, FakeStates

ORGANIZATION = UUID("11111111-1111-1111-1111-111111111111")


@dataclass
class FakeChanges:
    """Implements AccountChanges. A delta link with a version below `oldest` expired."""

    sales: FakeSales
    page_size: int = 2
    tracked: bool = True
    oldest: int = 0
    requests: list[str] = field(default_factory=list[str])

    async def begin(self) -> ChangePage | Refusal:
        await self._asked("begin")
        return await self._all(0, self.sales.version) if self.tracked else Refusal.TRACKING_OFF

    async def follow(self, link: str, *, tracked: bool) -> ChangePage | Refusal:
        await self._asked(link)
        kind, version, offset, start = link.split("!")
        if kind == "modified":
            return await self._modified(datetime.fromisoformat(version), int(offset))
        if not self.tracked or int(version) < self.oldest:
            return Refusal.LINK
        assert tracked == (kind == "all")
        if kind == "all":
            return await self._all(int(offset), int(start))
        return await self._changed(int(version), int(offset), int(start) or self.sales.version)

    async def modified_since(self, moment: datetime | None) -> ChangePage | Refusal:
        await self._asked("modified")
        return await self._modified(moment or datetime.fromisoformat("1900-01-01T00:00:00+00:00"), 0)

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        await self._asked("existing")
        return frozenset(account_ids) & self.sales.rows.keys()

    async def organization(self) -> UUID:
        return ORGANIZATION

    def expire(self) -> None:
        """Let every link that was given out so far expire."""
        self.sales.version += 1
        self.oldest = self.sales.version

    async def _asked(self, what: str) -> None:
        self.requests.append(what)
        await self.sales.probe()

    async def _all(self, offset: int, start: int) -> ChangePage:
        rows = [ChangedAccount(id_, row.version) for id_, row in sorted(self.sales.rows.items())]
        return self._page(rows, offset, f"all!{start}", start, f"delta!{start}!0!0")

    async def _changed(self, version: int, offset: int, start: int) -> ChangePage:
        rows = [ChangedAccount(id_, row.version) for id_, row in self.sales.rows.items()]
        rows = sorted((row for row in rows if (row.version or 0) > version), key=lambda row: row.version or 0)
        gone = [id_ for id_, at in self.sales.gone.items() if at > version and id_ not in self.sales.rows]
        rows += [ChangedAccount(id_, None) for id_ in gone]
        return self._page(rows, offset, f"delta!{version}", start, f"delta!{start}!0!0")

    async def _modified(self, moment: datetime, offset: int) -> ChangePage:
        ids = [id_ for id_ in sorted(self.sales.rows) if self.sales.modified[id_] >= moment]
        rows = [ChangedAccount(id_, self.sales.rows[id_].version) for id_ in ids]
        return self._page(rows, offset, f"modified!{moment.isoformat()}", 0, "")

    def _page(self, rows: list[ChangedAccount], offset: int, link: str, start: int, delta: str) -> ChangePage:
        now, end = self.sales.clock.now(), offset + self.page_size
        if end < len(rows):
            return ChangePage(rows[offset:end], now, f"{link}!{end}!{start}")
        return ChangePage(rows[offset:end], now, "", delta)


@dataclass
class FakeKnown:
    """Implements KnownAccounts."""

    states: FakeStates
    page_size: int = 2

    async def of(self, account_ids: Collection[UUID]) -> Mapping[UUID, KnownAccount]:
        return {id_: _known(self.states.rows[id_].state) for id_ in account_ids if id_ in self.states.rows}

    async def present(self, after: str) -> Page[KnownAccount]:
        ids = sorted((id_ for id_ in self.states.rows if str(id_) > after), key=str)
        page = ids[: self.page_size]
        known = [_known(self.states.rows[id_].state) for id_ in page]
        present = [account for account in known if not account.deleted]
        return Page(present, str(page[-1]) if len(page) < len(ids) else "")


def _known(state: SyncState) -> KnownAccount:
    return KnownAccount(state.account_id, state.organization_id, state.version, state.deleted)


@dataclass
class FakeNotes:
    """Implements CatchUpNotes; the function `health` reads the verdict from the same row."""

    control: FakeControl
    state: CatchUpState = field(default_factory=CatchUpState)
    version: int = 0
    request: Request | None = None

    async def read(self) -> Noted:
        return Noted(self.state, str(self.version) if self.version else None, self.request)

    async def write(self, state: CatchUpState, etag: str | None) -> str:
        if etag != (str(self.version) if self.version else None):
            raise StateConflict
        self.state, self.version = state, self.version + 1
        self.control.missing = state.silence.missing
        return str(self.version)

    async def ask(self, request: Request) -> None:
        self.request = request
