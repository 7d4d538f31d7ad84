"""The pipeline: an AccountChange comes in, and its account ends in a named place.

    state -> is a check needed? -> read -> plan, step by step -> write -> record

Every fault ends in a scheduled copy or in a parked account. Only `QueueUnavailable` leaves: see `handle`.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.model.account import Account
from shared.model.change import AFTER_CORRECTION, AccountChange, ChangeKind
from shared.model.customer import CustomerKey
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    Fault,
    MessageRefused,
    NotYet,
    ParentMissing,
    QueueUnavailable,
    Refused,
    StateConflict,
    System,
    TransientFault,
)
from shared.model.outcome import Cause, Ending, Outcome, Problem
from shared.model.state import Phase
from shared.ports import AccountReader, ChangeQueue, Clock
from shared.resilience.circuit_breaker import Breakers
from shared.resilience.family import Family
from shared.resilience.retry_policy import Jitter, Later, Park, RetryPolicy
from shared.resilience.target_in_use import TargetInUse
from shared.sync.desired_customer import ResolveCustomer
from shared.sync.execute import Execute
from shared.sync.freshness import Busy, Covered, Margins, Merged, RecentStates, Work, judge
from shared.sync.plan import plan
from shared.sync.record import Record
from shared.sync.steps import Decision, Facts, Move, Resolve, Wait
from shared.telemetry import LOGGER, SPAN, attempted, log_outcome

_PHASES = {Ending.FILTERED: Phase.FILTERED, Ending.DELETED: Phase.DELETED}


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline` for one message; `longest_request` in seconds; whether assigned numbers are written back."""

    deadline: timedelta
    longest_request: float
    write_back: bool = False


@dataclass(slots=True)
class _Run:
    change: AccountChange
    work: Work | None = None
    waits_for: System = System.TABLES
    refused: AccountFault | None = None
    had: CustomerKey | None = None


