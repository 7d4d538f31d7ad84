"""One run that compares both systems: how far it is, what it counted, and the differences that it found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from uuid import UUID

from pydantic import TypeAdapter

MOST_KEPT = 10_000  # differences of one run that are kept; further ones are only counted


class Kind(StrEnum):
    """How both systems differ about one account."""

    MISSING = "missing"
    DIFFERENT = "different"
    WRONGLY_BLOCKED = "wrongly blocked"
    NOT_BLOCKED = "not blocked"
    WITHOUT_ACCOUNT = "without an account"
    OWNED_TWICE = "owned twice"
    PARKED = "parked"


# What a check of the account puts right.
REPAIRABLE = (
    Kind.MISSING,
    Kind.DIFFERENT,
    Kind.WRONGLY_BLOCKED,
    Kind.NOT_BLOCKED,
    Kind.WITHOUT_ACCOUNT,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One account about which both systems differ.

    `fields` are the names of the ERP's fields, never their values. `cause` is why the account is parked.
    `owner` is the other account, if two have one customer.
    """

    account_id: UUID
    kind: Kind
    fields: tuple[str, ...] = ()
    cause: str = ""
    owner: UUID | None = None


class RunState(StrEnum):
    """Whether the run goes on. A fault that does not pass stops a run; a person cancels it."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class Part(StrEnum):
    """What the run walks: first the accounts of Sales, then the customers of each company."""

    ACCOUNTS = "accounts"
    CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The checkpoint of a run: the row that every page reads and replaces under its ETag.

    `page` is the number of the next page. `after` is the key after which it begins: an account's version or
    a customer's number. `passed` is the key where an earlier page ended; a page that has it again does not
    advance. `steps` counts the pages since the walk's beginning. `companies` are those whose accounts were
    seen, `company` the place of the one that is walked. `found` counts the differences by kind, `kept` those
    that were kept. `in_work`: accounts that are just being checked, or will be. `to_link`: accounts that have
    a customer which a check would adopt without a change. `not_ours`: customers that never were an account's.
    `failures` counts the attempts at this page that failed.
    """

    id: str
    by: str
    started_at: datetime
    changed_at: datetime
    state: RunState = RunState.RUNNING
    page: int = 0
    part: Part = Part.ACCOUNTS
    after: str = ""
    passed: str = ""
    steps: int = 0
    companies: tuple[str, ...] = ()
    company: int = 0
    accounts: int = 0
    customers: int = 0
    not_ours: int = 0
    in_work: int = 0
    to_link: int = 0
    found: Mapping[str, int] = field(default_factory=dict[str, int])
    kept: int = 0
    failures: int = 0
    reason: str = ""
    remedy: str = ""

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return sum(self.found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one page found: the differences, the counts, and the key after which the next page begins.

    `after` is "" if the walk is at its end. `companies` are those of the accounts' customers.
    """

    after: str
    accounts: int = 0
    customers: int = 0
    not_ours: int = 0
    in_work: int = 0
    to_link: int = 0
    differences: tuple[Difference, ...] = ()
    companies: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()


@cache
def _adapter() -> TypeAdapter[Reconciliation]:
    return TypeAdapter(Reconciliation)


def encode_run(run: Reconciliation) -> str:
    """Return the run as a JSON text."""
    return _adapter().dump_json(run).decode()


def decode_run(document: str) -> Reconciliation:
    """Return the run in a text that `encode_run` made."""
    return _adapter().validate_json(document)
