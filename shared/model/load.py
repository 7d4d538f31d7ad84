"""The document of a first load, and what the table AccountSync says of its checks. Pure data and rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import NamedTuple, Self
from uuid import UUID, uuid5

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt, TypeAdapter

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.outcome import Ending
from shared.model.page import PageDue, RunKind
from shared.model.related import Reference
from shared.model.sent import Sent, Walk
from shared.model.state import LogEntry, Phase

LONGEST_CONDITION = 2_000  # characters
_RESUMED = 2  # pages; a message of the page before would count as "not sent on"


class LoadState(StrEnum):
    """The state of a load. STOPPED: the app gave up on a page; PAUSED also if the load reached its limit."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DONE = "done"

    @property
    def is_over(self) -> bool:
        """Whether the load never goes on."""
        return self in {LoadState.CANCELLED, LoadState.DONE}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which accounts: those that meet `where`, a $filter of the Web API, and changed since that day.

    `refers_to` is used by the walk of a related change only.
    """

    where: str = ""
    changed_since: date | None = None
    refers_to: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """One first load.

    `begun_at` is a time of Sales, because it is compared with the times at which accounts were read. `after`
    is where the walk through Sales goes on; after the last account `walked` is true. `held` are accounts
    that were read, and whose checks were not sent yet. `recent` are checks that had not ended at the last
    page. `page` is the number of the next page. `paced_until`: when the next check is due, if the load has a
    rate. `failures`: how often the next page has failed. `waits_for` and `counts_unknown` say in words what
    the load waits for, and why it cannot count what waits in the queue.
    """

    id: UUID
    organization_id: UUID
    state: LoadState = LoadState.RUNNING
    begun_at: AwareDatetime
    by: str = ""
    selection: Selection = Selection()
    limit: NonNegativeInt = 0
    rate: NonNegativeFloat = 0
    max_creates: NonNegativeInt = 0
    total: NonNegativeInt = 0
    sent: NonNegativeInt = 0
    page: NonNegativeInt = 0
    after: str = ""
    walked: bool = False
    held: tuple[UUID, ...] = ()
    recent: tuple[Sent, ...] = ()
    paced_until: AwareDatetime | None = None
    failures: NonNegativeInt = 0
    waits_for: str = ""
    counts_unknown: str = ""
    cause: str = ""
    remedy: str = ""
    ended_at: AwareDatetime | None = None

    @property
    def next_page(self) -> PageDue:
        """The message of the next page."""
        return PageDue(kind=RunKind.LOAD, run=self.id.hex, page=self.page)

    @property
    def allowance(self) -> str:
        """The name under which the load's creations are counted."""
        return f"load-{self.id.hex}"

    def operation(self, account_id: UUID) -> UUID:
        """The operation id of the check of this account: a page that is repeated sends the same messages."""
        return uuid5(self.id, account_id.hex)

    def check(self, account_id: UUID, *, no_row: bool = False) -> AccountChange:
        """The check of one account; `no_row`: AccountSync has no row of it."""
        return AccountChange(
            organization_id=self.organization_id,
            account_id=account_id,
            kind=ChangeKind.CHECK,
            occurred_at=self.begun_at,
            source=Source.LOAD,
            operation_id=self.operation(account_id),
            no_row=no_row,
            note=f"{self.by}: first load",
        )

    def halted(self, state: LoadState, cause: str, remedy: str, at: datetime | None = None) -> Self:
        """Return the load in this state, with cause and remedy."""
        return replace(self, state=state, cause=cause, remedy=remedy, ended_at=at, waits_for="")

    def resumed(self, max_creates: int | None, rate: float | None, at: datetime) -> Self:
        """Return the load as it goes on. Messages of pages that were sent before have no effect any more."""
        return replace(
            self.halted(LoadState.RUNNING, "", ""),
            page=self.page + _RESUMED,
            failures=0,
            recent=tuple(sent._replace(due=at) for sent in self.recent),
            paced_until=None,
            max_creates=self.max_creates if max_creates is None else max_creates,
            rate=self.rate if rate is None else rate,
        )

    def advanced(self, checks: Sequence[Sent], unfinished: Sequence[Sent]) -> Self:
        """Return the load after a page that sent checks of the accounts held first."""
        pace = timedelta(minutes=1 / self.rate) if self.rate else None
        return replace(
            self,
            sent=self.sent + len(checks),
            page=self.page + 1,
            held=self.held[len(checks) :],
            recent=(*unfinished, *checks),
            paced_until=checks[-1].due + pace if pace and checks else self.paced_until,
            failures=0,
            waits_for="",
        )

    def dues(self, count: int, now: datetime) -> list[datetime]:
        """When so many checks are due: at once, or spread by the rate after those that were sent before."""
        start = max(self.paced_until or now, now)
        return [start + timedelta(minutes=place / self.rate if self.rate else 0) for place in range(count)]


@cache
def _adapter() -> TypeAdapter[LoadRun]:
    return TypeAdapter(LoadRun)


def encode_load(run: LoadRun) -> str:
    """The JSON document of a load."""
    return _adapter().dump_json(run).decode()


def decode_load(document: str) -> LoadRun:
    """The load in a document. Raises ValueError."""
    return _adapter().validate_json(document)


class Checked(NamedTuple):
    """What AccountSync says of one account: the state in which its last check left it, and its log."""

    account_id: UUID
    phase: Phase | None
    issue: str
    busy: bool
    log: tuple[LogEntry, ...]

    def result(self, run: Walk) -> str | None:
        """How the walk's check of the account ended, None if it has none; "" while it has not ended.

        `parked|CAUSE` for a parked account; `covered` if an event had the account checked since what the
        walk is about.
        """
        operation = str(run.operation(self.account_id))
        endings = [entry.outcome for entry in self.log if entry.operation_id == operation]
        if not endings:
            return None
        if self.phase is Phase.PARKED:
            return f"{Ending.PARKED}|{self.issue.partition('|')[0]}"
        if self.busy or self.phase is Phase.RETRYING:
            return ""
        written = [ending for ending in endings if ending in {Ending.CREATED, Ending.UPDATED}]
        ended = [ending for ending in endings if ending not in {Ending.RETRYING, Ending.PARKED}]
        return (written or ended or [self.log[-1].outcome])[-1]
