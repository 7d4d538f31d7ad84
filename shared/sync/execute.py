"""Carries out the steps of a plan: claims, owns, sends, and notes which values the ERP confirmed."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue
from shared.model.faults import AccountFault, CustomerAlreadyExists, CustomerNotFound, Fault, TransientFault
from shared.model.outcome import Cause, Outcome, Problem
from shared.model.state import SyncState
from shared.ports import Clock, Guard, Target
from shared.resilience.circuit_breaker import Breakers
from shared.sync.fields import after_look, confirmed, released
from shared.sync.freshness import Work
from shared.sync.linking import unused_number
from shared.sync.ownership import Ownership
from shared.sync.rules import Rules
from shared.sync.steps import (
    Decision,
    Facts,
    Inherit,
    Link,
    Look,
    Move,
    Own,
    Release,
    Step,
    Update,
)


@dataclass(frozen=True, slots=True)
class Execute:
    """Carries out steps and decisions; `lease` is the longest that one write takes."""

    target: Target
    breakers: Breakers
    ownership: Ownership
    clock: Clock
    limits: Guard
    rules: Rules
    lease: timedelta

    async def step(self, work: Work, facts: Facts, step: Step) -> Facts:
        """Do what the step says; the facts after it. Raises AccountFault, StateConflict and more."""
        account_id = work.state.account_id
        match step:
            case Look(key=key):
                return await self._look(work, facts, key)
            case Own(key=key, creation=creation):
                if creation is not None:
                    return await self._begin(work, facts, creation)
                return facts.owned(key, await self.ownership.own(key, account_id))
            case Release(key=key):
                await self.ownership.release(key, account_id, work.change)
            case Inherit(body=body, before=before):
                done = facts.after(replace(step, state=work.state))
                if done.state.previous_hold != work.state.previous_hold:
                    work.state = done.state
                    await self._claim(work, body)  # or a crash would leave the block for good
                return facts.owned(body.key, await self.ownership.succeed(body.key, before, account_id))
            case Link(customer=customer):
                await self._own(work, facts, customer)
            case Move(old=old):
                work.state = facts.after(replace(step, state=work.state)).state
                await work.claim(self._until(), old)
            case _:
                pass
        facts = facts.after(replace(step, state=work.state))
        work.state = facts.state
        return facts

    async def decision(self, work: Work, facts: Facts, decision: Decision) -> Outcome | Facts:
        """Send what is to be sent; how it ended, or what was learned that calls for another plan."""
        learned, sent = None, dict[str, FieldValue]()
        if decision.create is not None:
            learned, sent = await self._create(work, facts, decision.create), decision.create.fields
        elif decision.update is not None:
            learned, sent = await self._update(work, facts, decision.update), decision.update.send
        return learned or Outcome(decision.ending, decision.detail, tuple(sorted(sent)))

    def take_back(self, work: Work) -> None:
        """Give a creation back to the limit that was counted, and of which nothing was sent."""
        if work.counted:
            work.counted = False
            self.limits.give_back("creates", work.change)

    async def give_up(self, work: Work) -> None:
        """Give up the number under which nothing of ours stands, unless a creation may still come about."""
        if (unused := unused_number(work.state)) is not None:
            await self.ownership.release(unused, work.state.account_id, work.change)
            work.state = replace(work.state, intent=None, begun=())

    async def _begin(self, work: Work, facts: Facts, creation: CustomerBody) -> Facts:
        """Claim account and number for a creation, and count it. Raises NotYet at the limit of a load."""
        await self._claim(work, creation)
        owning = self.ownership.own(creation.key, work.state.account_id, may_inherit=True)
        row, limit = await asyncio.gather(owning, self._count(work), return_exceptions=True)
        if isinstance(row, BaseException):
            raise row
        if isinstance(limit, BaseException):
            raise limit
        return replace(facts.owned(creation.key, row), limit=limit)

    async def _count(self, work: Work) -> Problem | None:
        """Count one creation. Return why none is allowed."""
        if work.counted or work.state.begun:  # a creation that was begun before is counted already
            return None
        try:
            await self.limits.allow("creates", work.change)
        except AccountFault as reached:
            return reached.problem
        work.counted = True
        return None

    async def _look(self, work: Work, facts: Facts, key: CustomerKey) -> Facts:
        found = await self.breakers.call(self.target.capabilities.system, "find", self.target.find(key))
        names, prints = self.rules.field_map.names, self.rules.fingerprints
        work.state = after_look(work.state, self.clock.now(), found, names, prints)
        return facts.saw(key, found)

    async def _create(self, work: Work, facts: Facts, body: CustomerBody) -> Facts | None:
        """Send the creation; a definite no is taken back, from the state and from the limit."""
        before, counted = work.state.begun, work.counted
        work.counted = False
        work.state = replace(work.state, begun=self.rules.begun_with(before, body))
        try:
            made = await self._send(work, "create", self.target.create(body.key, body.fields))
        except Fault as fault:
            if (inserted := await self._inserted(work, fault, body.key)) is not None:
                return facts.saw(body.key, inserted)
            if not work.in_flight:
                work.state = replace(work.state, begun=before)
                work.counted = counted
            if isinstance(fault, CustomerAlreadyExists):
                return facts.refused_as_existing(body.key)
            raise
        await self._own(work, facts, made.key)
        linked = replace(work.state, customer=made.key, intent=None, begun=())
        work.state = self._confirmed(linked, made.fields, body.fields)
        return None

    async def _inserted(self, work: Work, fault: Fault, key: CustomerKey) -> Customer | None:
        """Return the customer that the ERP inserted before it refused the creation, if it did."""
        erp = self.target.capabilities
        refused = not isinstance(fault, TransientFault | CustomerAlreadyExists)
        if work.in_flight or not (erp.refused_create_may_exist and refused):
            return None
        work.in_flight = True  # until the read has an answer
        found = await self.breakers.call(erp.system, "find", self.target.find(key))
        work.in_flight = False
        return found

    async def _update(self, work: Work, facts: Facts, update: Update) -> Facts | None:
        if update.first_block:
            await self.limits.allow("blocks", work.change)
        work.state = replace(work.state, previous_hold=update.previous_hold)
        written = Customer(update.key, {})
        if update.send:
            await work.claim(self._until(), None)
            try:
                written = await self._send(work, "update", self.target.update(update.key, update.send))
            except CustomerNotFound:
                return facts.missed_customer(update.key)
        if update.send or update.seen:
            work.state = self._confirmed(work.state, {**update.fields, **written.fields}, update.send)
        if not update.block and work.state.unknown_until is None:
            work.state = released(work.state, self.rules.field_map.hold)
        known = facts.seen.get(update.key.folded) or Customer(update.key, {})
        return None if written.key.same_as(known.key) else facts.saw(update.key, written)

    def _confirmed(
        self, state: SyncState, fields: Mapping[str, FieldValue], sent: Mapping[str, FieldValue]
    ) -> SyncState:
        return confirmed(state, fields, self.rules.field_map.names, self.rules.fingerprints, sent)

    async def _own(self, work: Work, facts: Facts, customer: CustomerKey) -> None:
        """Claim the number that the customer has, if it is not the one that was asked for.

        Until it is certain whose number it is, the outcome of a creation is unknown.
        """
        if (asked := facts.owners.get(customer.folded)) is not None and asked.ours:
            return
        work.in_flight = True
        row = await self.ownership.own(customer, work.state.account_id)
        work.in_flight = False
        if not row.ours:
            raise AccountFault(Problem(Cause.NUMBER_TAKEN, field=self.rules.number_field))

    async def _send[T](self, work: Work, action: str, request: Awaitable[T]) -> T:
        """Send one write; whatever ends it without an answer leaves it in flight."""
        work.in_flight = True
        try:
            result = await self.breakers.call(self.target.capabilities.system, action, request)
        except TransientFault as fault:
            work.in_flight = fault.unknown_outcome
            raise
        except Fault:
            work.in_flight = False
            raise
        work.in_flight = False
        return result

    async def _claim(self, work: Work, creation: CustomerBody) -> None:
        """Claim the account for a creation, of which nothing is sent yet."""
        begun = work.state.begun
        await work.claim(self._until(), creation.key, self.rules.begun_with(begun, creation))
        work.state = replace(work.state, begun=begun)

    def _until(self) -> datetime:
        return self.clock.now() + self.lease
