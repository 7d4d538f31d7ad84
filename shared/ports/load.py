"""What a first load needs from outside, besides what all runs need."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.model.load import Checked, Selection
from shared.model.state import Page


class AccountPage(NamedTuple):
    """Ids of accounts in the order of the walk, where the next page begins, and when Sales answered, by its
    own clock.
    """

    ids: Sequence[UUID]
    after: str
    read_at: datetime


class AccountPages(Protocol):
    """Walks the accounts in Sales."""

    # The accounts of the selection after this place ("": from the first one), at most `most`.
    # Raises ConditionRefused, with the words of Sales.
    async def page(self, selection: Selection, after: str, most: int) -> AccountPage: ...
    # The id of the Sales environment, which is part of each change.
    async def organization(self) -> UUID: ...


class WaitingChanges(Protocol):
    """How much waits in the queue `account-changes`."""

    # Its active and scheduled messages together. Raises QueueUnavailable, and ConfigurationFault if the app
    # has no right to know.
    async def count(self) -> int: ...


class CheckedAccounts(Protocol):
    """What the table AccountSync says of the checks of a load."""

    # Every account of the table, page by page.
    async def page(self, after: str) -> Page[Checked]: ...
    # These accounts, as far as they are in the table.
    async def of(self, account_ids: Sequence[UUID]) -> Sequence[Checked]: ...
