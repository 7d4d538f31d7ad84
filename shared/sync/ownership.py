"""Whose a customer is: one number belongs to one account, and who waits for it is told when it is free.

In: an account and a customer's key. Out: the number is the account's own, or `AccountFault(NumberTaken)`,
and then the owner's row notes that the account waits. Checks are sent before a row goes, so that none is
lost to a crash; a row goes only once everybody who waits for it was sent one.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.model.change import AccountChange, Source
from shared.model.customer import CustomerKey, Owner
from shared.model.faults import AccountFault
from shared.model.outcome import Cause, Problem
from shared.model.state import Stored
from shared.ports import ChangeQueue, Clock, CustomerOwners, SyncStates

_UNTIL_FREE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Claims, gives up and passes on the numbers of customers; `target` names their field in Operations."""

    owners: CustomerOwners
    states: SyncStates
    queue: ChangeQueue
    clock: Clock
    target: str

    async def claim(self, key: CustomerKey, account_id: UUID) -> None:
        """Own the number. Raises AccountFault(NumberTaken), and then the account waits for it."""
        while (owner := await self.owners.claim(key, account_id)).account_id != account_id:
            if await self.owners.wait(key, owner.account_id, account_id):
                raise AccountFault(Problem(Cause.NUMBER_TAKEN, field=self.target))

    async def deleted_owner(self, key: CustomerKey, account_id: UUID) -> Stored | None:
        """The state of the other account that owns the number, if that account is deleted for good.

        None if the number is free or our own by now. Raises AccountFault(NumberTaken) if its owner lives.
        """
        owner = await self.owners.claim(key, account_id)
        if owner.account_id == account_id:
            return None
        stored = await self.states.get(owner.account_id)
        if stored is None or not (stored.state.deleted and stored.state.settled):
            await self.claim(key, account_id)
            return None
        return stored

    async def succeed(self, key: CustomerKey, before: Stored, account_id: UUID) -> None:
        """Take over the number of a deleted account, which then knows no customer of it any more.

        Raises StateConflict if somebody works on that account.
        """
        theirs = before.state
        if theirs.customer is not None and theirs.customer.same_as(key):
            forgotten = replace(theirs, customer=None, confirmed={}, previous_hold=None)
            await self.states.put(forgotten, before.etag)
        if not await self.owners.succeed(key, theirs.account_id, account_id):
            await self.claim(key, account_id)

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
