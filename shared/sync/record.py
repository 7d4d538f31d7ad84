"""Stores how the check of an account ended: the last step of every message, whatever its outcome.

The verifying check of an unknown outcome is sent before the state is stored. The one after a conflict is sent
before the message is completed. So a crash loses neither.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.model.change import WALKED
from shared.model.faults import Fault, QueueUnavailable, StateConflict
from shared.model.outcome import Ending, Outcome, Problem
from shared.model.state import LogEntry, Phase, Stored
from shared.ports import ChangeQueue, Clock, Issues
from shared.sync.freshness import RecentStates, Work
from shared.telemetry import LOGGER, SPAN, last_attempt

_AFTER_UNKNOWN = timedelta(seconds=1)
_AFTER_CONFLICT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Record:
    """Stores the account's state, and adds or removes its row in Issues.

    `field_map` is the fingerprint of the field map in use.
    """

    queue: ChangeQueue
    issues: Issues
    clock: Clock
    field_map: str
    recent: RecentStates

    @SPAN("record")
    async def settled(self, work: Work, phase: Phase, outcome: Outcome) -> Outcome:
        """Remove the issue that the account had, and store that the check ended without a problem."""
        await self._remove_issue(work)
        if phase is Phase.SYNCED:
            work.state = replace(work.state, field_map=self.field_map)
        await self._store(work, phase, outcome)
        return outcome

    async def covered(self, work: Work) -> Outcome:
        """Note the covered check of a walk in the account's log, once: the walk looks for the note there."""
        done, change, state = Outcome(Ending.COVERED), work.change, work.state
        known = any(entry.operation_id == str(change.operation_id) for entry in state.log)
        if change.source in WALKED and state.phase is not None and not known:
            self._prepare(work, state.phase, done)
            await self._put(work)
        return done

    @SPAN("record")
    async def parked(self, work: Work, problem: Problem, outcome: Outcome) -> Outcome:
        """Park the account: store the state, then write the row in Issues that it names.

        In this order no row is left of an account that is not parked: who dies in between does the check
        again, and who finds that another worker was faster writes no row.
        """
        if work.state.issue != problem.key:
            await self._remove_issue(work)
        work.state = replace(work.state, issue=problem.key)
        if await self._store(work, Phase.PARKED, outcome):
            await self.issues.put(work.state.account_id, problem, self.clock.now())
        return outcome

    @SPAN("record")
    async def retrying(self, work: Work, outcome: Outcome) -> None:
        """Free the lease and store what is waited for. A fault is logged: the copy itself needs no table.

        Raises QueueUnavailable.
        """
        try:
            await self._check_after_unknown(work)
            self._prepare(work, Phase.RETRYING, outcome)
            await self._put(work)
        except QueueUnavailable:
            raise
        except Fault as trouble:
            LOGGER.warning("the state of account %s was not stored: %s", work.change.account_id, trouble)

    async def _remove_issue(self, work: Work) -> None:
        """Remove the account's row in Issues. The state names it until then, so that no row is forgotten."""
        if work.state.issue is not None:
            await self.issues.remove(work.state.issue, work.state.account_id)
            work.state = replace(work.state, issue=None)

    async def _store(self, work: Work, phase: Phase, outcome: Outcome) -> bool:
        """Store the state; False if another worker was faster, for which a verifying check is sent."""
        until = work.state.unknown_until
        if until is not None and work.change.verify and not work.unknown_added and self.clock.now() < until:
            await self._check_again(work, until)
        await self._check_after_unknown(work)
        self._prepare(work, phase, outcome)
        remembered = self.recent.remembers(work.state.account_id)
        try:
            await self._put(work)
        except StateConflict:
            if remembered and outcome.ending is Ending.UNCHANGED:  # the row, not yet read, decides
                raise
            await self.queue.send(work.verifying_check(), self.clock.now() + _AFTER_CONFLICT)
            return False
        return True

    async def _put(self, work: Work) -> None:
        self.recent.forget(work.state.account_id)
        await work.store()
        self.recent.keep(Stored(work.state, work.etag))

    async def _check_again(self, work: Work, until: datetime) -> None:
        """Send a verifying check again that came too early by our clock, because the queue's clock is ahead.

        The new due time adds the difference, so that the check comes after the end by our clock too.
        """
        early = until - self.clock.now()
        await self.queue.send(work.verifying_check(), until + early + 2 * _AFTER_UNKNOWN)

    async def _check_after_unknown(self, work: Work) -> None:
        until = work.state.unknown_until
        if work.unknown_added and until is not None:
            await self.queue.send(work.verifying_check(), until + _AFTER_UNKNOWN)
            work.unknown_added = False

    def _prepare(self, work: Work, phase: Phase, outcome: Outcome) -> None:
        change = work.change
        detail = outcome.detail or ",".join(outcome.fields)
        entry = LogEntry(
            at=self.clock.now().isoformat(timespec="milliseconds"),
            outcome=str(outcome.ending),
            detail=detail[:300],
            source=str(change.source),
            kind=str(change.kind),
            operation_id=str(change.operation_id),
            attempt=change.attempt,
            note=change.note[:200],
        )
        since = work.state.retrying_since or self.clock.now() if phase is Phase.RETRYING else None
        work.state = replace(work.state, phase=phase, lease=None, retrying_since=since).logged(entry)
        steps = last_attempt(change, outcome.ending, self.clock.now())
        work.state = replace(work.state, last_attempt=steps)
