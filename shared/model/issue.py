"""A parked account as a row of the table Issues."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Seen:
    """A person has seen the issue. `by` is the person's object id, `note` what the person wrote.

    A note may hold names: it is shown to those only who may see names.
    """

    by: str
    at: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """The whole row, for people. `seen`: who saw it last, if anybody did."""

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
    seen: Seen | None = None


class ParkedAccount(NamedTuple):
    """What healing reads of a row: its PartitionKey, the account, the value, and the version of the mapping
    for which a check was last sent."""

    key: str
    account_id: UUID
    value: str
    healed: str
    etag: str = ""
