"""Separates an account from its customer, because a person asks for it.

The customer is removed from the account's state and its number becomes free. The next check treats the
account as one that never had a customer. The customer in the ERP is not changed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from shared.model.change import AccountChange
from shared.model.customer import CustomerKey
from shared.model.state import Lease, LogEntry, SyncState
from shared.ports import Clock, SyncStates
from shared.resilience.replay import Asked, Replay

type Release = Callable[[CustomerKey, UUID, AccountChange], Awaitable[None]]
"""Gives up an account's customer number, and has those checked who wait for it."""

_LEASE = timedelta(seconds=60)
_AFTER = timedelta(seconds=2)
_NOTE = 200


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The account is unlinked from this customer, and a check was sent."""

    customer: CustomerKey


@dataclass(frozen=True, slots=True)
class NothingToUnlink:
    """The account has no customer, nor was the creation of one begun."""


@dataclass(frozen=True, slots=True)
class StillOpen:
    """Nothing was changed, because a request to the ERP may still take effect until this time."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Unlink:
    """The use case behind `accountsync unlink`; `second_key` is the field map's, if it has one.

    `moved` has the accounts checked that refer to this one's customer.
    """

    states: SyncStates
    release: Release
    replay: Replay
    clock: Clock
    moved: Callable[[UUID, UUID], Awaitable[None]]
    second_key: str | None = None

    async def account(self, account_id: UUID, asked: Asked) -> Unlinked | NothingToUnlink | StillOpen:
        """Remove the customer from the account's state, release its number, and check the account.

        Raises StateConflict if a worker of the app was faster. A lease keeps the workers away meanwhile. If
        this process dies, they take over the account once the lease is over, as after a crash of a worker.
        """
        stored = await self.states.get(account_id)
        key = (stored.state.customer or stored.state.intent) if stored else None
        if stored is None or key is None:
            return NothingToUnlink()
        state, now = stored.state, self.clock.now()
        if state.lease is not None:
            return StillOpen(state.lease.until)
        if state.unknown_until is not None and now < state.unknown_until:
            return StillOpen(state.unknown_until)
        forgotten = replace(state, customer=None, begun=(), confirmed={}, previous_hold=None)
        held = replace(forgotten, intent=key, lease=Lease(uuid4(), now + _LEASE))
        await self.moved(account_id, state.organization_id)
        etag = await self.states.put(held, stored.etag)
        change = self.replay.check(account_id, state.organization_id, asked)
        for owned in {key, *self._second_key(key, account_id)}:
            await self.release(owned, account_id, change)
        await self.replay.queue.send(change, self.clock.now() + _AFTER)
        await self.states.put(self._logged(replace(forgotten, intent=None), change), etag)
        return Unlinked(key)

    def _second_key(self, key: CustomerKey, account_id: UUID) -> list[CustomerKey]:
        return [CustomerKey(key.company, str(account_id), self.second_key)] if self.second_key else []

    def _logged(self, state: SyncState, change: AccountChange) -> SyncState:
        entry = LogEntry(
            at=self.clock.now().isoformat(timespec="milliseconds"),
            outcome="unlinked",
            detail="",
            source=str(change.source),
            kind=str(change.kind),
            operation_id=str(change.operation_id),
            attempt=0,
            note=change.note[:_NOTE],
        )
        return state.logged(entry)
