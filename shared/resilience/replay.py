"""Replay: somebody says "look at account X again", for one account, for a cause, or for all that is parked.

Every look verifies against the ERP, is spaced so that a replay is no storm, and carries who asked for it
and why into the account's log.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.outcome import keys_of_cause
from shared.ports import ChangeQueue, Clock, SyncStates
from shared.ports.recovery import IssueList


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked, why, and at how many looks a minute at most."""

    who: str
    why: str
    per_minute: float = 600.0


@dataclass(frozen=True, slots=True)
class Replay:
    """Sends verifying looks."""

    queue: ChangeQueue
    states: SyncStates
    issues: IssueList
    clock: Clock

    async def account(self, account_id: UUID, asked: Asked) -> bool:
        """One account; False if nothing was ever heard of it."""
        stored = await self.states.get(account_id)
        if stored is None:
            return False
        await self._send(account_id, stored.state.organization_id, asked, 0)
        return True

    async def parked(self, asked: Asked, cause: str = "") -> int:
        """Every account parked for this cause ("" for any; "UnmappedCurrency|yen" names one value)."""
        sent = 0
        async for account_id, organization_id in self._parked(cause):
            await self._send(account_id, organization_id, asked, sent)
            sent += 1
        return sent

    async def _parked(self, cause: str) -> AsyncIterator[tuple[UUID, UUID]]:
        for key in keys_of_cause(cause):
            async for row in self.issues.all(key):
                if key and row.key != key and not row.key.startswith(f"{key}|"):
                    continue
                stored = await self.states.get(row.account_id)
                if stored is not None and stored.state.issue == row.key:
                    yield row.account_id, stored.state.organization_id

    def check(self, account_id: UUID, organization_id: UUID, asked: Asked) -> AccountChange:
        """A verifying check that somebody asks for."""
        return AccountChange(
            organization_id=organization_id,
            account_id=account_id,
            kind=ChangeKind.CHECK,
            occurred_at=self.clock.now(),
            source=Source.REPLAY,
            operation_id=uuid4(),
            verify=True,
            note=f"{asked.who}: {asked.why}",
        )

    async def _send(self, account_id: UUID, organization_id: UUID, asked: Asked, place: int) -> None:
        due = self.clock.now() + timedelta(seconds=60 / asked.per_minute * place)
        await self.queue.send(self.check(account_id, organization_id, asked), due)


def resubmitted(change: AccountChange, note: str) -> AccountChange:
    """A change out of a dead-letter queue, to be sent as one of our own: the broker must not drop it."""
    return replace(change, operation_id=uuid4(), hop=0, attempt=0, verify=True, note=note)
