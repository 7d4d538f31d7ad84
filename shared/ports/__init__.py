"""What the use cases need from outside: about one protocol for each outside thing.

Adapters implement the protocols; tests have their own implementations. Every method may raise
`TransientFault` and `ConfigurationFault`; other faults are named at the method.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.model.account import Account, AccountCurrency, AccountName, SystemJob
from shared.model.breaker import Breaker
from shared.model.capabilities import Capabilities
from shared.model.change import AccountChange
from shared.model.control import Answered, Bookmark, Handled, InUse, Untaken
from shared.model.customer import Customer, CustomerKey, FieldValue, Waiting
from shared.model.description import TargetDescription
from shared.model.faults import System
from shared.model.issue import Issue, ParkedAccount, Seen
from shared.model.mapping import MappingTable, Usage
from shared.model.outcome import Cause, Problem
from shared.model.state import Page, ScannedAccount, Stored, SyncState

type Probe = Callable[[], Awaitable[None]]
"""One cheap request to a system; raises a fault if it cannot be used."""


class Clock(Protocol):
    """Time, and the one way to wait."""

    # The present moment, UTC.
    def now(self) -> datetime: ...
    async def sleep(self, seconds: float) -> None: ...


class AccountReader(Protocol):
    """Reads and writes accounts in Dataverse."""

    # Read the account; None only if Dataverse itself says that it does not exist.
    async def read(self, account_id: UUID) -> Account | None: ...
    # Write the number that the ERP assigned into the account. Does nothing if the account is gone.
    async def write_back(self, account_id: UUID, column: str, number: str) -> None: ...


class SalesInquiry(Protocol):
    """Answers people's questions from Sales: currencies, accounts, names and jobs."""

    # Every active currency with its ISO code.
    async def currencies(self) -> Sequence[AccountCurrency]: ...
    # The accounts with this number, a few at most.
    async def by_number(self, number: str) -> Sequence[UUID]: ...
    # The accounts with this text in their name, at most this many, in the order of their names.
    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]: ...
    # The names of these accounts, in few requests; accounts that Sales does not have are left out.
    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]: ...
    # The account's waiting and failed jobs, oldest first. Dataverse deletes jobs that succeed.
    async def jobs(self, account_id: UUID) -> Sequence[SystemJob]: ...


class Target(Protocol):
    """The ERP. A write returns the customer with the values that now count as confirmed.

    These are the values in the ERP's answer, or the values sent if the answer has no body.
    """

    # The ERP's names and behaviour.
    @property
    def capabilities(self) -> Capabilities: ...
    # Read the customer with its mapped fields. With the ERP's own id in the key, the customer of that id is
    # read, whatever its number is now. Raises AccountFault(AmbiguousMatch).
    async def find(self, key: CustomerKey) -> Customer | None: ...
    # Create the customer, and return it with the key as the ERP stores it.
    # Raises CustomerAlreadyExists, AccountFault.
    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer: ...
    # Change these fields, and return the customer with its key as the ERP stores it.
    # Raises CustomerNotFound, AccountFault.
    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer: ...
    # Read the company's customers after this number, at most `size`, in the ERP's own order of the numbers;
    # "" is the beginning. The page's `after` is the last number as it was read, "" after the last page.
    # Raises ConfigurationFault if the pages do not advance.
    async def customers_after(self, company: str, after: str, size: int) -> Page[Customer]: ...
    # Read many customers by their numbers or second keys, in few requests. The result is by folded key.
    # A key of no customer, or of several, is left out; the ERP's own ids are not looked at.
    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]: ...
    # Whether the code is one of the ERP's own currencies.
    async def knows_currency(self, code: str) -> bool: ...
    # Whether the code is in the ERP's list of codes for this field of customers; None if it has no list.
    async def knows_value(self, field: str, code: str) -> bool | None: ...
    # The fields of customers, by small requests, or one document that is read in a bounded way.
    async def describe(self) -> TargetDescription: ...
    # Make one cheap request, to test whether the ERP can be used.
    async def probe(self) -> None: ...


class AccountStates(Protocol):
    """The states of single accounts, in the table AccountSync."""

    # The account's state, if there is one.
    async def get(self, account_id: UUID) -> Stored | None: ...
    # Replace the state that has this ETag, or insert it if the ETag is None. Returns the new ETag.
    # Raises StateConflict if another worker was faster.
    async def put(self, state: SyncState, etag: str | None) -> str: ...


class SyncStates(AccountStates, Protocol):
    """The table AccountSync. Lists are read page by page, in the order of the account ids."""

    # Accounts with one of these keys in the mapping table.
    async def with_key(
        self, table: MappingTable, keys: Collection[str], after: str
    ) -> Page[ScannedAccount]: ...
    # Accounts that have an issue.
    async def with_issue(self, after: str) -> Page[ScannedAccount]: ...
    # The accounts that are retrying or have an unknown outcome, each with the time since when.
    async def waiting(self, after: str) -> Page[datetime]: ...
    # How many accounts each value of the mapping table has, by key; reads all states.
    async def usage(self, table: MappingTable) -> Mapping[str, Usage]: ...
    # Whether no account has a state.
    async def is_empty(self) -> bool: ...


