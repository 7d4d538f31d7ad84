"""What a person does about the differences of a run: has the accounts checked, and reads the values."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from shared.load.differences import kind_of_check
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.customer import FieldValue
from shared.model.faults import AccountFault
from shared.model.outcome import Cause, remedy
from shared.model.reconciliation import REPAIRABLE, Difference, Kind
from shared.ports import ChangeQueue, Clock, SyncStates
from shared.resilience.replay import Asked
from shared.sync.decide import Decide
from shared.sync.fields import NO_FIELDS
from shared.sync.steps import Wait
from shared.telemetry import SPAN

REPAIR = "`accountsync reconcile --last --repair`"
_REMEDIES = {
    Kind.MISSING: f"A check creates or links the customer: {REPAIR}.",
    Kind.DIFFERENT: f"A check writes the values of Sales: {REPAIR}.",
    Kind.WRONGLY_BLOCKED: f"The account is active again. A check releases the customer: {REPAIR}.",
    Kind.NOT_BLOCKED: f"The account is inactive. A check blocks the customer: {REPAIR}.",
    Kind.WITHOUT_ACCOUNT: "The account was deleted. A check does with the customer what ON_DELETE says: "
    f"{REPAIR}.",
    Kind.OWNED_TWICE: "The customer belongs to account {owner}. Unlink this one: "
    '`accountsync unlink {account} --why "owned twice"`. Two accounts need two numbers.',
}


def what_to_do(one: Difference, erp: str) -> str:
    """Return the remedy; `erp` is the name of the ERP in use."""
    if one.kind is Kind.PARKED:
        return remedy(Cause(one.cause), erp)
    text = _REMEDIES[one.kind]
    return text.replace("{owner}", str(one.owner)).replace("{account}", str(one.account_id))


@dataclass(frozen=True, slots=True)
class Repair:
    """Sends "check account X" for what a check puts right. `organization` asks Sales for its own id."""

    queue: ChangeQueue
    states: SyncStates
    clock: Clock
    organization: Callable[[], Awaitable[UUID]]

    @SPAN("repair")
    async def send(self, differences: Sequence[Difference], asked: Asked) -> int:
        """Send a verifying check for each account, spread over time. Returns how many were sent."""
        wanted = [one for one in differences if one.kind in REPAIRABLE]
        unknown: UUID | None = None
        checks: list[AccountChange] = []
        for one in wanted:
            stored = await self.states.get(one.account_id)
            if stored is None and unknown is None:
                unknown = await self.organization()
            of = stored.state.organization_id if stored else unknown
            checks.append(self._check(one, of or UUID(int=0), asked))
        start, apart = self.clock.now(), 60 / asked.per_minute
        due = [(check, start + timedelta(seconds=apart * place)) for place, check in enumerate(checks)]
        if due:
            await self.queue.send_all(due)
        return len(due)

    def _check(self, one: Difference, organization_id: UUID, asked: Asked) -> AccountChange:
        return AccountChange(
            organization_id=organization_id,
            account_id=one.account_id,
            kind=kind_of_check(one.kind),
            occurred_at=self.clock.now(),
            source=Source.RECONCILE,
            operation_id=uuid4(),
            verify=True,
            note=f"{asked.who}: {asked.why}",
        )


class TwoValues(NamedTuple):
    """A field's value as Sales wants it, and as the ERP has it."""

    field: str
    in_sales: FieldValue
    in_erp: FieldValue


async def values_of(decide: Decide, one: Difference) -> list[TwoValues]:
    """Read the values of the fields that differ now; of a missing customer, those that it would get.

    Returns nothing for an account whose customer cannot be decided now. May raise faults of the systems.
    """
    try:
        facts = await decide.known(one.account_id, ChangeKind.DELETE, verify=True)
        facts, step = await decide.decided(facts)
    except AccountFault:
        return []
    if isinstance(step, Wait):
        return []
    if step.create is not None:
        return [TwoValues(name, value, "") for name, value in step.create.fields.items() if value != ""]
    if step.update is None:
        return []
    found = facts.seen.get(step.update.key.folded)
    ours, theirs = step.update.fields, found.fields if found else NO_FIELDS
    return [TwoValues(name, ours.get(name, ""), theirs.get(name, "")) for name in one.fields]
