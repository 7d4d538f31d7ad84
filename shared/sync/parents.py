"""Finds the customer numbers of the accounts that an account refers to, such as its parent.

The number of a parent is in the parent's own state: neither Sales nor the ERP is asked. An account whose
parent has no customer is parked until the parent has one. In a circle of accounts without customers each
would wait for the next one for ever, so a person must open it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from shared.model.account import Account
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ParentMissing
from shared.model.field_map import FieldMap
from shared.model.missing_parent import why_no_customer
from shared.model.outcome import Cause, Problem
from shared.model.state import Phase, Stored, SyncState, in_this_erp, referred_to
from shared.resilience.target_in_use import TargetInUse

_LONGEST_CHAIN = 50  # parents of parents that are followed to find a circle
_OPEN_IT = "Clear the column in Sales, wait until the account has its customer, then set it again."
_ITSELF = f"The account refers to itself, and has no customer in {{erp}} yet. {_OPEN_IT}"
_CIRCLE = (
    "The accounts refer to each other in a circle, and none has a customer in {erp} yet. Clear the column in "
    "one of them in Sales, wait until it has its customer, then set it again."
)


class ReadsStates(Protocol):
    """The read of a state, as in the port SyncStates."""

    async def get(self, account_id: UUID) -> Stored | None:
        """Return the account's state, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class FindParents:
    """Finds the parents' numbers for the fields with `via = "customer"`."""

    field_map: FieldMap
    states: ReadsStates
    in_use: TargetInUse

    async def numbers(self, account: Account, company: str) -> Mapping[str, str]:
        """Return the numbers by field; a field whose column has no value is left out.

        Raises ParentMissing, and AccountFault for a customer in another company.
        """
        found: dict[str, str] = {}
        for name, entry in self.field_map.customer_fields.items():
            if parent := account.columns.get(entry.path):
                customer = await self._customer(account.account_id, UUID(str(parent)), name)
                if not customer.same_as(CustomerKey(company, customer.number)):
                    raise AccountFault(_elsewhere(name, str(parent), customer.company))
                found[name] = customer.number
        return found

    async def _customer(self, account_id: UUID, parent: UUID, field: str) -> CustomerKey:
        state = await self._state(parent)
        if (customer := referred_to(state)) is not None:
            return customer
        advice, unchecked = "", tuple[UUID, ...]()
        if parent == account_id:
            advice = _ITSELF
        elif state is None or state.phase is Phase.SYNCED:  # unknown here, or linked in another ERP only
            unchecked = (parent,)
        elif unchecked := await self._circle(account_id, state):
            advice = _CIRCLE
        else:
            advice = why_no_customer(state)
        problem = Problem(Cause.PARENT_NOT_SYNCED, field=field, value=str(parent), advice=advice)
        raise ParentMissing(problem, unchecked)

    async def _circle(self, account_id: UUID, state: SyncState) -> tuple[UUID, ...]:
        """Return the accounts through which the parent waits for this account; none if it does not."""
        chain = [state.account_id]
        while (parent := _awaited(state)) is not None and len(chain) < _LONGEST_CHAIN:
            found = await self._state(parent)
            if parent == account_id:
                return tuple(chain)
            if found is None or parent in chain:
                return ()
            chain.append(parent)
            state = found
        return ()

    async def _state(self, account_id: UUID) -> SyncState | None:
        """Return what is known of the account in the ERP in use."""
        stored = await self.states.get(account_id)
        return in_this_erp(stored.state, self.in_use.adopted_at) if stored else None


def _awaited(state: SyncState) -> UUID | None:
    """Return the account for whose customer this one waits, if it is parked for that."""
    cause, _, value = (state.issue or "").partition("|")
    waits = state.phase is Phase.PARKED and cause == Cause.PARENT_NOT_SYNCED
    return UUID(value) if waits else None


def _elsewhere(field: str, parent: str, company: str) -> Problem:
    advice = (
        f"The customer of the account that it refers to is in company {company}. Refer to an account of the "
        "same company in Sales, or correct the company of one of the two."
    )
    return Problem(Cause.PARENT_IN_OTHER_COMPANY, field=field, value=parent, advice=advice)
