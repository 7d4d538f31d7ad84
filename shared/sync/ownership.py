"""Keeps one customer number with one account, and has waiting accounts checked once the number is free.

An account whose number belongs to another account is noted in the owner row as waiting. An owner row is
deleted only after a check was sent for every waiting account, so that a crash loses none of these checks.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.model.change import AccountChange, Source
from shared.model.customer import CustomerKey
from shared.model.state import Stored
from shared.ports import ChangeQueue, Clock, CustomerOwners, SyncStates
from shared.sync.steps import OwnerRow

_UNTIL_FREE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Claims and releases customer numbers, and passes them on to other accounts."""

    owners: CustomerOwners
    states: SyncStates
    queue: ChangeQueue
    clock: Clock

    async def own(self, key: CustomerKey, account_id: UUID, *, may_inherit: bool = False) -> OwnerRow:
        """Claim the number if it is free, and return who owns it. Otherwise note the account as waiting.

        With `may_inherit`, the account is not noted as waiting if the owner is deleted: the caller decides.
        """
        while (owner := await self.owners.claim(key, account_id)) != account_id:
            if may_inherit:
                row = of_another(await self.states.get(owner))
                if row.deleted is not None:
                    return row
            if await self.owners.wait(key, owner, account_id):
                return OwnerRow(ours=False)
        return OwnerRow(ours=True)

    async def succeed(self, key: CustomerKey, before: Stored, account_id: UUID) -> OwnerRow:
        """Take over the number of a deleted account, and remove the customer from that account's state.

        Raises StateConflict if another worker changes that account at the same time.
        """
        theirs = before.state
        if theirs.customer is not None and theirs.customer.same_as(key):
            without = replace(theirs, customer=None, confirmed={}, previous_hold=None)
            await self.states.put(without, before.etag)
        if await self.owners.succeed(key, theirs.account_id, account_id):
            return OwnerRow(ours=True)
        return await self.own(key, account_id)

    async def release(self, key: CustomerKey, account_id: UUID, change: AccountChange) -> None:
        """Release the number if the account owns it, and check the accounts that wait for it."""
        told = ""
        while waiting := await self.owners.release(key, account_id, told):
            await self._check(waiting.accounts, change)
            told = waiting.version

    async def tell(self, key: CustomerKey, change: AccountChange) -> None:
        """Check the accounts that wait for the number, because its owner is deleted."""
        await self._check(await self.owners.waiting(key), change)

    async def _check(self, waiting: frozenset[UUID], change: AccountChange) -> None:
        for account_id in waiting:
            check = replace(change.check(Source.HEAL, verify=False), account_id=account_id)
            await self.queue.send(check, self.clock.now() + _UNTIL_FREE)


def of_another(stored: Stored | None) -> OwnerRow:
    """Return the owner row of a number that another account owns, given that account's state."""
    deleted = stored is not None and stored.state.deleted and stored.state.settled
    return OwnerRow(ours=False, deleted=stored if deleted else None)
