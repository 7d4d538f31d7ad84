"""Explains one account: what happened, its values in both systems now, and the next step in words.

Reads only. If a system does not answer, only its part of the answer is missing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.diagnostics.next_step import Facts, next_step
from shared.diagnostics.preview import FieldPreview, Preview, PreviewSync
from shared.diagnostics.status import held, read_or
from shared.model.account import SystemJob
from shared.model.issue import Issue
from shared.model.state import SyncState
from shared.ports import Clock, Control, Issues, SalesInquiry, SyncStates


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event or check: when, who caused it, how it ended, and why."""

    at: str
    source: str
    event: str
    outcome: str
    detail: str = ""
    attempt: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All facts about one account. `differences`: mapped fields that differ between Sales and the ERP."""

    account_id: UUID
    state: SyncState | None
    issue: Issue | None
    timeline: Sequence[TimelineEntry]
    preview: Preview | None
    differences: Sequence[FieldPreview]
    troubles: Sequence[str]
    next_step: str


@dataclass(frozen=True, slots=True)
class Explain:
    """The use case behind `accountsync explain`; `erp` is the name of the ERP in use."""

    states: SyncStates
    issues: Issues
    sales: SalesInquiry
    control: Control
    preview: PreviewSync
    clock: Clock
    erp: str

    async def of(self, account_id: UUID) -> Explanation:
        """Explain this account. May raise faults of the tables."""
        stored = await self.states.get(account_id)
        state = stored.state if stored else None
        issue = await self._issue(state)
        breakers = [breaker for breaker, _ in (await self.control.breakers()).values()]
        troubles: list[str] = []
        jobs, preview = await asyncio.gather(
            read_or(self.sales.jobs(account_id), [], "The jobs of Sales were not read", troubles),
            read_or(self.preview.of(account_id), None, "The two sides were not compared", troubles),
        )
        differences = [field for field in preview.fields if field.differs] if preview else []
        stopping = held(breakers, self.clock.now())
        facts = Facts(state, issue, jobs, preview, differences, stopping, troubles, self.erp)
        timeline, step = _timeline(state, jobs), next_step(account_id, facts)
        return Explanation(account_id, state, issue, timeline, preview, differences, troubles, step)

    async def _issue(self, state: SyncState | None) -> Issue | None:
        if state is None or state.issue is None:
            return None
        rows = await self.issues.report(state.issue)
        return next((row for row in rows if row.account_id == state.account_id), None)


def _timeline(state: SyncState | None, jobs: Sequence[SystemJob]) -> list[TimelineEntry]:
    """Return the account's log and the unfinished jobs of Sales, in order of time."""
    log = state.log if state else ()
    entries = [TimelineEntry(e.at, e.source, e.kind, e.outcome, e.detail, e.attempt, e.note) for e in log]
    for job in jobs:
        at = job.created_at.isoformat() if job.created_at else ""
        entries.append(TimelineEntry(at, "sales", job.name, job.status, job.message))
    return sorted(entries, key=lambda entry: datetime.fromisoformat(entry.at).timestamp() if entry.at else 0)