class CustomerOwners(Protocol):
    """The table CustomerOwners: it ensures that a customer never belongs to two accounts."""

    # Insert the row if there is none. Returns the owner, which may be another account.
    async def claim(self, key: CustomerKey, account_id: UUID) -> UUID: ...
    # Note in the owner row that the account waits for it; False if that owner does not have it any more.
    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool: ...
    # The accounts that wait for the row.
    async def waiting(self, key: CustomerKey) -> frozenset[UUID]: ...
    # Give the other account's row to this account; False if the other has lost it meanwhile.
    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool: ...
    # Delete the row if the account owns it and no account waits for it. `told` is a version of the row whose
    # waiting accounts have all been checked. Otherwise returns the waiting accounts and the row's version.
    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None: ...
    # The account that owns this customer, if one does.
    async def owner(self, key: CustomerKey) -> UUID | None: ...
    # The accounts that own a customer of this number, in any company.
    async def by_number(self, number: str) -> Sequence[UUID]: ...


class Guard(Protocol):
    """The blast-radius guard: limits creations and blocks in an hour."""

    # Count one of "creates" or "blocks". Raises AccountFault(GuardTripped) over the hour's ceiling, and
    # NotYet over the limit of a load.
    async def allow(self, kind: str, change: AccountChange) -> None: ...
    # Return one that certainly changed nothing in the ERP.
    def give_back(self, kind: str, change: AccountChange) -> None: ...


class Issues(Protocol):
    """The table Issues: the parked accounts by cause."""

    # Write the account's row under the problem's key, or increase its count. Clears the note of healing;
    # who has seen it stays.
    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None: ...
    # Delete the row, if it exists.
    async def remove(self, key: str, account_id: UUID) -> None: ...
    # Insert the row of a parked account, if it is missing.
    async def restore(self, account: ScannedAccount, at: datetime) -> None: ...
    # Keep in the row who has seen it last; False if there is no such row.
    async def mark_seen(self, key: str, account_id: UUID, seen: Seen) -> bool: ...
    # All rows, page by page.
    async def all(self, after: str) -> Page[Issue]: ...
    # The parked accounts, of one cause or of all; "UnmappedCurrency|yen" names one value.
    async def report(self, cause: str = "") -> Sequence[Issue]: ...
    # Rows of a cause that has values, in the order of their keys.
    async def page(self, cause: Cause, after: str) -> Page[ParkedAccount]: ...
    # Rows under this key, in the order of the account ids.
    async def under(self, key: str, after: str) -> Page[ParkedAccount]: ...
    # Every row, page by page.
    async def listed(self, after: str) -> Page[ParkedAccount]: ...
    # Note for up to 100 rows of one key that a check was sent for this version.
    # Rows that were deleted, or parked again since they were read, are not changed.
    # `remedy`, if given, becomes what the rows say is to be done.
    async def mark_healed(self, rows: Sequence[ParkedAccount], version: str, remedy: str = "") -> None: ...


class Control(Protocol):
    """The table Control: data that all instances share, and the progress that the next run continues."""

    # Every breaker that ever was opened or paused, with its ETag.
    async def breakers(self) -> Mapping[System, tuple[Breaker, str]]: ...
    # Replace the row with this ETag, or insert it. Returns the new ETag. Raises StateConflict.
    async def put_breaker(self, breaker: Breaker, etag: str | None) -> str: ...
    # Take up to `wanted` of the hour's allowance. Returns how many were taken; 0 if none are left.
    async def reserve(self, kind: str, hour: datetime, wanted: int, ceiling: int) -> int: ...
    # The progress of healing with each row of a mapping table, by key; of all rows, or of one scan.
    async def handled(self, table: MappingTable, scan: str = "") -> Mapping[str, Handled]: ...
    async def put_handled(self, table: MappingTable, rows: Mapping[str, Handled]) -> None: ...
    # Delete the notes of mapping rows that do not exist any more.
    async def remove_handled(self, table: MappingTable, keys: Collection[str]) -> None: ...
    # The progress of each part of healing, by name.
    async def bookmarks(self) -> Mapping[str, Bookmark]: ...
    async def put_bookmarks(self, bookmarks: Mapping[str, Bookmark]) -> None: ...
    async def remove_bookmark(self, name: str) -> None: ...
    # The systems that were noted as paused or with an open breaker, each with the time of the note.
    async def held_since(self) -> Mapping[str, datetime]: ...
    async def put_held(self, systems: Mapping[str, datetime]) -> None: ...
    async def remove_held(self, systems: Collection[str]) -> None: ...
    # The ERP in which the accounts' customers are; None before the first start.
    async def target_in_use(self) -> InUse | None: ...
    async def put_target_in_use(self, target: InUse) -> None: ...
    # The last answer of `sync_account` to a probe.
    async def last_answer(self) -> Answered | None: ...
    async def put_answer(self, answered: Answered) -> None: ...
    # Why no events seem to come from Sales, as catch-up found it; "" if all is well.
    async def events_missing(self) -> str: ...
    # Whether changes wait although no check ends; None if all is well.
    async def untaken(self) -> Untaken | None: ...
    async def put_untaken(self, untaken: Untaken | None) -> None: ...


class ChangeQueue(Protocol):
    """The queue `account-changes`."""

    # Open the way there, for which the first send would otherwise wait. Raises QueueUnavailable.
    async def open(self) -> None: ...
    # Send a change that appears at `due`. Raises QueueUnavailable.
    async def send(self, change: AccountChange, due: datetime | None = None) -> None: ...
    # Send changes that appear at their due times, each in its account's partition, or in the one given here.
    # After QueueUnavailable, some may have been sent.
    async def send_all(
        self, changes: Sequence[tuple[AccountChange, datetime]], partitions: Sequence[str] = ()
    ) -> None: ...


class RejectedEvents(Protocol):
    """The queue `rejected-events`."""

    # Store a body that could not be understood, cut if it is too long. Raises QueueUnavailable.
    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None: ...
