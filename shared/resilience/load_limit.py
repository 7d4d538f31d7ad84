"""The limit of a first load: how many customers it may create, all instances together.

At the limit the load is paused, and the check that met it waits as a scheduled copy: nothing is parked. The
hourly ceiling does not count these creations.
"""

import asyncio
from collections.abc import Sequence
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


@dataclass(slots=True, eq=False)
class _Asked:
    """A creation that asks to be counted, and the answer: counted, or refused by the load as it is."""

    change: AccountChange
    counted: bool | None = None
    load: LoadRun | None = None


@dataclass(slots=True)
class LoadLimit:
    """Counts the creations of the newest load, all that ask at the same time in one request.

    Nothing is taken in advance: a share that is not used up would be lost in a crash.
    """

    allowances: Control
    runs: Runs
    clock: Clock
    _run: LoadRun | None = None
    _read_at: datetime | None = None
    _returned: int = 0
    _asking: list[_Asked] = field(default_factory=list[_Asked])
    _reserving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def allow(self, change: AccountChange) -> None:
        """Count one. Raises NotYet at the limit, and AccountFault if the load was cancelled."""
        if self._returned:
            self._returned -= 1
            return
        asked = _Asked(change)
        self._asking.append(asked)
        try:
            async with self._reserving:
                if asked.counted is None:
                    await self._count(tuple(self._asking))
        except asyncio.CancelledError:
            self._returned += bool(asked.counted)
            raise
        finally:
            if asked in self._asking:
                self._asking.remove(asked)
        if asked.counted:
            return
        run = asked.load
        if run is None or run.state is LoadState.CANCELLED:
            raise AccountFault(Problem(Cause.GUARD_TRIPPED, value="creates"))
        raise NotYet(self.clock.now() + _WAIT, f"the load has created {run.max_creates} customers, its limit")

    def give_back(self) -> None:
        """Return one that certainly changed nothing in the ERP."""
        self._returned += 1

    async def _count(self, asked: Sequence[_Asked]) -> None:
        """Count all that ask, and pause the load if its limit does not allow them all."""
        run = await self._current(asked)
        counted = await self._reserve(run, len(asked))
        if counted < len(asked):
            run = await self._fresh()  # the limit may have been raised a moment ago
            counted += await self._reserve(run, len(asked) - counted)
        for place, one in enumerate(asked):
            one.counted, one.load = place < counted, run
        if counted < len(asked) and run is not None and run.state is not LoadState.CANCELLED:
            await self._pause(run)

    async def _reserve(self, run: LoadRun | None, wanted: int) -> int:
        if run is None:
            return 0
        hour = run.begun_at.replace(minute=0, second=0, microsecond=0)
        return await self.allowances.reserve(run.allowance, hour, wanted, run.max_creates)

    async def _current(self, asked: Sequence[_Asked]) -> LoadRun | None:
        """Return the newest load, from a copy if all changes are of that load."""
        run, now = self._run, self.clock.now()
        if run is None or self._read_at is None or now - self._read_at > _KEPT:
            return await self._fresh()
        changes = [one.change for one in asked]
        of_it = all(run.operation(change.account_id) == change.operation_id for change in changes)
        return run if of_it else await self._fresh()

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
