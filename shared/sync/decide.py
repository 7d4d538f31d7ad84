"""Decides about one account without writing: what a check of it would do now.

It calls the same `plan` as the pipeline, reads what each step needs, and stops at the decision. The preview
shows the decision, and reconcile compares both systems by it.
"""

from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID, uuid4

from shared.model.account import Account
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.customer import Customer, CustomerKey
from shared.model.faults import AccountFault
from shared.model.state import Stored, SyncState, in_this_erp
from shared.ports import Clock
from shared.resilience.target_in_use import TargetInUse
from shared.sync.desired_customer import ResolveCustomer
from shared.sync.fields import after_look
from shared.sync.ownership import of_another
from shared.sync.plan import NOT_FOUND_CHECKS, plan
from shared.sync.rules import Rules
from shared.sync.steps import Decision, Facts, Look, Own, OwnerRow, Resolve, Wait

_NO_ORGANIZATION = UUID(int=0)


class ReadsAccounts(Protocol):
    """The read of an account, as in the port AccountReader."""

    async def read(self, account_id: UUID) -> Account | None:
        """Return the account; None if it does not exist."""
        ...


class FindsCustomers(Protocol):
    """The read of a customer, as in the port Target."""

    async def find(self, key: CustomerKey) -> Customer | None:
        """Return the customer with its mapped fields."""
        ...


class ReadsStates(Protocol):
    """The read of a state, as in the port SyncStates."""

    async def get(self, account_id: UUID) -> Stored | None:
        """Return the account's state, if there is one."""
        ...


class ReadsOwners(Protocol):
    """The read of an owner row, as in the port CustomerOwners."""

    async def owner(self, key: CustomerKey) -> UUID | None:
        """Return the account that owns the customer, if one does."""
        ...


@dataclass(frozen=True, slots=True)
class Decide:
    """Makes the decision from these reads, which may be of the systems or of what was read from them.

    `fresh`: the mapping tables are read anew for each account, not taken from the copy in the process.
    """

    reader: ReadsAccounts
    target: FindsCustomers
    states: ReadsStates
    resolve: ResolveCustomer
    customers: ReadsOwners
    in_use: TargetInUse
    rules: Rules
    clock: Clock
    fresh: bool = True

    async def known(
        self, account_id: UUID, kind: ChangeKind = ChangeKind.UPDATE, *, verify: bool = False
    ) -> Facts:
        """Read the facts at the start of a check. `verify`: it compares with the customer in the ERP.

        Raises ConfigurationFault if the settings name another ERP than the one in use.
        """
        stored, account = await self.states.get(account_id), await self.reader.read(account_id)
        await self.in_use.compare()
        return self.facts_of(account_id, stored, account, kind, verify=verify)

    def facts_of(
        self,
        account_id: UUID,
        stored: Stored | None,
        account: Account | None,
        kind: ChangeKind = ChangeKind.UPDATE,
        *,
        verify: bool = False,
    ) -> Facts:
        """Return the facts at the start of a check, from what was read."""
        now = self.clock.now()
        known = stored.state if stored else SyncState(account_id=account_id, organization_id=_NO_ORGANIZATION)
        before = in_this_erp(known, self.in_use.adopted_at)
        state = before
        if account is not None:
            state = replace(before, version=account.version, read_at=account.read_at, deleted=False)
        change = AccountChange(
            organization_id=before.organization_id,
            account_id=account_id,
            kind=kind,
            occurred_at=now,
            source=Source.DATAVERSE_QUEUE,
            operation_id=uuid4(),
            attempt=NOT_FOUND_CHECKS,
            verify=verify or before is not known,
        )
        return Facts(now=now, change=change, state=state, before=before, account=account)

    async def decided(self, facts: Facts) -> tuple[Facts, Decision | Wait]:
        """Read what each step of the plan needs, until the plan returns the decision."""
        while True:
            step = plan(facts, self.rules)
            facts = replace(facts, state=step.state)
            match step:
                case Decision() | Wait():
                    return facts, step
                case Resolve():
                    facts = await self._resolved(facts)
                case Look(key=key):
                    found = await self.target.find(key)
                    names, prints = self.rules.field_map.names, self.rules.fingerprints
                    state = after_look(facts.state, facts.now, found, names, prints)
                    facts = replace(facts.saw(key, found), state=state)
                case Own(key=key, creation=creation):
                    row = await self._owner(facts.state.account_id, key)
                    facts = facts.owned(key, row if creation or row.ours else OwnerRow(ours=False))
                case _:
                    facts = facts.after(step)

    async def _resolved(self, facts: Facts) -> Facts:
        if facts.account is None:
            raise AssertionError
        try:
            keys = await self.resolve.mapped.keys(facts.account, fresh=self.fresh)
            return replace(facts, desired=await self.resolve.body(facts.account, keys, fresh=self.fresh))
        except AccountFault as fault:
            return replace(facts, problem=fault.problem)

    async def _owner(self, account_id: UUID, key: CustomerKey) -> OwnerRow:
        owner = await self.customers.owner(key)
        if owner is None or owner == account_id:
            return OwnerRow(ours=True)
        return of_another(await self.states.get(owner))
