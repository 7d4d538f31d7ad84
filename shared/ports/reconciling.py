"""What reconcile needs from outside: all accounts page by page, and a place for the differences."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.model.account import Account
from shared.model.reconciliation import Difference


class AccountRow(NamedTuple):
    """An account as one row of a list, and when it was last changed in Sales."""

    account: Account
    changed_at: datetime | None


class AccountRows(Protocol):
    """Reads many accounts in one request."""

    # The accounts of a higher version than this one, in the order of their versions, at most `size`; "" is
    # the beginning. An account that is changed meanwhile comes once more. Raises ConfigurationFault if a page
    # does not advance.
    async def after(self, version: str, size: int) -> Sequence[AccountRow]: ...
    # Which of these accounts exist, in few requests.
    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]: ...


class Differences(Protocol):
    """The differences of each run, in the table Control."""

    # Keep these differences of the run; a difference that is there already is replaced.
    async def keep(self, run: str, differences: Sequence[Difference]) -> None: ...
    # The run's differences, in the order of the account ids.
    async def of_run(self, run: str) -> Sequence[Difference]: ...
    # Delete the differences of the runs that began before then, as far as one call can; later calls go on.
    async def remove_before(self, moment: datetime) -> None: ...
