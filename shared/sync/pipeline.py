"""The pipeline: an AccountChange comes in, and its account ends in a named place.

    state -> fresh? -> read -> rules -> resolve -> claim -> write -> record

Every fault ends in a scheduled copy or in a parked account; the one that leaves is `QueueUnavailable`,
when the bus itself takes nothing, and then the host delivers the message again.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.model.account import Account
from shared.model.change import AccountChange, ChangeKind
from shared.model.customer import CustomerKey
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    Fault,
    MessageRefused,
    QueueUnavailable,
    Refused,
    StateConflict,
    System,
    TransientFault,
)
from shared.model.outcome import Cause, Ending, Outcome, Problem
from shared.model.state import Phase
from shared.ports import AccountReader, ChangeQueue, Clock, SyncStates
from shared.resilience.circuit_breaker import Breakers
from shared.resilience.retry_policy import Jitter, Later, Park, RetryPolicy
from shared.sync.desired_customer import BuildCustomer, ResolveCurrency, broken_rule, key_of_currency
from shared.sync.execute import Apply
from shared.sync.freshness import Busy, Covered, Margins, Merged, judge
from shared.sync.record import Record
from shared.sync.work import Work
from shared.telemetry import LOGGER, log_outcome

_INACTIVE = 1
NOT_FOUND_LOOKS = 3


@dataclass(frozen=True, slots=True)
class SyncRules:
    """`deadline` for one message; `longest_request` in seconds; what to do about gone accounts.

    `write_back`: numbers that Operations assigns are written into the account.
    """

    deadline: timedelta
    longest_request: float
    block_on_delete: bool
    block_on_deactivate: bool
    write_back: bool = False


@dataclass(slots=True)
class _Run:
    change: AccountChange
    work: Work | None = None
    waits_for: System = System.TABLES


@dataclass(frozen=True, slots=True)
class SyncAccount:
    """The use case behind the function `sync_account`."""

    clock: Clock
    states: SyncStates
    reader: AccountReader
    queue: ChangeQueue
    currency: ResolveCurrency
    build: BuildCustomer
    apply: Apply
    record: Record
    policy: RetryPolicy
    breakers: Breakers
    margins: Margins
    rules: SyncRules
    jitter: Jitter

    async def handle(self, change: AccountChange) -> Outcome:
        """Settle one change. Raises QueueUnavailable."""
        run = _Run(change)
        try:
            async with asyncio.timeout(self.rules.deadline.total_seconds()):
                outcome = await self._run(run)
        except QueueUnavailable:
            raise
        except TimeoutError:
            late = TransientFault(run.waits_for, "the work on one message took too long")
            outcome = await self._after(run, late)
        except Exception as fault:  # noqa: BLE001 - the one place where a bug is caught, to be parked
            outcome = await self._after(run, fault)
        ended = run.work is not None and outcome.ending is not Ending.RETRYING
        await self.breakers.settled(change.account_id if ended else None)
        log_outcome(change, outcome)
        return outcome

    async def _run(self, run: _Run) -> Outcome:
        change = run.change
        if (wait := await self.breakers.admit(change.account_id)) is not None:
            due = wait.until + timedelta(seconds=self.jitter(wait.spread))
            return await self._later(change, Later(due, wait.reason, tried=False))
        stored = await self.states.get(change.account_id)
        now = self.clock.now()
        match judge(change, stored.state if stored else None, now, self.margins):
            case Busy(until):
                due = until + timedelta(seconds=1 + self.jitter(2))
                return await self._later(change, Later(due, "another worker is writing", tried=False))
            case Covered():
                return Outcome(Ending.COVERED)
            case Merged(look, due):
                await self.queue.send(look, due)
                return Outcome(Ending.MERGED, due=due)
            case _:
                work = run.work = Work.on(change, self.states, stored)
        work.take_over(now, self.rules.longest_request)
        run.waits_for = System.DATAVERSE
        account = await self.reader.read(change.account_id)
        run.waits_for = System.OPERATIONS
        return await (self._gone(work) if account is None else self._present(work, account))

    async def _present(self, work: Work, account: Account) -> Outcome:
        if work.state.version is not None and account.version < work.state.version and not work.change.verify:
            raise TransientFault(System.DATAVERSE, "an older version of the account was read than before")
        work.state = replace(work.state, version=account.version, read_at=account.read_at, deleted=False)
        if rule := broken_rule(self.build.field_map, account):
            await self.apply.settle_creation(work)
            return await self.record.settled(work, Phase.FILTERED, Outcome(Ending.FILTERED, rule))
        hold = account.columns.get("statecode") == _INACTIVE and self.rules.block_on_deactivate
        if hold and work.state.customer is None:
            return await self._inactive(work)
        try:
            outcome = await self._write(work, account, hold=hold)
        except AccountFault as fault:
            if hold and fault.problem.cause is not Cause.GUARD_TRIPPED:
                await self._block(work)  # that needs the key only, whatever cannot be mapped
            raise
        await self._write_back(work, account)
        return await self.record.settled(work, Phase.SYNCED, outcome)

    async def _write(self, work: Work, account: Account, *, hold: bool) -> Outcome:
        """Bring the customer into line with the account. Raises AccountFault for what cannot be mapped."""
        key = key_of_currency(account) if self.build.field_map.has_currency else None
        work.state = replace(work.state, currency_key=key)
        fresh = work.change.source.after_mending
        code = await self.currency.code(key, fresh=fresh) if key else None
        body = self.build.body(account, key, code)
        if work.state.customer is None:
            await self.apply.settle_intent(work, body.key)
            return await self.apply.first(work, body)
        customer = work.state.customer
        kept = CustomerKey(body.key.company, customer.number) if body.key.by else body.key
        if not customer.same_as(kept):
            return await self.apply.follow(work, body, hold=hold)
        return await self.apply.known(work, replace(body, key=customer), hold=hold)

    async def _write_back(self, work: Work, account: Account) -> None:
        """Bring the number that Operations assigned into the account, whenever it is not there."""
        customer, column = work.state.customer, self.build.field_map.key.number_column
        if self.rules.write_back and customer and account.columns.get(column) != customer.number:
            await self.reader.write_back(account.account_id, column, customer.number)

    async def _inactive(self, work: Work) -> Outcome:
        """A deactivated account without a customer: none is made, and one that is in doubt is blocked."""
        await self._block(work)
        return await self.record.settled(work, Phase.FILTERED, Outcome(Ending.FILTERED, "statecode"))

    async def _gone(self, work: Work) -> Outcome:
        change, state = work.change, work.state
        if change.kind is ChangeKind.DELETE or state.deleted:
            if state.phase is Phase.DELETED and state.settled and not change.verify:
                return Outcome(Ending.DELETED, "already")
            work.state = replace(state, deleted=True)
            outcome = None
            if self.rules.block_on_delete:
                outcome = await self._block(work)
            else:
                await self.apply.settle_creation(work)
            if work.state.customer is not None:  # another account may succeed to it from now on
                await self.apply.ownership.tell(work.state.customer, change)
            fields = outcome.fields if outcome else ()
            return await self.record.settled(work, Phase.DELETED, Outcome(Ending.DELETED, fields=fields))
        work.leaves_no_row = work.etag is None  # anybody can send events of accounts that never existed
        if change.attempt < NOT_FOUND_LOOKS:
            raise TransientFault(System.DATAVERSE, "the account does not exist, or not yet")
        if state.version is None or (state.customer is None and state.intent is None):
            never = Outcome(Ending.FILTERED, "never-committed" if state.version is None else "not-in-sales")
            return never if work.leaves_no_row else await self.record.settled(work, Phase.FILTERED, never)
        raise AccountFault(Problem(Cause.ACCOUNT_NOT_FOUND))

    async def _block(self, work: Work) -> Outcome | None:
        key = work.state.customer or work.state.intent
        outcome = await self.apply.block(work, key) if key else None
        await self.apply.give_up(work)
        return outcome

    async def _after(self, run: _Run, fault: Exception) -> Outcome:
        """What becomes of the message after a fault."""
        change, work, now = run.change, run.work, self.clock.now()
        if isinstance(fault, Refused):
            fault = await self._of_row_or_system(fault, change)
        if isinstance(fault, ConfigurationFault):
            LOGGER.error("set-up is wrong: %s", fault, extra={"event": "operator-fault"})
        elif not isinstance(fault, Fault):
            LOGGER.error("unexpected error, account %s", change.account_id, exc_info=fault)
        if work is not None and work.in_flight:
            work.doubt(now, self.rules.longest_request)
        disposition = self.policy.decide(fault, change.attempt, now, self.jitter)
        if isinstance(disposition, Park):
            try:
                return await self._park(run, disposition.problem)
            except QueueUnavailable:
                raise
            except Fault as trouble:
                disposition = self.policy.later(trouble, change.attempt, now, self.jitter)
        if work is not None and not (work.leaves_no_row or isinstance(fault, StateConflict)):
            await self._note_retry(work, disposition)
        try:
            return await self._later(change, disposition)
        except MessageRefused as refusal:
            return await self._park(run, Problem(Cause.UNEXPECTED, error_type=type(refusal).__name__))

    async def _of_row_or_system(self, fault: Refused, change: AccountChange) -> Fault:
        """The refusal, to park the account; another fault if the system refuses all, or nobody can tell."""
        try:
            return await self.breakers.refused(fault, change.account_id)
        except (TransientFault, ConfigurationFault) as trouble:
            return trouble

    async def _park(self, run: _Run, problem: Problem) -> Outcome:
        change = run.change
        work = run.work or Work.on(change, self.states, await self.states.get(change.account_id))
        await self.apply.give_up(work)
        return await self.record.parked(work, problem, Outcome(Ending.PARKED, str(problem.cause)))

    async def _note_retry(self, work: Work, later: Later) -> None:
        """Free the lease and say what is waited for; the copy itself depends on no table."""
        try:
            await self.record.retrying(work, Outcome(Ending.RETRYING, later.reason, due=later.due))
        except QueueUnavailable:
            raise
        except Fault as trouble:
            LOGGER.warning("the state of account %s was not stored: %s", work.change.account_id, trouble)

    async def _later(self, change: AccountChange, later: Later) -> Outcome:
        await self.queue.send(change.copy(tried=later.tried), later.due)
        return Outcome(Ending.RETRYING, later.reason, due=later.due)
