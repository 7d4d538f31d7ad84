"""What the use cases need from outside: about one protocol for each outside thing.

Adapters implement them, tests bring their own. Every method may raise `TransientFault` and
`ConfigurationFault`; what else it raises is said at the method.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.model.account import Account, AccountCurrency, AccountName, SystemJob
from shared.model.breaker import Breaker
from shared.model.capabilities import Capabilities
from shared.model.change import AccountChange
from shared.model.control import Answered, Bookmark, Handled
from shared.model.customer import Customer, CustomerKey, FieldValue, Owner, Waiting
from shared.model.faults import System
from shared.model.issue import Issue, ParkedAccount
from shared.model.mapping import CurrencyMapping, Usage
from shared.model.mapping_edit import Edit, MappingRow, RowChange, Version
from shared.model.outcome import Cause, Problem
from shared.model.queues import Bin, Leftover, QueueDepth
from shared.model.state import LogEntry, Page, ScannedAccount, Stored, SyncState

type Probe = Callable[[], Awaitable[None]]
"""One cheap request to a system; raises a fault if it cannot be used."""

type Resend = Callable[[Leftover], Awaitable[bool]]
"""Sends a leftover again; False leaves it where it is."""


class Clock(Protocol):
    """Time, and the one way to wait."""

    # The present moment, UTC.
    def now(self) -> datetime: ...
    async def sleep(self, seconds: float) -> None: ...


class AccountReader(Protocol):
    """Dataverse, as far as accounts go."""

    # The account as it stands now; None only when Dataverse itself says that it does not exist.
    async def read(self, account_id: UUID) -> Account | None: ...
    # Write the number that the ERP assigned into the account; one that is gone is left alone.
    async def write_back(self, account_id: UUID, column: str, number: str) -> None: ...


class SalesInquiry(Protocol):
    """Sales, as far as people ask it."""

    # Every active currency with its ISO code.
    async def currencies(self) -> Sequence[AccountCurrency]: ...
    # The accounts with this number, a few at most.
    async def by_number(self, number: str) -> Sequence[UUID]: ...
    # The accounts with this text in their name, so many at most, in the order of their names.
    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]: ...
    # The names of these accounts, in few requests; one that Sales does not have is left out.
    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]: ...
    # The account's jobs that are not done, or failed, oldest first; a job that succeeds is deleted.
    async def jobs(self, account_id: UUID) -> Sequence[SystemJob]: ...


class Target(Protocol):
    """The ERP. A write answers the values that now count as confirmed.

    Those are the values of the ERP's answer; where the answer has no body, the values that were sent.
    """

    # What this ERP is and does.
    @property
    def capabilities(self) -> Capabilities: ...
    # The customer with its mapped fields. Raises AccountFault(AmbiguousMatch).
    async def find(self, key: CustomerKey) -> Customer | None: ...
    # Create; the key as the ERP keeps it. Raises CustomerAlreadyExists, AccountFault.
    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer: ...
    # Change these fields. Raises CustomerNotFound, AccountFault.
    async def update(
        self, key: CustomerKey, fields: Mapping[str, FieldValue]
    ) -> Mapping[str, FieldValue]: ...
    # Whether the code is one of the ERP's own currencies.
    async def knows_currency(self, code: str) -> bool: ...
    # Make one cheap request, to tell whether the ERP can be used.
    async def probe(self) -> None: ...


class CurrencyMappings(Protocol):
    """The table CurrencyMapping, for the app and for its editor."""

    # The rows whose normalised name is `key`; a person must correct it if there is more than one.
    # `fresh` asks the table; otherwise a copy in the process may answer, also that there is no such row.
    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]: ...
    # All rows by normalised name, as they stand now; rows without a usable name are left out.
    async def by_name(self) -> Mapping[str, Sequence[CurrencyMapping]]: ...
    # Whether a row was added or changed since then, or shortly before. A deletion does not tell.
    async def changed_since(self, moment: datetime) -> bool: ...
    # All rows as they stand now, each with its ETag.
    async def rows(self) -> Sequence[MappingRow]: ...
    # Carry out up to 99 changes and record them, all or nothing. Raises MappingConflict.
    async def write(self, edit: Edit, part: int, changes: Sequence[RowChange]) -> None: ...
    # Every edit, the oldest first.
    async def history(self) -> Sequence[Version]: ...


class SyncStates(Protocol):
    """The table AccountSync. Scans go page by page, in the order of the account ids."""

    # The account's state, if there is one.
    async def get(self, account_id: UUID) -> Stored | None: ...
    # Replace the state that has this ETag, or insert where there is none; the new ETag.
    # Raises StateConflict if another worker was faster.
    async def put(self, state: SyncState, etag: str | None) -> str: ...
    # Accounts with one of these currency keys.
    async def with_currency(self, keys: Collection[str], after: str) -> Page[ScannedAccount]: ...
    # Accounts that have an issue.
    async def with_issue(self, after: str) -> Page[ScannedAccount]: ...
    # Since when each account waits that is retrying or whose outcome is unknown.
    async def waiting(self, after: str) -> Page[datetime]: ...
    # How many accounts each currency has, by normalised name; reads the whole table.
    async def usage(self) -> Mapping[str, Usage]: ...
    # The log lines since then, of all accounts.
    async def outcomes_since(self, moment: datetime) -> Sequence[LogEntry]: ...


class CustomerOwners(Protocol):
    """The table CustomerOwners: one customer never has two accounts."""

    # Insert the row as `claimed` if there is none; the owner as it then stands, which may be another.
    async def claim(self, key: CustomerKey, account_id: UUID) -> Owner: ...
    # Overwrite our own row; who waits for it stays noted.
    async def mark(self, key: CustomerKey, owner: Owner) -> None: ...
    # Note in the owner's row that the account waits for it; False if it is not that owner's any more.
    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool: ...
    # The accounts that wait for the row.
    async def waiting(self, key: CustomerKey) -> frozenset[UUID]: ...
    # Make the row the account's, as `claimed`; False if it is not the other's any more.
    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool: ...
    # Delete the row if it is the account's, and nobody waits for it or all were told at that version.
    # Otherwise who is to be told, and the version that this was read at.
    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None: ...
    # The account that owns this customer, if one does.
    async def owner(self, key: CustomerKey) -> UUID | None: ...
    # The accounts that own a customer of this number, in whatever company.
    async def by_number(self, number: str) -> Sequence[UUID]: ...


class Guard(Protocol):
    """The blast-radius guard."""

    # Count one of "creates" or "blocks". Raises AccountFault(GuardTripped) over the hour's ceiling.
    async def allow(self, kind: str, change: AccountChange) -> None: ...
    # Take one back that certainly came to nothing.
    def give_back(self, kind: str, change: AccountChange) -> None: ...


class Issues(Protocol):
    """The table Issues: the parked accounts by cause."""

    # Write the account's row under the problem's key, or count it up; what healing noted is cleared.
    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None: ...
    # Delete the row; nothing to do if there is none.
    async def remove(self, key: str, account_id: UUID) -> None: ...
    # Put back the row of a parked account, if it is not there.
    async def restore(self, account: ScannedAccount, at: datetime) -> None: ...
    # The parked accounts, of one cause or of all; "UnmappedCurrency|yen" names one value.
    async def report(self, cause: str = "") -> Sequence[Issue]: ...
    # Rows of a cause that has values, in the order of their keys.
    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]: ...
    # The rows of accounts whose ids come behind `after`, up to `last`; "" is no limit.
    async def between(self, after: str, last: str) -> Sequence[ParkedAccount]: ...
    # Note for up to 100 rows of one key that a check was sent for this version.
    # Rows that are gone, or were parked again since they were read, are left as they are.
    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str) -> None: ...


class Control(Protocol):
    """The table Control: what all instances share, and what one run leaves to the next."""

    # Every breaker that ever was opened or paused, with its ETag.
    async def breakers(self) -> Mapping[System, tuple[Breaker, str]]: ...
    # Replace the row with this ETag, or insert it; the new ETag. Raises StateConflict.
    async def put_breaker(self, breaker: Breaker, etag: str | None) -> str: ...
    # Take up to `wanted` of the hour's allowance; how many there were, 0 when it is used up.
    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int: ...
    # How far healing got with each mapping row, by currency key; of all, or of one scan.
    async def handled(self, scan: str = "") -> Mapping[str, Handled]: ...
    async def put_handled(self, rows: Mapping[str, Handled]) -> None: ...
    # Forget mapping rows that were noted and are gone.
    async def remove_handled(self, keys: Collection[str]) -> None: ...
    # How far each part of healing got, by name.
    async def bookmarks(self) -> Mapping[str, Bookmark]: ...
    async def put_bookmark(self, name: str, bookmark: Bookmark) -> None: ...
    async def remove_bookmark(self, name: str) -> None: ...
    # The systems that were noted as paused or in trouble, each with the moment of the note.
    async def held_since(self) -> Mapping[str, datetime]: ...
    async def put_held(self, systems: Mapping[str, datetime]) -> None: ...
    async def remove_held(self, systems: Collection[str]) -> None: ...
    # The last answer of `sync_account` to a probe.
    async def last_answer(self) -> Answered | None: ...
    async def put_answer(self, answered: Answered) -> None: ...


class ChangeQueue(Protocol):
    """The queue `account-changes`."""

    # Send, to appear at `due`. Raises QueueUnavailable.
    async def send(self, change: AccountChange, due: datetime | None = None) -> None: ...
    # Send each to appear at its due time. Raises QueueUnavailable; some may then have been sent.
    async def send_all(self, changes: Sequence[tuple[AccountChange, datetime]]) -> None: ...


class RejectedEvents(Protocol):
    """The queue `rejected-events`."""

    # Keep a body that could not be understood; cut where the queue needs it. Raises QueueUnavailable.
    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None: ...


class Leftovers(Protocol):
    """The dead letters of both queues, and the rejected events."""

    # What lies there, oldest first; nothing is taken. Raises QueueUnavailable.
    def peek(self, place: Bin) -> AsyncIterator[Leftover]: ...
    # Send again, then remove, what is wanted of what lies there now; how many were sent, and left.
    async def take(
        self, place: Bin, wanted: Callable[[Leftover], bool], resend: Resend
    ) -> tuple[int, int]: ...
    # Post an event to the queue that Dataverse posts to. Raises QueueUnavailable.
    async def post_event(self, body: bytes) -> None: ...


class QueueDepths(Protocol):
    """The queues' counts."""

    # Each queue of the app. Raises QueueUnavailable.
    async def depths(self) -> Sequence[QueueDepth]: ...
