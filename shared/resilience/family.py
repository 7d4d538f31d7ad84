"""Keeps accounts in step that refer to each other's customers, as children to their parent.

A child that is parked has its parent checked, if the app does not know it. A parent that gets its customer
releases the children that wait for it. A parent whose number changes has all its children checked, page by
page, because those that are written hold the former number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from shared.model.change import AccountChange, Source, slot_start
from shared.model.customer import CustomerKey
from shared.model.faults import Fault, ParentMissing
from shared.model.page import PageDue
from shared.model.related import RelatedChange
from shared.model.state import SyncState, referred_to
from shared.ports import ChangeQueue, Clock
from shared.ports.pages import PageQueue
from shared.resilience.release_children import ReleaseChildren
from shared.telemetry import LOGGER

_TABLE = "account"
_DUPLICATES = timedelta(minutes=10)  # for so long the broker drops repeated messages
_UNTIL_STORED = timedelta(seconds=60)  # the parent's new number is in its state by then


@dataclass(frozen=True, slots=True)
class Family:
    """`columns` are the account's look-ups through which the field map reads other accounts' customers."""

    columns: Sequence[str]
    queue: ChangeQueue
    pages: PageQueue
    release: ReleaseChildren
    clock: Clock

    async def ask(self, missing: ParentMissing, change: AccountChange, issue: str | None) -> None:
        """Check the accounts that this one waits for, unless it is parked for that already.

        Thousands of children make one message of it: its id is made of the parent and the time. In a circle
        the same account is checked once more, because only now its remedy is known.
        """
        if issue == missing.problem.key:
            return
        of_load = change.source is Source.LOAD  # then its creations count against the limit of the load
        at = change.occurred_at if of_load else slot_start(self.clock.now(), _DUPLICATES)
        asked = "circle" if missing.problem.advice else "parent"
        for account_id in missing.unchecked:
            operation = uuid5(account_id, f"{asked} {at.isoformat()}")
            source = Source.LOAD if of_load else Source.HEAL
            check = change.check(source, verify=False, operation_id=operation)
            await self.queue.send(replace(check, account_id=account_id, occurred_at=at))

    async def follow(self, state: SyncState, had: CustomerKey | None) -> None:
        """Release the accounts that wait for this one, if it has got its customer. Healing finds the rest."""
        customer = referred_to(state)
        if not self.columns or customer is None or (had is not None and customer.same_as(had)):
            return
        try:
            await self.release.of(state.account_id, customer, self.clock.now())
        except Fault as trouble:
            LOGGER.warning("accounts that wait for %s are left to healing: %s", state.account_id, trouble)

    async def moved(self, account_id: UUID, organization_id: UUID) -> None:
        """Check all accounts that refer to this one, whose number changes now. Raises QueueUnavailable.

        It is sent before the new number is stored, so that a crash cannot lose it, and is due after that.
        """
        if not self.columns:
            return
        now = self.clock.now()
        change = RelatedChange(
            organization_id=organization_id,
            table=_TABLE,
            row_id=account_id,
            columns=tuple(self.columns),
            occurred_at=now,
            operation_id=uuid4(),
        )
        await self.pages.send(PageDue.related(change), now + _UNTIL_STORED)
