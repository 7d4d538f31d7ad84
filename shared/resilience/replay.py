"""Checks accounts again because a person asks: one account or all parked ones, dead letters, rejected events.

Every check compares the account with the ERP. Checks are spread over time, so that a replay does not overload
the systems. The account's log says who asked for the check and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from shared.model.change import AccountChange, ChangeKind, Source, decode_change
from shared.model.faults import MessageRefused
from shared.model.page import decode_page
from shared.model.queues import Bin, Leftover
from shared.ports import ChangeQueue, Clock, Issues, SyncStates
from shared.ports.pages import PageQueue
from shared.ports.queues import Leftovers
from shared.telemetry import LOGGER, SPAN


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked, why, and at how many checks a minute at most."""

    who: str
    why: str
    per_minute: float = 600.0


@dataclass(frozen=True, slots=True)
class Replay:
    """Sends verifying checks."""

    queue: ChangeQueue
    states: SyncStates
    issues: Issues
    clock: Clock

    @SPAN("replay")
    async def account(self, account_id: UUID, asked: Asked) -> bool:
        """Check one account. Return False if the app has no state of it."""
        stored = await self.states.get(account_id)
        if stored is None:
            return False
        await self._send(account_id, stored.state.organization_id, asked, 0)
        return True

    @SPAN("replay")
    async def accounts(self, account_ids: Sequence[UUID], asked: Asked) -> int:
        """Check these accounts, spread over time. Return how many of them the app knows."""
        sent = 0
        for account_id in account_ids:
            stored = await self.states.get(account_id)
            if stored is not None:
                await self._send(account_id, stored.state.organization_id, asked, sent)
                sent += 1
        return sent

    async def recheck(self, account_id: UUID, why: str) -> bool:
        """Check one account because the app itself asks. Return False if the app has no state of it."""
        return await self.account(account_id, Asked("the app", why))

    @SPAN("replay")
    async def parked(self, asked: Asked, cause: str = "") -> int:
        """Check every account parked for this cause ("" for any; "UnmappedCurrency|yen" names one value)."""
        sent = 0
        for row in await self.issues.report(cause):
            stored = await self.states.get(row.account_id)
            if stored is not None and stored.state.issue == row.key:
                await self._send(row.account_id, stored.state.organization_id, asked, sent)
                sent += 1
        return sent

    def check(self, account_id: UUID, organization_id: UUID, asked: Asked) -> AccountChange:
        """Make a verifying check, with a note of who asks for it."""
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


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Sends again what ended outside the pipeline: a change under an operation id of its own, a page as its
    next attempt, an event as it came."""

    leftovers: Leftovers
    queue: ChangeQueue
    pages: PageQueue

    @SPAN("resubmit")
    async def run(
        self, place: Bin, note: str, sequence_numbers: frozenset[int] | None = None
    ) -> tuple[int, int]:
        """Send the messages of these numbers, or all. Return how many were sent and how many stayed."""

        async def resend(leftover: Leftover) -> bool:
            if leftover.truncated:
                return False
            try:
                await self._send(place, leftover.body, note)
            except ValueError:
                LOGGER.warning("dead letter %d is not of its queue's kind", leftover.sequence_number)
                return False
            except MessageRefused as refusal:
                LOGGER.warning("message %d stays: %s", leftover.sequence_number, refusal)
                return False
            return True

        def wanted(leftover: Leftover) -> bool:
            return sequence_numbers is None or leftover.sequence_number in sequence_numbers

        return await self.leftovers.take(place, wanted, resend)

    async def _send(self, place: Bin, body: bytes, note: str) -> None:
        match place:
            case Bin.CHANGE_DEAD_LETTERS:
                await self.queue.send(_resubmitted(decode_change(body), note))
            case Bin.PAGE_DEAD_LETTERS:
                await self.pages.send(decode_page(body).again())
            case _:
                await self.leftovers.post_event(body)


def _resubmitted(change: AccountChange, note: str) -> AccountChange:
    """Give a change from a dead-letter queue a new id, so that the broker does not drop it as a repeat."""
    return replace(change, operation_id=uuid4(), hop=0, attempt=0, verify=True, note=note)
