"""The account as read from Dataverse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AccountCurrency:
    """The currency that an account refers to: its name as typed in Sales, and the ISO code beside it."""

    name: str
    iso_code: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One row of the account table.

    `version` is Dataverse's versionnumber, which only rises; `read_at` is the `Date` header of the answer,
    UTC. `columns` holds the values by logical name, those of related rows as `lookup.column`.
    """

    account_id: UUID
    version: int
    read_at: datetime
    columns: Mapping[str, object]
    currency: AccountCurrency | None = None
