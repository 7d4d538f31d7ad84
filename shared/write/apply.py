"""Writes one customer: claim, send, and leave behind what is known to stand there.

What enters is the account's state and the body that shall stand in Operations; what leaves is the same
`Work` with the state as it is to be recorded. Any fault may leave in the middle: `Work.in_flight` then
tells whether a request of ours may still commit.
"""

from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.model.currency import fold
from shared.model.customer import Customer, CustomerBody, CustomerKey, FieldValue
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
from shared.model.fingerprint import Fingerprints
from shared.model.outcome import Cause, Ending, Outcome, Problem
from shared.ports import Clock, CustomerOwners, CustomerWriter, Guard, Owner
from shared.write.decide import differing, not_confirmed
from shared.write.hold import must_look, plan_hold
from shared.write.work import Work

CLAIMED, CREATING, CREATED, ADOPTED = "claimed", "creating", "created", "adopted"


@dataclass(frozen=True, slots=True)
class Rules:
    """`existing`: match, adopt or park a customer that is there already; `lease`: longest one write takes."""

    existing: str
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Apply:
    """Brings the customer of one account into line."""

    writer: CustomerWriter
    owners: CustomerOwners
    clock: Clock
    field_map: FieldMap
    fingerprints: Fingerprints
    guard: Guard
    rules: Rules

    async def known(self, work: Work, body: CustomerBody, *, hold: bool) -> Outcome:
        """The customer is known to stand in Operations: one PATCH of what differs, or nothing at all."""
        found = None
        if self._verify(work) or must_look(work.state, self.field_map.hold, self.fingerprints, wanted=hold):
            found = await self._look(work, body.key)
            if found is None:
                return await self._vanished(work, body, hold=hold)
        return await self._change(work, body, found, hold=hold)

    async def first(self, work: Work, body: CustomerBody) -> Outcome:
        """No customer is known yet: find one to adopt, or create it under our name."""
        await self._claim(work, body.key)
        owner = await self._own_or_end_doubt(work, body.key)
        found = await self._look(work, body.key)
        if found is not None:
            return await self._take(work, body, found, owner)
        return await self._create(work, body, owner)

    async def settle_intent(self, work: Work, key: CustomerKey) -> None:
        """Find out what became of a creation begun under a key that is not the account's any more.

        Raises AccountFault(KeyChanged) while it may still come about, or once it has.
        """
        intent = work.state.intent
        if intent is None or intent.same_as(key):
            return
        if work.state.doubtful_until is not None:
            if self.clock.now() < work.state.doubtful_until:
                raise AccountFault(Problem(Cause.KEY_CHANGED, field=self.field_map.key.target))
            begun = await self._begun(work, intent)
            if begun and (found := await self._look(work, intent)) is not None:
                await self._made(work, intent, found.key)
                raise AccountFault(Problem(Cause.KEY_CHANGED, field=self.field_map.key.target))
        await self.disown(intent, work.state.account_id)
        work.state = replace(work.state, intent=None)

    async def block(self, work: Work, key: CustomerKey) -> Outcome | None:
        """Block the customer of an account that is gone; None if there is no customer to block."""
        found = None
        if work.state.customer is None and not await self._begun(work, key):
            self._end_doubt(work)
            return None
        if work.state.customer is None or self._verify(work) or self._hold_unseen(work):
            found = await self._look(work, work.state.customer or key)
            if found is None:
                return None
            with _to_be_noted(work):
                await self._own(work, found.key)
            work.state = replace(work.state, customer=found.key, intent=None)
        return await self._change(work, CustomerBody(work.state.customer or key, {}), found, hold=True)

    async def disown(self, key: CustomerKey, account_id: UUID) -> None:
        """Give up a customer number under which nothing was ever created."""
        owner = await self.owners.claim(key, account_id)
        if owner.account_id == account_id and owner.stage in {CLAIMED, CREATING}:
            await self.owners.release(key)

    async def _begun(self, work: Work, key: CustomerKey) -> bool:
        """Whether the creation of this customer was begun for this account, and for no other."""
        owner = await self.owners.claim(key, work.state.account_id)
        return owner.account_id == work.state.account_id and owner.stage != CLAIMED

    def _verify(self, work: Work) -> bool:
        """A changed fingerprint key means one look, not a mass rewrite; the end of a doubt needs one too."""
        if work.change.verify or work.state.fingerprint_key != self.fingerprints.key_id:
            return True
        return self._doubt_over(work)

    def _hold_unseen(self, work: Work) -> bool:
        return must_look(work.state, self.field_map.hold, self.fingerprints, wanted=True)

    async def _look(self, work: Work, key: CustomerKey) -> Customer | None:
        """See the customer; a look after the end of a doubt clears it."""
        over = self._doubt_over(work)
        found = await self.writer.find(key)
        if over:
            work.state = replace(work.state, doubtful_until=None)
        return found

    def _doubt_over(self, work: Work) -> bool:
        """Whether no request of ours can commit any more; what it did still has to be seen."""
        doubtful_until = work.state.doubtful_until
        return doubtful_until is not None and self.clock.now() >= doubtful_until

    def _end_doubt(self, work: Work) -> None:
        """Where no creation was begun there is nothing to be seen."""
        if self._doubt_over(work):
            work.state = replace(work.state, doubtful_until=None)

    async def _change(self, work: Work, body: CustomerBody, found: Customer | None, *, hold: bool) -> Outcome:
        plan = plan_hold(work.state, self.field_map.hold, found, wanted=hold)
        fields = {**body.fields, **plan.fields}
        to_send = differing(fields, found) if found else not_confirmed(fields, work.state, self.fingerprints)
        newly_held = hold and work.state.previous_hold is None and self.field_map.hold.target in to_send
        if newly_held:
            await self.guard.allow("blocks", work.change)
        work.state = replace(work.state, previous_hold=plan.previous)
        if to_send:
            await self._claim(work, None)
            try:
                await self._send(work, self.writer.update(body.key, to_send))
            except CustomerNotFound:
                return await self._vanished(work, body, hold=hold)
        if to_send or found:
            self._confirm(work, fields)
        if not hold and work.state.doubtful_until is None:
            self._forget_hold(work)
        return Outcome(Ending.UPDATED if to_send else Ending.UNCHANGED, fields=tuple(sorted(to_send)))

    async def _vanished(self, work: Work, body: CustomerBody, *, hold: bool) -> Outcome:
        """A known customer is not there any more, as after a restore of Operations: make it anew."""
        if hold:
            return self._nothing_to_block(work)
        if await self._look(work, body.key) is not None:
            message = "the customer was not found, then found; trying again"
            raise TransientFault(System.OPERATIONS, message)
        if self.field_map.key.assigned_by_operations:
            raise AccountFault(Problem(Cause.CUSTOMER_GONE))
        await self._claim(work, body.key)
        owner = await self._own(work, body.key)
        return await self._create(work, body, owner)

    def _nothing_to_block(self, work: Work) -> Outcome:
        work.state = replace(work.state, customer=None, previous_hold=None, confirmed={})
        return Outcome(Ending.UNCHANGED)

    async def _own(self, work: Work, key: CustomerKey) -> Owner:
        owner = await self.owners.claim(key, work.state.account_id)
        if owner.account_id != work.state.account_id:
            raise AccountFault(Problem(Cause.NUMBER_TAKEN, field=self.field_map.key.target))
        return owner

    async def _own_or_end_doubt(self, work: Work, key: CustomerKey) -> Owner:
        try:
            return await self._own(work, key)
        except AccountFault:
            self._end_doubt(work)
            raise

    async def _create(self, work: Work, body: CustomerBody, owner: Owner) -> Outcome:
        doubtful_until = work.state.doubtful_until
        if self.field_map.key.assigned_by_operations and doubtful_until is not None:
            raise NotYet(doubtful_until, "a customer may still come about from an earlier request")
        try:
            key = await self._post(work, body, owner)
        except CustomerAlreadyExists:
            found = await self._look(work, body.key)
            if found is None:
                message = "the customer exists, but cannot be found; trying again"
                raise TransientFault(System.OPERATIONS, message) from None
            return await self._take(work, body, found, owner)
        await self._made(work, body.key, key)
        self._confirm(work, body.fields)
        return Outcome(Ending.CREATED, fields=tuple(sorted(body.fields)))

    async def _post(self, work: Work, body: CustomerBody, owner: Owner) -> CustomerKey:
        """Send the creation; a definite no is taken back, from the owner row and from the allowance."""
        counted = owner.stage != CREATING  # a creation that was begun before is counted already
        if counted:
            await self.guard.allow("creates", work.change)
        await self.owners.mark(body.key, Owner(work.state.account_id, CREATING))
        try:
            return await self._send(work, self.writer.create(body.key, body.fields))
        except Fault:
            if counted and not work.in_flight:
                self.guard.give_back("creates", work.change)
                await self.owners.mark(body.key, owner)
            raise

    async def _take(self, work: Work, body: CustomerBody, found: Customer, owner: Owner) -> Outcome:
        """The customer is there already: ours from an earlier request, or to be adopted, or neither."""
        if owner.stage != CLAIMED or body.key.by:  # a second key is our account's own id
            await self._made(work, body.key, found.key)
        elif self._may_adopt(body, found):
            await self.owners.mark(body.key, Owner(work.state.account_id, ADOPTED))
            work.state = replace(work.state, customer=body.key, intent=None)
        else:
            raise AccountFault(Problem(Cause.CUSTOMER_EXISTS, field=self.field_map.key.target))
        return await self._change(work, replace(body, key=found.key), found, hold=False)

    async def _made(self, work: Work, asked: CustomerKey, key: CustomerKey) -> None:
        """The customer is ours. A number that Operations assigned gets a row of its own before any change."""
        created = Owner(work.state.account_id, CREATED)
        with _to_be_noted(work):
            if asked.by:
                await self._own(work, key)
                await self.owners.mark(key, created)
            await self.owners.mark(asked, created)
        work.state = replace(work.state, customer=key, intent=None)

    def _may_adopt(self, body: CustomerBody, found: Customer) -> bool:
        if self.rules.existing != "match":
            return self.rules.existing == "adopt"
        names = [name for name, entry in self.field_map.fields.items() if entry.column == "name"]
        return bool(names) and all(
            fold(str(body.fields[name])) == fold(str(found.fields.get(name, ""))) for name in names
        )

    async def _claim(self, work: Work, intent: CustomerKey | None) -> None:
        await work.claim(self.clock.now() + self.rules.lease, intent)

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
        target = self.field_map.hold.target
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
