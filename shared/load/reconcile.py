"""Compares both systems: walks all accounts, then the customers of each company, and keeps the differences.

A run is a row in `Control`; each message on `load-pages` does one page of it, replaces the row under its ETag
and sends the message of the next page. Nothing is written to Sales or the ERP.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from shared.load.checkpoint import advanced, comes_round, counted
from shared.load.reconcile_pages import ComparePages
from shared.model.faults import (
    ConfigurationFault,
    Fault,
    QueueUnavailable,
    StateConflict,
    System,
    TransientFault,
)
from shared.model.page import PageDue, RunKind
from shared.model.reconciliation import (
    MOST_KEPT,
    Compared,
    Part,
    Reconciliation,
    RunState,
    decode_run,
    encode_run,
)
from shared.ports import Clock
from shared.ports.pages import PageQueue, Runs
from shared.ports.reconciling import Differences
from shared.resilience.circuit_breaker import Breakers
from shared.sync.decide import Decide
from shared.telemetry import LOGGER

FAILURES = 5  # attempts at one page before the run is stopped
_LONGEST_PAGE = timedelta(minutes=3)
_FIRST_WAIT = timedelta(seconds=30)
_KEPT_FOR = timedelta(days=30)
_LOST_AFTER = timedelta(minutes=30)  # a run whose row was not written for so long does not go on
_LATE = timedelta(hours=1)  # a run by the clock is started at most so much later than it was due


class GoesOnAlreadyError(Exception):
    """Another run goes on; `run` is its id."""

    def __init__(self, run: str) -> None:
        super().__init__(f"Run {run} goes on: `accountsync reconcile --last` waits for its end.")
        self.run = run


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The use case behind `accountsync reconcile` and the timer `nightly`.

    `companies` are those that the field map or its setting names; if it names none, those of the accounts'
    customers are walked.
    """

    runs: Runs
    queue: PageQueue
    kept: Differences
    pages: ComparePages
    breakers: Breakers
    clock: Clock
    system: System
    companies: tuple[str, ...]

    @property
    def decide(self) -> Decide:
        """What decides about one account from fresh reads."""
        return self.pages.compare.decide

    async def newest(self) -> Reconciliation | None:
        """Return the newest run, if there was one."""
        stored = await self.runs.read(RunKind.RECONCILE)
        return decode_run(stored.document) if stored else None

    async def start(self, by: str) -> Reconciliation:
        """Start a run. Raises GoesOnAlreadyError if one goes on, and QueueUnavailable."""
        stored, now = await self.runs.read(RunKind.RECONCILE), self.clock.now()
        before = decode_run(stored.document) if stored else None
        if before is not None and self.goes_on(before):
            raise GoesOnAlreadyError(before.id)
        run = Reconciliation(
            id=f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}",
            by=by,
            started_at=now,
            changed_at=now,
            companies=self.companies,
        )
        etag = await self.runs.write(RunKind.RECONCILE, encode_run(run), stored.etag if stored else None)
        try:
            await self._send(run)
        except QueueUnavailable as fault:  # a run without a message must not stop the next one
            reason, remedy = _told(fault)
            stopped = replace(run, state=RunState.STOPPED, reason=reason, remedy=remedy)
            await self.runs.write(RunKind.RECONCILE, encode_run(stopped), etag)
            raise
        return run

    async def start_if_due(self, at: str) -> Reconciliation | None:
        """Start the run of the day if its time, HH:MM in UTC, has come and none was started since.

        A time that was missed, as during an outage, is made up for within an hour.
        """
        now, (hour, minute) = self.clock.now(), map(int, at.split(":"))
        due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        due = due if due <= now else due - timedelta(days=1)
        if now - due > _LATE:
            return None
        newest = await self.newest()
        if newest is not None and (newest.started_at >= due or self.goes_on(newest)):
            return None
        with suppress(GoesOnAlreadyError, StateConflict):  # somebody started one at the same moment
            return await self.start("nightly")
        return None

    async def forget(self) -> None:
        """Delete the differences of the runs that began more than 30 days ago."""
        await self.kept.remove_before(self.clock.now() - _KEPT_FOR)

    def goes_on(self, run: Reconciliation) -> bool:
        """Whether the run goes on; one whose message was lost does not."""
        return run.state is RunState.RUNNING and self.clock.now() - run.changed_at < _LOST_AFTER

    async def handle(self, page: PageDue) -> None:
        """Do one page and send the next. Raises QueueUnavailable; the same message then comes again."""
        stored = await self.runs.read(RunKind.RECONCILE)
        run = decode_run(stored.document) if stored else None
        if stored is None or run is None or run.id != page.run or run.state is not RunState.RUNNING:
            return
        if page.page == run.page - 1:  # this page was done, but the message of the next one may be missing
            await self._send(run)
        if page.page != run.page:
            return
        try:
            await self._admitted(run, stored.etag, page)
        except StateConflict:
            LOGGER.info("reconcile page %d was done by another worker", page.page)

    async def _admitted(self, run: Reconciliation, etag: str, page: PageDue) -> None:
        """Do the page now, or later if a breaker is open or a system is paused; waiting is no attempt."""
        try:
            if (wait := await self.breakers.admit()) is None:
                await self._do(run, etag)
                return
        except (QueueUnavailable, StateConflict):
            raise
        except Exception as fault:  # noqa: BLE001 - a bug stops the run too, with its cause
            await self._failed(run, etag, page, fault)
        else:
            waits = replace(run, changed_at=self.clock.now(), reason=f"waits: {wait.reason}")
            await self.runs.write(RunKind.RECONCILE, encode_run(waits), etag)
            await self.queue.send(page.again(), wait.until)

    async def _do(self, run: Reconciliation, etag: str) -> None:
        """Compare one page, keep the differences, write the checkpoint, and go on."""
        compared = await self._compared(run)
        if comes_round(run, compared):
            remedy = "Check that both systems sort and filter by the key of the list, then start again."
            raise ConfigurationFault(self.system, "lists the same rows again and again.", remedy)
        differences = compared.differences[: max(0, MOST_KEPT - run.kept)]
        await self.kept.keep(run.id, differences)
        if self.companies:
            compared = replace(compared, companies=frozenset())
        after = advanced(counted(run, compared, len(differences)), compared, self.clock.now())
        await self.runs.write(RunKind.RECONCILE, encode_run(after), etag)
        if after.state is RunState.RUNNING:
            await self._send(after)
        else:
            _tell_end(after)

    async def _compared(self, run: Reconciliation) -> Compared:
        """Compare the page. Raises TransientFault if that takes too long."""
        try:
            async with asyncio.timeout(_LONGEST_PAGE.total_seconds()):
                if run.part is Part.ACCOUNTS:
                    return await self.pages.accounts(run.after)
                return await self.pages.customers(run.companies[run.company], run.after)
        except TimeoutError as error:
            raise TransientFault(self.system, "a page took too long") from error

    async def _failed(self, run: Reconciliation, etag: str, page: PageDue, fault: Exception) -> None:
        """Count the failed attempt: send the page again later, or stop the run."""
        failures, now = run.failures + 1, self.clock.now()
        reason, remedy = _told(fault)
        bug = None if isinstance(fault, Fault) else fault
        LOGGER.warning("reconcile page %d failed: %s", page.page, reason, exc_info=bug)
        run = replace(run, failures=failures, changed_at=now, reason=reason)
        if failures >= FAILURES:
            run = replace(run, state=RunState.STOPPED, remedy=remedy)
        await self.runs.write(RunKind.RECONCILE, encode_run(run), etag)
        if run.state is RunState.STOPPED:
            _tell_end(run)
        else:
            await self.queue.send(page.again(), now + _FIRST_WAIT * 2 ** (failures - 1))

    async def _send(self, run: Reconciliation) -> None:
        await self.queue.send(PageDue(kind=RunKind.RECONCILE, run=run.id, page=run.page))


def _told(fault: Exception) -> tuple[str, str]:
    """Return why an attempt failed, and what to do about it if it goes on failing."""
    match fault:
        case ConfigurationFault():
            return f"{fault.system}: {fault.reason}", fault.remedy
        case Fault():
            return str(fault), "Check the system, then start reconcile again."
        case _:
            defect = "This is a defect: report it with the stack in the log."
            return f"unexpected error ({type(fault).__name__})", defect


def _tell_end(run: Reconciliation) -> None:
    """Write the line that an alert counts."""
    if run.state is RunState.STOPPED:
        LOGGER.error("reconcile stopped: %s %s", run.reason, run.remedy, extra={"event": "reconcile-stopped"})
        return
    counts = run.accounts, run.customers, run.in_work
    if not run.differences:
        text = "reconcile found no differences; %d accounts, %d customers, %d in work"
        LOGGER.info(text, *counts, extra={"event": "reconcile-ended"})
        return
    found = ", ".join(f"{number} {kind}" for kind, number in sorted(run.found.items()))
    LOGGER.warning(
        "reconcile found differences: %s; %d accounts, %d customers, %d in work",
        *(found, *counts),
        extra={"event": "reconcile-ended"},
    )
