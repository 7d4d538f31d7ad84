"""RelatedChange: "a row changed that accounts refer to", and the walk through these accounts. Pure data.

Sales posts no event of an account when a row changes that the account refers to, and the account's own
version stays. So each such change becomes a walk: it reads the accounts that refer to the row, page by page,
and sends a check of each. The message of each page holds where the walk stands. So any number of walks go on
at the same time, and none has a row that another could have changed.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, NamedTuple
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field, NonNegativeInt

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.sent import Sent

type LogicalName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Reference(NamedTuple):
    """Accounts that refer to a row: by one of these look-up columns of theirs."""

    columns: tuple[LogicalName, ...]
    row_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedChange:
    """A hint that accounts must be checked, because a row changed that they refer to.

    `columns` are the look-ups of the account that may refer to the row. `occurred_at` may lie before the
    commit of the change by the transaction margin at most.
    """

    organization_id: UUID
    table: LogicalName
    row_id: UUID
    columns: tuple[LogicalName, ...]
    occurred_at: AwareDatetime
    operation_id: UUID

    @property
    def id(self) -> UUID:
        """The id of the walk: an event that comes twice makes the same walk, which the broker drops."""
        occurred = self.occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
        return uuid5(self.organization_id, f"{self.table}|{self.row_id}|{self.operation_id}|{occurred}")

    @property
    def reference(self) -> Reference:
        """Which accounts are to be checked."""
        return Reference(self.columns, self.row_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedWalk:
    """The walk of one related change.

    `after` is where the walk through Sales goes on; after the last account `walked` is true. `held` are
    accounts that were read, and whose checks were not sent yet. `recent` are checks that had not ended at
    the last page. `sent` counts the checks.
    """

    change: RelatedChange
    after: str = ""
    walked: bool = False
    held: tuple[UUID, ...] = ()
    recent: tuple[Sent, ...] = ()
    sent: NonNegativeInt = 0

    def operation(self, account_id: UUID) -> UUID:
        """The operation id of the check of this account: a page that is repeated sends the same messages."""
        return uuid5(self.change.id, account_id.hex)

    def check(self, account_id: UUID) -> AccountChange:
        """The check of one account."""
        change = self.change
        return AccountChange(
            organization_id=change.organization_id,
            account_id=account_id,
            kind=ChangeKind.CHECK,
            occurred_at=change.occurred_at,
            source=Source.RELATED,
            operation_id=self.operation(account_id),
            note=f"{change.table} {change.row_id} changed",
        )