@dataclass(frozen=True, slots=True)
class SyncAccount:
    """The use case behind the function `sync_account`."""

    clock: Clock
    states: RecentStates
    reader: AccountReader
    queue: ChangeQueue
    in_use: TargetInUse
    resolve: ResolveCustomer
    family: Family
    execute: Execute
    record: Record
    policy: RetryPolicy
    breakers: Breakers
    margins: Margins
    limits: Limits
    jitter: Jitter

    @attempted
    async def handle(self, change: AccountChange) -> Outcome:
        """Bring one change to its end. Raises QueueUnavailable, for the host to deliver the message again."""
        run = _Run(change)
        try:
            async with asyncio.timeout(self.limits.deadline.total_seconds()):
                outcome = await self._run(run)
        except QueueUnavailable:
            raise
        except TimeoutError:
            outcome = await self._after(run, TransientFault(run.waits_for, "the work took too long"))
        except Exception as fault:  # noqa: BLE001 - the one place where a bug is caught, to be parked
            outcome = await self._after(run, fault)
        await self.breakers.settled(change.account_id if run.work and outcome.is_final else None)
        if run.work is not None:
            self.execute.take_back(run.work)
            await self.family.follow(run.work.state, run.had)
        log_outcome(change, outcome, self.clock.now())
        return outcome

    async def _run(self, run: _Run) -> Outcome:
        change = run.change
        if (wait := await self.breakers.admit(change.account_id)) is not None:
            due = wait.until + timedelta(seconds=self.jitter(wait.spread))
            return await self._later(change, Later(due, wait.reason, tried=False))
        if not self.in_use.confirmed:
            await self.in_use.confirm()
        stored, now = await self.states.of(change), self.clock.now()
        match judge(change, stored.state if stored else None, now, self.margins):
            case Busy(until):
                due = until + timedelta(seconds=1 + self.jitter(2))
                return await self._later(change, Later(due, "another worker is writing", tried=False))
            case Covered():
                return await self.record.covered(Work.on(change, self.states.table, stored))
            case Merged(check, due):
                await self.queue.send(check, due)
                return Outcome(Ending.MERGED, due=due)
            case _:
                work = run.work = Work.on(change, self.states.table, stored)
        work.take_over(now, self.limits.longest_request)
        if self.in_use.adopted_at is not None:
            work.link_anew(self.in_use.adopted_at)
        run.had, run.waits_for = work.state.customer, System.DATAVERSE
        account = await self.breakers.call(System.DATAVERSE, "read", self.reader.read(change.account_id))
        run.waits_for = self.execute.target.capabilities.system
        return await self._check(run, work, account)

    async def _check(self, run: _Run, work: Work, account: Account | None) -> Outcome:
        """Carry out what is planned, step by step, until the check of the account ends."""
        before = work.state
        if account is None:  # anybody can send events of accounts that never existed
            work.leaves_no_row = work.etag is None and work.change.kind is not ChangeKind.DELETE
        else:
            if before.version is not None and account.version < before.version and not work.change.verify:
                raise TransientFault(System.DATAVERSE, "an older version of the account was read than before")
            work.state = replace(before, version=account.version, read_at=account.read_at, deleted=False)
        change = replace(work.change, verify=work.change.verify or work.linked_anew)
        facts = Facts(now=self.clock.now(), change=change, state=work.state, before=before, account=account)
        while True:
            facts = replace(facts, now=self.clock.now(), state=work.state)
            try:
                done = await self._next(run, work, facts)
            except AccountFault as fault:
                if facts.problem is not None or work.in_flight:
                    raise
                run.refused, facts = fault, replace(facts, problem=fault.problem)
                continue
            if isinstance(done, Outcome):
                return done
            facts = done

    async def _next(self, run: _Run, work: Work, facts: Facts) -> Facts | Outcome:
        """Carry out the next step; the facts after it, or how the check ended."""
        with SPAN("plan"):
            step = plan(facts, self.execute.rules)
        work.state = step.state
        match step:
            case Resolve():
                return await self._resolve(work, facts)
            case Wait():
                if step.until is not None:
                    raise NotYet(step.until, step.reason)
                raise TransientFault(System.DATAVERSE if step.in_sales else run.waits_for, step.reason)
            case Decision():
                done = await self.execute.decision(work, facts, step)
                return done if isinstance(done, Facts) else await self._end(run, work, facts, step, done)
            case Move():
                await self.family.moved(run.change.account_id, run.change.organization_id)
                return await self.execute.step(work, facts, step)
            case _:
                return await self.execute.step(work, facts, step)

    @SPAN("resolve")
    async def _resolve(self, work: Work, facts: Facts) -> Facts:
        """What is to stand in the ERP. Raises AccountFault for what cannot be mapped."""
        if facts.account is None:
            raise AssertionError
        fresh = work.change.source in AFTER_CORRECTION
        keys = await self.resolve.mapped.keys(facts.account, fresh=fresh)
        work.state = replace(work.state, currency_key=keys.currency, mapped_keys=keys.fields)
        try:
            return replace(facts, desired=await self.resolve.body(facts.account, keys, fresh=fresh))
        except ParentMissing as missing:
            await self.family.ask(missing, work.change, work.state.issue)
            raise

    async def _end(self, run: _Run, work: Work, facts: Facts, decision: Decision, end: Outcome) -> Outcome:
        """Record how the check ended. Raises AccountFault, to park the account."""
        if decision.problem is not None:
            raise run.refused or AccountFault(decision.problem)
        if not decision.recorded or work.leaves_no_row:
            return end
        phase = _PHASES.get(decision.ending, Phase.SYNCED)
        if facts.account is not None and phase is Phase.SYNCED:
            await self._write_back(work, facts.account)
        if phase is Phase.DELETED and (customer := work.state.customer) is not None:
            await self.execute.ownership.tell(customer, work.change)  # another account may succeed to it now
        return await self.record.settled(work, phase, end)

    async def _write_back(self, work: Work, account: Account) -> None:
        """Bring the number that the ERP assigned into the account, whenever it is not there."""
        customer, column = work.state.customer, self.execute.rules.field_map.key.number_column
        if self.limits.write_back and customer and account.columns.get(column) != customer.number:
            request = self.reader.write_back(account.account_id, column, customer.number)
            await self.breakers.call(System.DATAVERSE, "write-back", request)

    async def _after(self, run: _Run, fault: Exception) -> Outcome:
        """What becomes of the message after a fault."""
        change, work, now = run.change, run.work, self.clock.now()
        if isinstance(fault, Refused):
            fault = await self.breakers.refused(fault, change.account_id)
        if isinstance(fault, ConfigurationFault):
            LOGGER.error("set-up is wrong: %s", fault, extra={"event": "operator-fault"})
        elif not isinstance(fault, Fault):
            LOGGER.error("unexpected error, account %s", change.account_id, exc_info=fault)
        if work is not None and work.in_flight:
            work.outcome_is_unknown(now, self.limits.longest_request)
        disposition = self.policy.decide(fault, change.attempt, now, self.jitter)
        if isinstance(disposition, Park):
            try:
                return await self._park(run, disposition.problem)
            except QueueUnavailable:
                raise
            except Fault as trouble:
                disposition = self.policy.later(trouble, change.attempt, now, self.jitter)
        if work is not None and not (work.leaves_no_row or isinstance(fault, StateConflict)):
            await self.record.retrying(
                work, Outcome(Ending.RETRYING, disposition.reason, due=disposition.due)
            )
        try:
            return await self._later(change, disposition)
        except MessageRefused as refusal:
            return await self._park(run, Problem(Cause.UNEXPECTED, error_type=type(refusal).__name__))

    async def _park(self, run: _Run, problem: Problem) -> Outcome:
        change = run.change
        work = run.work or Work.on(change, self.states.table, await self.states.table.get(change.account_id))
        await self.execute.give_up(work)
        return await self.record.parked(work, problem, Outcome(Ending.PARKED, str(problem.cause)))

    async def _later(self, change: AccountChange, later: Later) -> Outcome:
        await self.queue.send(change.copy(tried=later.tried), later.due)
        return Outcome(Ending.RETRYING, later.reason, due=later.due)
