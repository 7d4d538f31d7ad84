"""Adds what this process has counted to the row of the minute, at most once a minute while it works.

Nothing waits for that. What a process has counted since its last row is lost if it is killed: at most a
minute of numbers, and no outcome. A row may count something twice if the answer of the table was lost.
"""

import asyncio
import time
from dataclasses import dataclass

from shared.model.faults import Fault
from shared.ports import Clock
from shared.ports.counts import Counts
from shared.telemetry import LOGGER
from shared.telemetry.activity import COUNTED

EVERY = 60.0  # seconds
_LONGEST = 10.0


@dataclass(slots=True)
class KeepMinutes:
    """One for each process."""

    counts: Counts
    clock: Clock
    _task: asyncio.Task[None] | None = None
    _next: float = 0.0

    def soon(self) -> None:
        """Store what was counted: now, or when a minute has passed since the last time. Returns at once."""
        if COUNTED.waits and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        while COUNTED.waits:
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + EVERY
            await self.store()

    async def store(self) -> None:
        """Store what was counted now. After a fault it is counted again the next time."""
        counted = COUNTED.take(self.clock.now())
        try:
            async with asyncio.timeout(_LONGEST):
                await self.counts.add(counted)
        except (Fault, TimeoutError) as trouble:
            COUNTED.give_back(counted)
            LOGGER.warning("the row of the minute was not stored: %s", trouble)
