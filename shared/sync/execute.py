"""Writes one customer: claim, send, and leave behind what is known to stand there.

What enters is the account's state and the body that shall stand in Operations; what leaves is the same
`Work` with the state as it is to be recorded. Any fault may leave in the middle: `Work.in_flight` then
tells whether a request of ours may still commit.
"""

from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue, Fingerprints
from shared.model.faults import (
    AccountFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Fault,
    NotYet,
    System,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.mapping import fold
from shared.model.outcome import Cause, Ending, Outcome, Problem
from shared.ports import Clock, Guard, Target
from shared.sync.fields import differing, must_look, not_confirmed, plan_hold
from shared.sync.ownership import Ownership
from shared.sync.work import Work

CREATED, ADOPTED = "created", "adopted"
_BEGUN_AT_MOST = 16
_UNSEEN_ATTEMPTS = 3  # of a customer that exists, as Operations says, and is not found


@dataclass(frozen=True, slots=True)
class Rules:
    """`existing`: match, adopt or park a customer that is there already; `lease`: longest one write takes."""

    existing: str
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Apply:
    """Brings the customer of one account into line."""

    target: Target
    ownership: Ownership
    clock: Clock
    field_map: FieldMap
    fingerprints: Fingerprints
    guard: Guard
    rules: Rules

    async def known(self, work: Work, body: CustomerBody, *, hold: bool) -> Outcome:
        """The customer is known to stand in Operations: one PATCH of what differs, or nothing at all."""
        await self._leave_old_number(work)
        found = None
        if self._verify(work) or must_look(work.state, self.field_map.hold, self.fingerprints, wanted=hold):
            found = await self._look(work, body.key)
            if found is None:
                return await self._vanished(work, body, hold=hold)
        return await self._change(work, body, found, hold=hold)

    async def first(self, work: Work, body: CustomerBody) -> Outcome:
        """No customer is known yet: create it under our name, or adopt the one that is there.

        Operations refuses a number that exists, so nothing is looked up before, except where an earlier
        creation may have come about, or where Operations assigns the number and so would refuse nothing.
        """
        looks = bool(body.key.by) or work.change.verify or work.state.unknown_until is not None
        before = work.state.begun
        await self._claim(work, body)
        work.state = replace(work.state, begun=before)  # nothing is sent yet
        looks |= await self._own_or_end_doubt(work, body)
        if looks and (found := await self._look(work, body.key)) is not None:
            return await self._take(work, body, found)
        return await self._create(work, body)

    async def follow(self, work: Work, body: CustomerBody, *, hold: bool) -> Outcome:
        """The account asks for another number: follow its customer, if it was renamed in Operations.

        Raises AccountFault(KeyChanged) while the customer stands under its old number.
        """
        old = work.state.customer
        unsure = work.state.unknown_until is not None and not self._doubt_over(work)
        if old is None or body.key.by or unsure or await self._look(work, old) is not None:
            raise AccountFault(Problem(Cause.KEY_CHANGED, field=self.field_map.key.field))
        found = await self._look(work, body.key)
        if found is not None and not (self._is_as_confirmed(work, found) or self._may_adopt(body, found)):
            raise AccountFault(Problem(Cause.CUSTOMER_EXISTS, field=self.field_map.key.field))
        await self.ownership.claim(body.key, work.state.account_id)
        if found is None:  # it vanished, as after a restore of Operations
            self._nothing_to_block(work)
        else:
            await self.ownership.mark(body.key, work.state.account_id, ADOPTED)
            work.state = replace(work.state, customer=body.key)
        await work.claim(self.clock.now() + self.rules.lease, old)
        if found is not None:
            await self._leave_old_number(work)
            return await self._change(work, body, found, hold=hold)
        await self.settle_intent(work, body.key)
        return Outcome(Ending.UNCHANGED) if hold else await self.first(work, body)

    async def _leave_old_number(self, work: Work) -> None:
        """Give up the number that the customer had before it was renamed in Operations."""
        intent, customer = work.state.intent, work.state.customer
        if intent is not None and customer is not None and not intent.same_as(customer):
            await self.ownership.release(intent, work.state.account_id, work.change)
            work.state = replace(work.state, intent=None)

    async def settle_intent(self, work: Work, key: CustomerKey) -> None:
        """Find out what became of a creation begun under a key that is not the account's any more.

        Raises AccountFault(KeyChanged) while it may still come about, or once it has.
        """
        if work.state.intent is None or work.state.intent.same_as(key):
            return
        await self.settle_creation(work)
        state = work.state
        if state.intent is not None or state.customer is not None:
            raise AccountFault(Problem(Cause.KEY_CHANGED, field=self.field_map.key.field))

    async def settle_creation(self, work: Work) -> None:
        """Find out what became of a creation that is not wanted any more, once it cannot come about later."""
        intent = work.state.intent
        if intent is None or work.state.customer is not None:
            return
        if self._doubt_over(work) and work.state.begun:
            found = await self._look(work, intent)
            if found is not None and self._is_ours(work, intent, found):
                await self._made(work, intent, found.key)
        self._end_doubt(work)
        await self.give_up(work)

    async def block(self, work: Work, key: CustomerKey) -> Outcome | None:
        """Block the customer of an account that is gone; None if there is no customer to block."""
        await self._leave_old_number(work)
        found = None
        if work.state.customer is None and not work.state.begun:
            self._end_doubt(work)
            return None
        if work.state.customer is None or self._verify(work) or self._hold_unseen(work):
            found = await self._look(work, work.state.customer or key)
            if found is None or (work.state.customer is None and not self._is_ours(work, key, found)):
                return None
            with _to_be_noted(work):
                await self.ownership.claim(found.key, work.state.account_id)
            work.state = replace(work.state, customer=found.key, intent=None, begun=())
        return await self._change(work, CustomerBody(work.state.customer or key, {}), found, hold=True)

    async def give_up(self, work: Work) -> None:
        """Give up the number under which nothing of ours stands, unless a creation may still come about."""
        state = work.state
        if state.intent is None or state.customer is not None or state.unknown_until is not None:
            return
        await self.ownership.release(state.intent, state.account_id, work.change)
        work.state = replace(state, intent=None, begun=())

    def _is_ours(self, work: Work, key: CustomerKey, found: Customer) -> bool:
        """Whether a creation of ours with an unknown outcome made this customer.

        It did if the customer holds what was sent. Its number proves nothing: it may be the reason for
        which the creation was refused. A second key does: it is the account's own id.
        """
        fields = {name: found.fields.get(name, "") for name in self.field_map.names}
        return bool(key.by) or self.fingerprints.of_whole(fields) in work.state.begun

    def _verify(self, work: Work) -> bool:
        """A changed fingerprint key means one look, not a mass rewrite; the end of a doubt needs one too."""
        if work.change.verify or work.state.fingerprint_key != self.fingerprints.key_id:
            return True
        return self._doubt_over(work)

    def _hold_unseen(self, work: Work) -> bool:
        return must_look(work.state, self.field_map.hold, self.fingerprints, wanted=True)

    async def _look(self, work: Work, key: CustomerKey) -> Customer | None:
        """See the customer; a look after the end of a doubt clears it, and what is seen is confirmed.

        What was confirmed before may have been overwritten by a late request, also in fields that nobody
        compares now, as when the customer is only blocked.
        """
        over = self._doubt_over(work)
        found = await self.target.find(key)
        if over:
            begun = work.state.begun if found else ()
            work.state = replace(work.state, unknown_until=None, begun=begun, confirmed={})
            if found is not None:
                self._confirm(work, found.fields)
        return found

    def _doubt_over(self, work: Work) -> bool:
        """Whether no request of ours can commit any more; what it did still has to be seen."""
        unknown_until = work.state.unknown_until
        return unknown_until is not None and self.clock.now() >= unknown_until

    def _end_doubt(self, work: Work) -> None:
        """Where no creation was begun there is nothing to be seen."""
        if self._doubt_over(work):
            work.state = replace(work.state, unknown_until=None, begun=())

    async def _change(self, work: Work, body: CustomerBody, found: Customer | None, *, hold: bool) -> Outcome:
        plan = plan_hold(work.state, self.field_map.hold, found, wanted=hold)
        fields = {**body.fields, **plan.fields}
        to_send = differing(fields, found) if found else not_confirmed(fields, work.state, self.fingerprints)
        newly_held = hold and work.state.previous_hold is None and self.field_map.hold.field in to_send
        if newly_held:
            await self.guard.allow("blocks", work.change)
        work.state = replace(work.state, previous_hold=plan.previous)
        if to_send:
            await self._claim(work)
            try:
                fields |= await self._send(work, self.target.update(body.key, to_send))
            except CustomerNotFound:
                return await self._vanished(work, body, hold=hold)
        if to_send or found:
            self._confirm(work, fields)
        if not hold and work.state.unknown_until is None:
            self._forget_hold(work)
        return Outcome(Ending.UPDATED if to_send else Ending.UNCHANGED, fields=tuple(sorted(to_send)))

    async def _vanished(self, work: Work, body: CustomerBody, *, hold: bool) -> Outcome:
        """A known customer is not there any more, as after a restore of Operations: make it anew."""
        if hold:
            return self._nothing_to_block(work)
        if await self._look(work, body.key) is not None:
            message = "the customer was not found, then found; trying again"
            raise TransientFault(System.OPERATIONS, message)
        if self.field_map.key.assigned_by_erp:
            raise AccountFault(Problem(Cause.CUSTOMER_GONE))
        work.state = replace(work.state, customer=None, previous_hold=None, confirmed={})
        return await self.first(work, body)

    def _nothing_to_block(self, work: Work) -> Outcome:
        work.state = replace(work.state, customer=None, previous_hold=None, confirmed={})
        return Outcome(Ending.UNCHANGED)

    async def _own_or_end_doubt(self, work: Work, body: CustomerBody) -> bool:
        """Own the number; whether it was taken over from a deleted account."""
        try:
            return await self._inherited(work, body)
        except AccountFault:
            self._end_doubt(work)
            raise

    async def _inherited(self, work: Work, body: CustomerBody) -> bool:
        before = await self.ownership.deleted_owner(body.key, work.state.account_id)
        if before is None:
            return False
        found = await self.target.find(body.key)
        if found is not None and not self._may_adopt(body, found):
            await self.ownership.claim(body.key, work.state.account_id)
            return True
        theirs = before.state
        if theirs.previous_hold is not None and theirs.customer and theirs.customer.same_as(body.key):
            work.state = replace(work.state, previous_hold=theirs.previous_hold)
            await self._claim(work, body)  # or a crash would leave the block for good
        await self.ownership.succeed(body.key, before, work.state.account_id)
        return True

    async def _create(self, work: Work, body: CustomerBody) -> Outcome:
        unknown_until = work.state.unknown_until
        if self.field_map.key.assigned_by_erp and unknown_until is not None:
            raise NotYet(unknown_until, "a customer may still come about from an earlier request")
        try:
            made = await self._post(work, body)
        except CustomerAlreadyExists:
            found = await self._look(work, body.key)
            if found is None and work.change.attempt >= _UNSEEN_ATTEMPTS:
                raise AccountFault(Problem(Cause.REFUSED, field=self.field_map.key.field)) from None
            if found is None:
                message = "the customer exists, but cannot be found; trying again"
                raise TransientFault(System.OPERATIONS, message) from None
            return await self._take(work, body, found)
        except AccountFault as fault:
            if fault.problem.cause is Cause.GUARD_TRIPPED and (found := await self._look(work, body.key)):
                return await self._take(work, body, found)  # to adopt a customer is no creation
            raise
        await self._made(work, body.key, made.key)
        self._confirm(work, made.fields)
        return Outcome(Ending.CREATED, fields=tuple(sorted(body.fields)))

    async def _post(self, work: Work, body: CustomerBody) -> Customer:
        """Send the creation; a definite no is taken back, from the state and from the allowance."""
        before = work.state.begun
        if not before:  # a creation that was begun before is counted already
            await self.guard.allow("creates", work.change)
        work.state = replace(work.state, begun=self._with(before, body))
        try:
            return await self._send(work, self.target.create(body.key, body.fields))
        except Fault:
            if not work.in_flight:
                work.state = replace(work.state, begun=before)
                if not before:
                    self.guard.give_back("creates", work.change)
            raise

    def _with(self, begun: tuple[str, ...], body: CustomerBody) -> tuple[str, ...]:
        """The creations begun, with this one."""
        whole = self.fingerprints.of_whole({name: body.fields[name] for name in self.field_map.names})
        return (*(other for other in begun if other != whole), whole)[-_BEGUN_AT_MOST:]

    async def _take(self, work: Work, body: CustomerBody, found: Customer) -> Outcome:
        """The customer is there already: ours from an earlier request, or to be adopted, or neither."""
        if self._is_ours(work, body.key, found):
            await self._made(work, body.key, found.key)
        elif self._may_adopt(body, found):
            await self.ownership.mark(body.key, work.state.account_id, ADOPTED)
            work.state = replace(work.state, customer=body.key, intent=None, begun=())
        else:
            raise AccountFault(Problem(Cause.CUSTOMER_EXISTS, field=self.field_map.key.field))
        return await self._change(work, replace(body, key=found.key), found, hold=False)

    async def _made(self, work: Work, asked: CustomerKey, key: CustomerKey) -> None:
        """The customer is ours. A number that Operations assigned gets a row of its own before any change."""
        account_id = work.state.account_id
        with _to_be_noted(work):
            if asked.by:
                await self.ownership.claim(key, account_id)
                await self.ownership.mark(key, account_id, CREATED)
            await self.ownership.mark(asked, account_id, CREATED)
        work.state = replace(work.state, customer=key, intent=None, begun=())

    def _is_as_confirmed(self, work: Work, found: Customer) -> bool:
        """Whether the customer still holds all that was last confirmed of ours."""
        return bool(work.state.confirmed) and all(
            self.fingerprints.of(name, found.fields.get(name, "")) == known
            for name, known in work.state.confirmed.items()
        )

    def _may_adopt(self, body: CustomerBody, found: Customer) -> bool:
        if self.rules.existing != "match":
            return self.rules.existing == "adopt"
        names = [name for name, entry in self.field_map.fields.items() if entry.column == "name"]
        return bool(names) and all(
            fold(str(body.fields[name])) == fold(str(found.fields.get(name, ""))) for name in names
        )

    async def _claim(self, work: Work, creation: CustomerBody | None = None) -> None:
        """Claim the account, for a creation or for a change."""
        until = self.clock.now() + self.rules.lease
        if creation is None:
            await work.claim(until, None)
        else:
            await work.claim(until, creation.key, self._with(work.state.begun, creation))

    async def _send[T](self, work: Work, request: Awaitable[T]) -> T:
        """Send one write; whatever ends it without an answer leaves it in flight."""
        work.in_flight = True
        try:
            result = await request
        except TransientFault as fault:
            work.in_flight = fault.unknown_outcome
            raise
        except Fault:
            work.in_flight = False
            raise
        work.in_flight = False
        return result

    def _confirm(self, work: Work, fields: Mapping[str, FieldValue]) -> None:
        """All these fields were written or seen equal; of the others nothing new is known."""
        everything = self.field_map.names <= set(fields)
        confirmed = self.fingerprints.of_all(fields)
        work.state = replace(
            work.state,
            confirmed=confirmed if everything else {**work.state.confirmed, **confirmed},
            fingerprint_key=self.fingerprints.key_id,
        )

    def _forget_hold(self, work: Work) -> None:
        target = self.field_map.hold.field
        confirmed = {name: value for name, value in work.state.confirmed.items() if name != target}
        work.state = replace(work.state, previous_hold=None, confirmed=confirmed)


@contextmanager
def _to_be_noted(work: Work) -> Generator[None]:
    """A customer of ours stands there: what keeps us from noting it leaves a doubt, so that it is kept."""
    work.in_flight = True
    try:
        yield
    except AccountFault:
        work.in_flight = False
        raise
    work.in_flight = False
