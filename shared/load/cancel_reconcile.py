"""Ends a run that compares both systems, because a person asks."""

from dataclasses import replace

from shared.model.faults import StateConflict
from shared.model.page import RunKind
from shared.model.reconciliation import Reconciliation, RunState, decode_run, encode_run
from shared.ports import Clock
from shared.ports.pages import Runs

_ATTEMPTS = 20  # the app writes the row at every page, perhaps just now


class NoRunError(Exception):
    """No run goes on, so there is nothing to cancel."""


async def cancel_run(runs: Runs, clock: Clock, by: str) -> Reconciliation:
    """End the run that goes on. What it found so far is kept; its next page is not done.

    Raises NoRunError, and StateConflict if the app was faster each time.
    """
    for _ in range(_ATTEMPTS):
        stored = await runs.read(RunKind.RECONCILE)
        run = decode_run(stored.document) if stored else None
        if stored is None or run is None or run.state is not RunState.RUNNING:
            raise NoRunError("No comparison of both systems goes on: nothing was changed.")
        reason = f"cancelled by {by}"
        run = replace(run, state=RunState.CANCELLED, changed_at=clock.now(), reason=reason, remedy="")
        try:
            await runs.write(RunKind.RECONCILE, encode_run(run), stored.etag)
        except StateConflict:
            continue
        return run
    raise StateConflict
