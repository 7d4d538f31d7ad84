"""What the use cases need from outside, as protocols of one to four methods.

Adapters implement them, tests bring their own. Every method may raise `TransientFault` and
`ConfigurationFault`; what else it raises is said at the method.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.model.account import Account
from shared.model.capabilities import Capabilities
from shared.model.change import AccountChange
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.mapping import CurrencyMapping
from shared.model.outcome import Problem
from shared.model.state import Stored, SyncState


class Clock(Protocol):
    """Time, and the one way to wait."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class AccountReader(Protocol):
    """Dataverse, as far as accounts go."""

    async def read(self, account_id: UUID) -> Account | None:
        """The account as it stands now; None only when Dataverse itself says that it does not exist."""
        ...

    async def write_back(self, account_id: UUID, column: str, number: str) -> None:
        """Write the number that the ERP assigned into the account; one that is gone is left alone."""
        ...


class Target(Protocol):
    """The ERP. A write answers the values that now count as confirmed.

    Those are the values of the ERP's answer; where the answer has no body, the values that were sent.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this ERP is and does."""
        ...

    async def find(self, key: CustomerKey) -> Customer | None:
        """The customer with its mapped fields. Raises AccountFault(AmbiguousMatch)."""
        ...

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Create; the key as the ERP keeps it. Raises CustomerAlreadyExists, AccountFault."""
        ...

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """Change these fields. Raises CustomerNotFound, AccountFault."""
        ...

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is one of the ERP's own currencies."""
        ...

    async def probe(self) -> None:
        """Make one cheap request, to tell whether the ERP can be used."""
        ...


class CurrencyMappings(Protocol):
    """The table CurrencyMapping."""

    async def look_up(self, key: str, *, fresh: bool) -> Sequence[CurrencyMapping]:
        """The rows whose normalised name is `key`; more than one is the operator's to mend.

        `fresh` asks the table; otherwise a copy in the process may answer, also that there is no such row.
        """
        ...


class SyncStates(Protocol):
    """The table AccountSync."""

    async def get(self, account_id: UUID) -> Stored | None:
        """The account's state, if there is one."""
        ...

    async def put(self, state: SyncState, etag: str | None) -> str:
        """Replace the state that has this ETag, or insert where there is none; the new ETag.

        Raises StateConflict if another worker was faster.
        """
        ...


class Owner(NamedTuple):
    """Who owns a customer, and how it came to it: claimed, created or adopted (version 1: creating)."""

    account_id: UUID
    stage: str


class Waiting(NamedTuple):
    """The accounts that wait for a customer's number, and the version of the row that says so."""

    accounts: frozenset[UUID]
    version: str


class CustomerOwners(Protocol):
    """The table CustomerOwners: one customer never has two accounts."""

    async def claim(self, key: CustomerKey, account_id: UUID) -> Owner:
        """Insert the row as `claimed` if there is none; the owner as it then stands, which may be another."""
        ...

    async def mark(self, key: CustomerKey, owner: Owner) -> None:
        """Overwrite our own row; who waits for it stays noted."""
        ...

    async def wait(self, key: CustomerKey, owner: UUID, account_id: UUID) -> bool:
        """Note in the owner's row that the account waits for it; False if it is that owner's no more."""
        ...

    async def waiting(self, key: CustomerKey) -> frozenset[UUID]:
        """The accounts that wait for the row."""
        ...

    async def succeed(self, key: CustomerKey, before: UUID, account_id: UUID) -> bool:
        """Make the row the account's, as `claimed`; False if it is not the other's any more."""
        ...

    async def release(self, key: CustomerKey, account_id: UUID, told: str) -> Waiting | None:
        """Delete the row if it is the account's, and nobody waits for it or all were told at that version.

        Otherwise who is to be told, and the version that this was read at.
        """
        ...


class Guard(Protocol):
    """The blast-radius guard."""

    async def allow(self, kind: str, change: AccountChange) -> None:
        """Count one of "creates" or "blocks". Raises AccountFault(GuardTripped) over the hour's ceiling."""
        ...

    def give_back(self, kind: str, change: AccountChange) -> None:
        """Take one back that certainly came to nothing."""
        ...


class Issues(Protocol):
    """The table Issues: the parked accounts by cause."""

    async def put(self, account_id: UUID, problem: Problem, at: datetime) -> None:
        """Write the account's row under the problem's key, or count it up."""
        ...

    async def remove(self, key: str, account_id: UUID) -> None:
        """Delete the row; nothing to do if there is none."""
        ...


class ChangeQueue(Protocol):
    """The queue `account-changes`."""

    async def send(self, change: AccountChange, due: datetime | None = None) -> None:
        """Send, to appear at `due`. Raises QueueUnavailable."""
        ...


class RejectedEvents(Protocol):
    """The queue `rejected-events`."""

    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None:
        """Keep a body that could not be understood; cut where the queue needs it. Raises QueueUnavailable."""
        ...
