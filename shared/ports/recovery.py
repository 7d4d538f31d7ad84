"""What the use cases of recovery need from outside: breakers, allowances, issues, leftovers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.model.breaker import Breaker
from shared.model.currency import CurrencyMapping
from shared.model.faults import System
from shared.model.sync_state import Phase, SyncState

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


class ParkedAccount(NamedTuple):
    """A row of Issues: its PartitionKey, the account, the value, and the version it was last healed for."""

    key: str
    account_id: UUID
    value: str
    healed: str


class Handled(NamedTuple):
    """The version of a mapping row that was dealt with; `done` after the second scan."""

    version: str
    first_scan_at: datetime
    done: bool


class MappingRows(Protocol):
    """The table CurrencyMapping, read whole."""

    async def rows(self) -> Mapping[str, Sequence[CurrencyMapping]]:
        """The rows by normalised name, as they stand now."""
        ...


class HandledMappings(Protocol):
    """How far healing got, per mapping row."""

    async def read(self) -> Mapping[str, Handled]:
        """By currency key."""
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

    async def mark_healed(self, row: ParkedAccount, version: str) -> None:
        """Note that a look was sent for this version; nothing to do if the row is gone."""
        ...

    async def restore(self, state: SyncState, at: datetime) -> None:
        """Put back the row of a parked state, if it is not there."""
        ...


class StateScan(Protocol):
    """The table AccountSync, read through."""

    def with_currency(self, keys: Collection[str]) -> AsyncIterator[SyncState]:
        """The accounts with one of these currency keys."""
        ...

    def in_phase(self, phase: Phase) -> AsyncIterator[SyncState]:
        """The accounts in this phase."""
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
        """Send again and then remove what is wanted; how many, and how many were left."""
        ...

    async def post_event(self, body: bytes) -> None:
        """Post an event to the queue that Dataverse posts to. Raises QueueUnavailable."""
        ...
