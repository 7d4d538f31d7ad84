"""What the operator's questions need from outside: accounts by number, issues, states, queues."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.model.customer import CustomerKey
from shared.model.state import LogEntry


class AccountNumbers(Protocol):
    """Accounts by the number that people know them by."""

    async def by_number(self, number: str) -> Sequence[UUID]:
        """The accounts with this number, a few at most."""
        ...


class AccountName(NamedTuple):
    """What people call an account. Shown, never stored or logged."""

    number: str
    name: str

    def __str__(self) -> str:
        """Number and name, as far as the account has them."""
        return " ".join(filter(None, self))


class AccountNames(Protocol):
    """Accounts as people call them, read from Sales."""

    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]:
        """The names of these accounts, in few requests; one that Sales does not have is left out."""
        ...

    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]:
        """The accounts with this text in their name, so many at most, in the order of their names."""
        ...


class CustomerAccounts(Protocol):
    """The accounts that customers belong to."""

    async def owner(self, key: CustomerKey) -> UUID | None:
        """The account that owns this customer, if one does."""
        ...


class SystemJob(NamedTuple):
    """A job of Dataverse that posts, or posted, an event of an account."""

    name: str
    status: str
    created_at: datetime | None
    message: str


class SystemJobs(Protocol):
    """Dataverse's own record of what it posted."""

    async def of_account(self, account_id: UUID) -> Sequence[SystemJob]:
        """The jobs that are not done, or failed, oldest first; those that succeeded remove themselves."""
        ...


@dataclass(frozen=True, slots=True)
class Issue:
    """A parked account, as the table Issues has it."""

    key: str
    account_id: UUID
    cause: str
    value: str
    field: str
    remedy: str
    status: int | None
    error_type: str
    first_at: str
    last_at: str
    count: int


class IssueReport(Protocol):
    """The table Issues, to be read by people."""

    async def issues(self, cause: str = "") -> Sequence[Issue]:
        """The parked accounts, of one cause or of all; "UnmappedCurrency|yen" names one value."""
        ...


class RecentOutcomes(Protocol):
    """What became of the messages of the last minutes."""

    async def since(self, moment: datetime) -> Sequence[LogEntry]:
        """The log lines since then, of all accounts."""
        ...


class QueueDepth(NamedTuple):
    """One queue. `oldest_at` is None where there is nothing, or where it cannot be known."""

    name: str
    active: int
    scheduled: int
    dead_letters: int
    oldest_at: datetime | None


class QueueDepths(Protocol):
    """The queues' counts."""

    async def depths(self) -> Sequence[QueueDepth]:
        """Each queue of the app."""
        ...
