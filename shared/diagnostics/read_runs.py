"""Reads the newest first load and the newest comparison of both systems, and says what they need."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from shared.model.load import LoadRun, LoadState, decode_load
from shared.model.page import RunKind
from shared.model.reconciliation import Reconciliation, RunState, decode_run
from shared.ports.pages import Runs


@dataclass(frozen=True, slots=True)
class NewestRuns:
    """The newest run of each kind, if there was one."""

    load: LoadRun | None = None
    comparison: Reconciliation | None = None

    @property
    def attention(self) -> list[str]:
        """Say what needs a person: one sentence each, with what to do."""
        found: list[str] = []
        load, run = self.load, self.comparison
        if load is not None and load.state in {LoadState.PAUSED, LoadState.STOPPED}:
            found.append(f"The first load is {load.state}: {load.cause.rstrip('.')}. {load.remedy}".strip())
        if run is not None and run.state is RunState.STOPPED:
            found.append(f"The comparison was stopped: {run.reason.rstrip('.')}. {run.remedy}".strip())
        return found


NO_RUNS = NewestRuns()


async def newest_runs(runs: Runs) -> NewestRuns:
    """Read both rows. Raises faults of the tables."""
    load, comparison = await asyncio.gather(runs.read(RunKind.LOAD), runs.read(RunKind.RECONCILE))
    return NewestRuns(
        decode_load(load.document) if load else None,
        decode_run(comparison.document) if comparison else None,
    )


def rate_of(run: LoadRun, now: datetime) -> float:
    """Return the checks a minute since the load began."""
    seconds = ((run.ended_at or now) - run.begun_at).total_seconds()
    return run.sent * 60 / seconds if seconds > 1 else 0.0


def seconds_left(run: LoadRun, now: datetime) -> float | None:
    """Return how long a load that goes on takes at its present rate, if that can be said."""
    rate = rate_of(run, now)
    left = max(0, run.total - run.sent)
    return left * 60 / rate if run.state is LoadState.RUNNING and rate else None
