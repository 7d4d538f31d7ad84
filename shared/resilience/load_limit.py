"""The limit of a first load: how many customers it may create, all instances together.

At the limit the load is paused, and the check that met it waits as a scheduled copy: nothing is parked. The
hourly ceiling does not count these creations.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.model.change import AccountChange
from shared.model.faults import AccountFault, NotYet, StateConflict
from shared.model.load import LoadRun, LoadState, decode_load, encode_load
from shared.model.outcome import Cause, Problem
from shared.model.page import RunKind
from shared.ports import Clock, Control
from shared.ports.pages import Runs
from shared.telemetry import LOGGER

_KEPT = timedelta(seconds=5)
_WAIT = timedelta(seconds=60)


@dataclass(slots=True)
class LoadLimit:
    """Counts the creations of the newest load, one by one: a share taken in advance is lost in a crash."""

    allowances: Control
    runs: Runs
    clock: Clock
    _run: LoadRun | None = None
    _read_at: datetime | None = None
    _returned: int = 0
    _reserving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def allow(self, change: AccountChange) -> None:
        """Count one. Raises NotYet at the limit, and AccountFault if the load was cancelled."""
        async with self._reserving:
            if self._returned:
                self._returned -= 1
                return
            run = await self._current(change)
            if run is not None and await self._reserved(run):
                return
            run = await self._fresh()  # the limit may have been raised a moment ago
            if run is not None and await self._reserved(run):
                return
        if run is None or run.state is LoadState.CANCELLED:
            raise AccountFault(Problem(Cause.GUARD_TRIPPED, value="creates"))
        await self._pause(run)
        raise NotYet(self.clock.now() + _WAIT, f"the load has created {run.max_creates} customers, its limit")

    def give_back(self) -> None:
        """Return one that certainly changed nothing in the ERP."""
        self._returned += 1

    async def _reserved(self, run: LoadRun) -> bool:
        hour = run.begun_at.replace(minute=0, second=0, microsecond=0)
        return bool(await self.allowances.reserve(run.allowance, hour, 1, run.max_creates))

    async def _current(self, change: AccountChange) -> LoadRun | None:
        """Return the newest load, from a copy if the change is one of that load."""
        run, now = self._run, self.clock.now()
        if run is None or self._read_at is None or now - self._read_at > _KEPT:
            return await self._fresh()
        return run if run.operation(change.account_id) == change.operation_id else await self._fresh()

    async def _fresh(self) -> LoadRun | None:
        stored = await self.runs.read(RunKind.LOAD)
        self._run, self._read_at = decode_load(stored.document) if stored else None, self.clock.now()
        return self._run

    async def _pause(self, run: LoadRun) -> None:
        """Pause the load, unless it stands already or another instance is faster.

        A load that is done goes back to paused, because one of its checks has not ended.
        """
        stored = await self.runs.read(RunKind.LOAD)
        newest = decode_load(stored.document) if stored else None
        if stored is None or newest is None or newest.id != run.id:
            return
        if newest.state not in {LoadState.RUNNING, LoadState.DONE} or newest.max_creates > run.max_creates:
            return
        cause = f"the load has created {run.max_creates:,} customers, its limit"
        remedy = "Check the customers, then `accountsync load resume --max-creates N` with a higher number."
        paused = newest.halted(LoadState.PAUSED, cause, remedy)
        try:
            await self.runs.write(RunKind.LOAD, encode_load(paused), stored.etag)
        except StateConflict:
            return
        LOGGER.error("load paused: %s", cause, extra={"event": "load-paused"})
