"""Compares accounts with their customers: first from what was read for many, then from reads of each alone.

What was read in a list is a moment old when it is compared. So it only shows which accounts may differ; a
difference is reported only if it is found again from fresh reads of that account.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from uuid import UUID

from shared.load.differences import difference, is_in_work, is_to_be_linked
from shared.model.account import Account
from shared.model.change import ChangeKind
from shared.model.customer import Customer, CustomerKey
from shared.model.faults import AccountFault
from shared.model.reconciliation import Difference, Kind
from shared.model.state import Stored
from shared.ports import CustomerOwners, SyncStates, Target
from shared.ports.reconciling import AccountRow
from shared.sync.decide import Decide
from shared.sync.steps import Facts, Wait

_TABLE_READS = 20  # at a time
_FRESH_READS = 4
_LONGEST = timedelta(seconds=25)  # for the fresh reads of one page


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison of one account found. `in_work`: a check of it is under way or due."""

    difference: Difference | None = None
    in_work: bool = False
    to_link: bool = False


IN_WORK = Verdict(in_work=True)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One account of a page, with what was read of it. `account` is None if Sales does not have it."""

    account_id: UUID
    account: Account | None
    changed_at: datetime | None
    stored: Stored | None
    owner: UUID | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Finds customers among those that were read; others are read from the ERP.

    `asked` are the keys that were looked up: without an id, a key of these that is not found has no customer.
    """

    customers: Mapping[CustomerKey, Customer]
    asked: Collection[CustomerKey]
    target: Target

    async def find(self, key: CustomerKey) -> Customer | None:
        """Return the customer."""
        found = self.customers.get(key.folded)
        fits = found is not None and (not key.id or found.key.id == key.id)
        if fits or (found is None and not key.id and key.folded in self.asked):
            return found
        return await self.target.find(key)


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares accounts. `decide` reads from the systems; `margin` is the longest uncommitted change."""

    decide: Decide
    target: Target
    states: SyncStates
    owners: CustomerOwners
    margin: timedelta

    async def candidates(self, rows: Sequence[AccountRow]) -> list[Candidate]:
        """Return the accounts of a list, each with its state and the owner of its customer."""
        stored = await each(rows, lambda row: self.states.get(row.account.account_id))
        linked = [one.state.customer if one else None for one in stored]
        owners = await each(linked, self._owner)
        return [
            Candidate(row.account.account_id, row.account, row.changed_at, state, owner)
            for row, state, owner in zip(rows, stored, owners, strict=True)
        ]

    async def state(self, account_id: UUID | None) -> Stored | None:
        """Return the state of the account, if one is given and it has one."""
        return await self.states.get(account_id) if account_id else None

    async def customers_of(self, candidates: Sequence[Candidate]) -> Known:
        """Read the customers of these accounts, in few requests."""
        keys = [key for one in candidates if (key := self._key(one)) is not None]
        return Known(await self.target.look_up(keys), {key.folded for key in keys}, self.target)

    async def at_first_sight(self, one: Candidate, known: Known) -> Verdict:
        """Compare what was read for many accounts; a difference must be confirmed."""
        decide = replace(self.decide, target=known, fresh=False)
        facts = decide.facts_of(one.account_id, one.stored, one.account, ChangeKind.DELETE, verify=True)
        return await self._judged(decide, facts, one)

    async def confirmed(self, one: Candidate) -> Verdict:
        """Compare the account from fresh reads."""
        try:
            facts = await self.decide.known(one.account_id, ChangeKind.DELETE, verify=True)
        except AccountFault as fault:
            return Verdict(_refused(one.account_id, fault))
        if _version(facts.account) != _version(one.account):
            return IN_WORK  # it was changed, deleted or restored a moment ago
        owner = await self._owner(facts.before.customer)
        return await self._judged(self.decide, facts, replace(one, owner=owner))

    async def all_confirmed(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        """Confirm these accounts in their order, some at a time.

        If the time is too short for all, the list is shorter; it has one part at least.
        """
        most = self.target.capabilities.most_concurrent_requests
        verdicts: list[Verdict] = []
        end = self.decide.clock.now() + _LONGEST
        for some in batched(candidates, max(1, most // 2) if most else _FRESH_READS, strict=False):
            if verdicts and self.decide.clock.now() > end:
                break
            verdicts += await asyncio.gather(*map(self.confirmed, some))
        return verdicts

    async def _judged(self, decide: Decide, facts: Facts, one: Candidate) -> Verdict:
        """Compare the account by the decision that a check of it would make."""
        version = _version(facts.account)
        if is_in_work(facts.before, version, one.changed_at, facts.now, self.margin):
            return IN_WORK
        try:
            facts, step = await decide.decided(facts)
        except AccountFault as fault:
            return Verdict(_refused(one.account_id, fault))
        if isinstance(step, Wait):
            return IN_WORK
        found = difference(facts, step, decide.rules, one.owner)
        return Verdict(found, to_link=found is None and is_to_be_linked(facts, step))

    async def _owner(self, customer: CustomerKey | None) -> UUID | None:
        return await self.owners.owner(customer) if customer else None

    def _key(self, one: Candidate) -> CustomerKey | None:
        """Return the key under which the account's customer stands, or would be created."""
        if one.stored is not None and one.stored.state.customer is not None:
            return one.stored.state.customer
        try:
            return self.decide.resolve.build.key(one.account) if one.account else None
        except AccountFault:
            return None


async def each[T, R](items: Sequence[T], read: Callable[[T], Awaitable[R]]) -> list[R]:
    """Read one row of a table for each item, some at a time."""
    found: list[R] = []
    for some in batched(items, _TABLE_READS, strict=False):
        found += await asyncio.gather(*map(read, some))
    return found


def _version(account: Account | None) -> int | None:
    return account.version if account else None


def _refused(account_id: UUID, fault: AccountFault) -> Difference:
    """Return the difference of an account that a check would park because of one of its own rows."""
    problem = fault.problem
    fields = (problem.field,) if problem.field else ()
    return Difference(account_id, Kind.PARKED, fields, cause=str(problem.cause))
