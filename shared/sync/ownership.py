"""Whose a customer is: one number belongs to one account, and who waits for it is told when it is free.

An account that finds its number taken is noted in the owner's row. Checks are sent before a row goes, so that
none is lost to a crash; a row goes only once everybody who waits for it was sent one.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.model.change import AccountChange, Source
from shared.model.customer import CustomerKey, Owner
from shared.model.state import Stored
from shared.ports import ChangeQueue, Clock, CustomerOwners, SyncStates
from shared.sync.steps import OwnerRow

_UNTIL_FREE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Claims, gives up and passes on the numbers of customers."""

    owners: CustomerOwners
    states: SyncStates
    queue: ChangeQueue
    clock: Clock

    async def own(self, key: CustomerKey, account_id: UUID, *, may_inherit: bool = False) -> OwnerRow:
        """Own the number if it is free; whose it is then. If it stays another's, the account waits for it.

        With `may_inherit` the number of a deleted account is left to be decided on: nobody waits for it.
        """
        while (owner := await self.owners.claim(key, account_id)).account_id != account_id:
            if may_inherit:
                row = of_another(await self.states.get(owner.account_id))
                if row.deleted is not None:
                    return row
            if await self.owners.wait(key, owner.account_id, account_id):
                return OwnerRow(ours=False)
        return OwnerRow(ours=True)

    async def succeed(self, key: CustomerKey, before: Stored, account_id: UUID) -> OwnerRow:
        """Take over the number of a deleted account, which then knows no customer of it any more.

        Raises StateConflict if somebody works on that account.
        """
        theirs = before.state
        if theirs.customer is not None and theirs.customer.same_as(key):
            without = replace(theirs, customer=None, confirmed={}, previous_hold=None)
            await self.states.put(without, before.etag)
        if await self.owners.succeed(key, theirs.account_id, account_id):
            return OwnerRow(ours=True)
        return await self.own(key, account_id)

    async def mark(self, key: CustomerKey, account_id: UUID, stage: str) -> None:
        """Note how the account came to its customer."""
        await self.owners.mark(key, Owner(account_id, stage))

    async def release(self, key: CustomerKey, account_id: UUID, change: AccountChange) -> None:
        """Give the number up, if it is the account's; whoever waits for it is checked again."""
        told = ""
        while waiting := await self.owners.release(key, account_id, told):
            await self._check(waiting.accounts, change)
            told = waiting.version

    async def tell(self, key: CustomerKey, change: AccountChange) -> None:
        """Have those checked again who wait for the number, because its owner is deleted."""
        await self._check(await self.owners.waiting(key), change)

    async def _check(self, waiting: frozenset[UUID], change: AccountChange) -> None:
        for account_id in waiting:
            check = replace(change.check(Source.HEAL, verify=False), account_id=account_id)
            await self.queue.send(check, self.clock.now() + _UNTIL_FREE)


def of_another(stored: Stored | None) -> OwnerRow:
    """The row of a number that another account has, by that account's state."""
    deleted = stored is not None and stored.state.deleted and stored.state.settled
    return OwnerRow(ours=False, deleted=stored if deleted else None)
