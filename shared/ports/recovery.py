"""What the use cases of recovery need from outside: breakers, allowances, issues, leftovers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from shared.model.breaker import Breaker
from shared.model.change import AccountChange
from shared.model.faults import System
from shared.model.mapping import CurrencyMapping
from shared.model.outcome import Cause
from shared.model.state import SyncState

type Probe = Callable[[], Awaitable[None]]
"""One cheap request to a system; raises a fault if it cannot be used."""


class BreakerRows(Protocol):
    """The breakers' rows in the table Control."""

    async def read(self) -> Mapping[System, tuple[Breaker, str]]:
        """Every row with its ETag."""
        ...

    async def put(self, breaker: Breaker, etag: str | None) -> str:
        """Replace the row with this ETag, or insert it; the new ETag. Raises StateConflict."""
        ...


class Allowances(Protocol):
    """The hours' rows in the table Control."""

    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int:
        """Take up to `wanted` of what is left of the hour; how many there were, 0 when it is used up."""
        ...


class Page[T](NamedTuple):
    """Rows of a table, and where the next page begins; "" at the end. A page that is not the last can be
    empty."""

    rows: Sequence[T]
    after: str


class ParkedAccount(NamedTuple):
    """A row of Issues: its PartitionKey, the account, the value, and the version it was last healed for."""

    key: str
    account_id: UUID
    value: str
    healed: str
    etag: str = ""


class ScannedAccount(NamedTuple):
    """What healing has to know of an account."""

    account_id: UUID
    organization_id: UUID
    currency_key: str
    issue: str
    read_at: datetime | None

    @classmethod
    def of(cls, state: SyncState) -> Self:
        """The same of a whole state."""
        key, issue = state.currency_key or "", state.issue or ""
        return cls(state.account_id, state.organization_id, key, issue, state.read_at)


class Handled(NamedTuple):
    """The version of a mapping row that was dealt with.

    `first_scan_at` is when the version was first seen; `done` after the second scan of the accounts; `scan`
    names the bookmark of the scan that is under way for it.
    """

    version: str
    first_scan_at: datetime
    done: bool
    scan: str = ""


class Bookmark(NamedTuple):
    """How far a part of healing got: since when, in which stage, and where the next page begins.

    `start` is the key that the next page begins behind, `due` the due time of the next check.
    """

    at: datetime
    stage: str = ""
    after: str = ""
    start: str = ""
    due: datetime | None = None


class Bookmarks(Protocol):
    """The bookmarks of healing in the table Control."""

    async def read(self) -> Mapping[str, Bookmark]:
        """By name."""
        ...

    async def put(self, name: str, bookmark: Bookmark) -> None:
        """Store."""
        ...

    async def remove(self, name: str) -> None:
        """Delete; nothing to do if there is none."""
        ...


class MappingRows(Protocol):
    """The table CurrencyMapping, read whole."""

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        """The rows by normalised name, as they stand now."""
        ...

    async def changed_since(self, moment: datetime) -> bool:
        """Whether a row was added or changed since then, or shortly before. A deletion does not tell."""
        ...


class HandledMappings(Protocol):
    """How far healing got, per mapping row."""

    async def read(self) -> Mapping[str, Handled]:
        """By currency key."""
        ...

    async def of(self, scan: str) -> Mapping[str, Handled]:
        """Those that this scan is under way for."""
        ...

    async def put(self, rows: Mapping[str, Handled]) -> None:
        """Remember."""
        ...

    async def remove(self, keys: Collection[str]) -> None:
        """Forget rows that were there and are gone."""
        ...


class IssueList(Protocol):
    """The table Issues, read through."""

    def all(self, prefix: str = "") -> AsyncIterator[ParkedAccount]:
        """The rows whose PartitionKey begins so."""
        ...

    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]:
        """Rows of a cause that has values, in the order of their keys."""
        ...

    async def between(self, after: str, last: str) -> Sequence[ParkedAccount]:
        """The rows of accounts whose ids come behind `after`, up to `last`; "" is no limit."""
        ...

    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str) -> None:
        """Note for up to 100 rows of one key that a check was sent for this version.

        Rows that are gone, or were parked again since they were read, are left as they are.
        """
        ...

    async def restore(self, account: ScannedAccount, at: datetime) -> None:
        """Put back the row of a parked account, if it is not there."""
        ...


class StateScan(Protocol):
    """The table AccountSync, read through in the order of the account ids."""

    async def with_currency(self, keys: Collection[str], after: str) -> Page[ScannedAccount]:
        """Accounts with one of these currency keys."""
        ...

    async def with_issue(self, after: str) -> Page[ScannedAccount]:
        """Accounts that have an issue."""
        ...


class ChangeBatches(Protocol):
    """The queue `account-changes`, sent to in batches."""

    async def send_all(self, changes: Sequence[tuple[AccountChange, datetime]]) -> None:
        """Send each to appear at its due time. Raises QueueUnavailable; some may then have been sent."""
        ...


class Bin(StrEnum):
    """Where such messages lie."""

    EVENT_DEAD_LETTERS = "dataverse-events/dead-letters"
    CHANGE_DEAD_LETTERS = "account-changes/dead-letters"
    REJECTED = "rejected-events"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One message: its sequence number in the bin, why it is there, and its body."""

    sequence_number: int
    enqueued_at: datetime | None
    reason: str
    description: str
    body: bytes
    truncated: bool = False


class Resend(Protocol):
    """Sends one leftover on its way again; False leaves it where it is."""

    async def __call__(self, leftover: Leftover) -> bool:
        """Whether it was sent."""
        ...


class Leftovers(Protocol):
    """The bins."""

    def peek(self, place: Bin) -> AsyncIterator[Leftover]:
        """What lies there, oldest first; nothing is taken."""
        ...

    async def take(self, place: Bin, wanted: Callable[[Leftover], bool], resend: Resend) -> tuple[int, int]:
        """Send again, then remove, what is wanted of what lies there now; how many were sent, and left."""
        ...

    async def post_event(self, body: bytes) -> None:
        """Post an event to the queue that Dataverse posts to. Raises QueueUnavailable."""
        ...
