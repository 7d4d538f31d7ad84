"""Catch-up: finds the changes in Sales whose events did not come, and sends a check for each.

In: what Sales says has changed, page by page, and the versions in AccountSync. Out: checks, due once
`TRANSACTION_MARGIN_SECONDS` have passed, so that a live event comes first; the check is then covered. The
place of the next page is stored after the checks of a page were sent: a run that is cut off loses nothing,
and the page that is read again costs little.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shared.load import silence
from shared.load.missed import check, missed, spread
from shared.load.passes import WHOLE, advanced, begun, refused, takes_unknown
from shared.model.catch_up import (
    CatchUpState,
    ChangedAccount,
    ChangePage,
    KnownAccount,
    Noted,
    Refusal,
    Tally,
    Walk,
)
from shared.model.faults import Fault, System, TransientFault
from shared.ports import ChangeQueue, Clock
from shared.ports.catch_up import AccountChanges, CatchUpNotes, KnownAccounts
from shared.ports.counts import Counts
from shared.resilience.circuit_breaker import Breakers
from shared.telemetry import LOGGER

LONGEST = timedelta(seconds=45)  # of a run
_NO_NEW_PAGE = timedelta(seconds=30)
_MOST_CHECKS = 5_000  # of a run: no page begins after so many
_EARLY = timedelta(seconds=30)  # the timer fires once a minute


@dataclass(frozen=True, slots=True)
class CatchUpRules:
    """`every`: how often a pass begins, zero: only when a person asks. `margin` is the transaction margin."""

    every: timedelta
    margin: timedelta
    silence: timedelta
    organization_id: UUID | None


@dataclass(slots=True)
class _Run:
    """One run: the state with its ETag, and when no new page begins. `dry` sends and stores nothing."""

    state: CatchUpState
    etag: str | None
    until: datetime
    dry: bool = False
    sent: int = 0


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The use case behind the function `catch_up` and the command."""

    changes: AccountChanges
    known: KnownAccounts
    notes: CatchUpNotes
    counts: Counts
    queue: ChangeQueue
    breakers: Breakers
    clock: Clock
    rules: CatchUpRules

    async def run_if_due(self) -> None:
        """Do what is due in less than a minute; the next run goes on. Raises faults of the Table service."""
        noted = await self.notes.read()
        if not self._is_due(noted):
            return
        run = self._run(noted)
        trouble, away = await self._try(run, noted)
        if trouble:
            LOGGER.warning("catch-up stopped: %s", trouble)
        if trouble and _waiting(noted):
            told = replace(run.state, answered=_waiting(noted), serves="", trouble=trouble, away=away)
            await self.notes.write(told, run.etag)

    async def count(self) -> CatchUpState:
        """Return how a pass would end, or where it would be after 45 seconds. Sends and stores nothing.

        Raises TransientFault if no page was read in that time.
        """
        run = self._run(await self.notes.read(), dry=True)
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                await self._go_on(run, "")
        except TimeoutError as error:
            if run.state.tally == Tally():
                reason = f"no page was read within {LONGEST.total_seconds():.0f} s"
                raise TransientFault(System.DATAVERSE, reason) from error
        return run.state

    def _is_due(self, noted: Noted) -> bool:
        state = noted.state
        if state.walk is not None or _waiting(noted):
            return True
        if not self.rules.every:
            return False
        return state.last is None or self.clock.now() - state.last.at >= self.rules.every - _EARLY

    def _run(self, noted: Noted, *, dry: bool = False) -> _Run:
        return _Run(noted.state, noted.etag, self.clock.now() + _NO_NEW_PAGE, dry)

    async def _try(self, run: _Run, noted: Noted) -> tuple[str, bool]:
        """Do the run; return what prevented or ended it, if anything, and whether a system is away."""
        if (wait := await self.breakers.admit()) is not None:
            return wait.reason, not wait.paused
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                await self._go_on(run, _waiting(noted))
        except TimeoutError:
            return f"no page was read and sent within {LONGEST.total_seconds():.0f} s", True
        except Fault as fault:
            return str(fault), isinstance(fault, TransientFault)
        state = run.state
        tally = state.last.tally if state.walk is None and state.last else state.tally
        LOGGER.info("catch-up: %d accounts read, %d checks sent", tally.accounts, tally.checks)
        return "", False

    async def _go_on(self, run: _Run, request: str) -> None:
        if run.state.walk is None:
            run.state = begun(await self._judge_silence(run.state), request)
        while run.state.walk is not None and self.clock.now() < run.until and run.sent < _MOST_CHECKS:
            if run.state.walk is Walk.DELETIONS:
                await self._look_for_deletions(run)
            else:
                await self._read_page(run)

    async def _read_page(self, run: _Run) -> None:
        before = run.state
        found = await self._page(before)
        if isinstance(found, Refusal):
            await self._store(run, refused(before, found))
            if run.state.walk is before.walk:
                raise TransientFault(System.DATAVERSE, "refuses the link to a page: the pass begins anew")
            return
        known = await self.known.of([account.account_id for account in found.accounts])
        wanted = missed(found.accounts, known, unknown_too=takes_unknown(before))
        await self._send(run, wanted, known, found.at)
        run.state = replace(run.state, tally=_counted(run.state, len(found.accounts), wanted))
        await self._store(run, advanced(run.state, found, self.clock.now()))

    async def _page(self, state: CatchUpState) -> ChangePage | Refusal:
        if state.page:
            return await self.changes.follow(state.page, tracked=state.walk in WHOLE)
        if state.walk is Walk.MODIFIED:
            return await self.changes.modified_since(state.since and state.since - self.rules.margin)
        return await self.changes.begin()

    async def _look_for_deletions(self, run: _Run) -> None:
        """Ask Sales for a page of the accounts in AccountSync; the others were deleted."""
        page, now = await self.known.present(run.state.page), self.clock.now()
        known = {account.account_id: account for account in page.rows}
        gone = known.keys() - await self.changes.existing(known.keys())
        wanted = [ChangedAccount(account_id, None) for account_id in gone]
        await self._send(run, wanted, known, now)
        run.state = replace(run.state, tally=_counted(run.state, 0, wanted))
        await self._store(run, advanced(run.state, ChangePage([], now, page.after), now))

    async def _send(
        self, run: _Run, wanted: list[ChangedAccount], known: Mapping[UUID, KnownAccount], seen_at: datetime
    ) -> None:
        """Send a check for each account, due after the transaction margin and one after the other."""
        if not wanted or run.dry:
            return
        own = self.rules.organization_id or await self.changes.organization()
        checks = [
            check(one, found.organization_id if (found := known.get(one.account_id)) else own, seen_at)
            for one in wanted
        ]
        first = max(self.clock.now() + self.rules.margin, run.state.next_due or seen_at)
        dated, next_due = spread(checks, first)
        await self.queue.send_all(dated)
        run.state, run.sent = replace(run.state, next_due=next_due), run.sent + len(checks)

    async def _judge_silence(self, state: CatchUpState) -> CatchUpState:
        """Read the minutes since the newest event, and say it if no events come."""
        since = silence.read_from(state.silence, self.clock.now(), self.rules.silence)
        found = silence.judged(state.silence, await self.counts.since(since), self.rules.silence)
        if found.missing:
            LOGGER.error("events missing: %s", found.missing)
        return replace(state, silence=found)

    async def _store(self, run: _Run, state: CatchUpState) -> None:
        if not run.dry:
            run.etag = await self.notes.write(state, run.etag)
        run.state = state


def _waiting(noted: Noted) -> str:
    """Return the id of the request that no pass has served, "" if there is none."""
    request = noted.request
    return request.id if request and request.id != noted.state.answered else ""


def _counted(state: CatchUpState, accounts: int, wanted: list[ChangedAccount]) -> Tally:
    deletions = sum(account.version is None for account in wanted)
    return state.tally.plus(accounts, len(wanted), deletions)
